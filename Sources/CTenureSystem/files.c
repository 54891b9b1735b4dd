// Files by descriptor: openat2, renameat2, O_DIRECT and the rest.

#define _GNU_SOURCE
#include "CTenureSystem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#endif

static int result(long value) { return value < 0 ? -errno : (int)value; }

int tenure_open_root(const char *path) {
    int descriptor;
    do {
        descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    } while (descriptor < 0 && errno == EINTR);
    return result(descriptor);
}

int tenure_open_beneath(int directory, const char *path, int how, uint32_t mode) {
    // O_NONBLOCK: a FIFO put in the place of a file must not stop us; for files it means nothing.
    struct open_how request = {
        .flags = O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
    };
    request.flags |= (how & (TENURE_OPEN_WRITE | TENURE_OPEN_CREATE)) ? O_RDWR : O_RDONLY;
    if (how & TENURE_OPEN_CREATE) {
        request.flags |= O_CREAT | O_EXCL;
        request.mode = mode;
    }
    if (how & TENURE_OPEN_DIRECT) request.flags |= O_DIRECT;
    if (how & TENURE_OPEN_DIRECTORY) request.flags |= O_DIRECTORY;
    long descriptor;
    do {
        descriptor = syscall(SYS_openat2, directory, path, &request, sizeof request);
        // EAGAIN: a rename went on somewhere while the kernel walked the path.
    } while (descriptor < 0 && (errno == EINTR || errno == EAGAIN));
    return result(descriptor);
}

int tenure_rename(int from_directory, const char *from, int to_directory, const char *to,
                  int replace) {
    unsigned flags = replace ? 0 : RENAME_NOREPLACE;
    return result(syscall(SYS_renameat2, from_directory, from, to_directory, to, flags));
}

int tenure_unlink(int directory, const char *name) {
    return result(unlinkat(directory, name, 0));
}

int tenure_make_directory(int directory, const char *name, uint32_t mode) {
    return result(mkdirat(directory, name, mode));
}

// Not repeated on EINTR: Linux has released the descriptor by then.
int tenure_close(int descriptor) { return result(close(descriptor)); }

int64_t tenure_read(int descriptor, void *into, size_t count, uint64_t offset) {
    size_t done = 0;
    while (done < count) {
        ssize_t part = pread(descriptor, (char *)into + done, count - done, (off_t)(offset + done));
        if (part < 0 && errno == EINTR) continue;
        if (part < 0) return -errno;
        if (part == 0) break;
        done += (size_t)part;
    }
    return (int64_t)done;
}

int64_t tenure_write(int descriptor, const void *bytes, size_t count, uint64_t offset) {
    size_t done = 0;
    while (done < count) {
        ssize_t part =
            pwrite(descriptor, (const char *)bytes + done, count - done, (off_t)(offset + done));
        if (part < 0 && errno == EINTR) continue;
        if (part < 0) return -errno;
        if (part == 0) return -EIO;
        done += (size_t)part;
    }
    return (int64_t)done;
}

int tenure_truncate(int descriptor, uint64_t size) {
    int value;
    do {
        value = ftruncate(descriptor, (off_t)size);
    } while (value < 0 && errno == EINTR);
    return result(value);
}

int tenure_sync_data(int descriptor) { return result(fdatasync(descriptor)); }

int tenure_sync(int descriptor) { return result(fsync(descriptor)); }

int tenure_drop_cache(int descriptor) {
    return -posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED);
}

int tenure_lock(int descriptor, int shared) {
    int value;
    do {
        value = flock(descriptor, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB);
    } while (value < 0 && errno == EINTR);
    return result(value);
}

int tenure_unlock(int descriptor) { return result(flock(descriptor, LOCK_UN)); }

static int tell(const struct stat *status, struct tenure_file_facts *facts) {
    memset(facts, 0, sizeof *facts);
    facts->size = (uint64_t)status->st_size;
    facts->links = status->st_nlink;
    facts->device = status->st_dev;
    facts->inode = status->st_ino;
    facts->mode = status->st_mode & 07777;
    facts->owner = status->st_uid;
    facts->kind = S_ISREG(status->st_mode)   ? TENURE_KIND_REGULAR
                  : S_ISDIR(status->st_mode) ? TENURE_KIND_DIRECTORY
                                             : TENURE_KIND_OTHER;
    return 0;
}

int tenure_facts(int descriptor, struct tenure_file_facts *facts) {
    struct stat status;
    return fstat(descriptor, &status) < 0 ? -errno : tell(&status, facts);
}

int tenure_facts_at(const char *path, struct tenure_file_facts *facts) {
    struct stat status;
    return lstat(path, &status) < 0 ? -errno : tell(&status, facts);
}

uint32_t tenure_effective_user(void) { return geteuid(); }

int tenure_list(int descriptor, void *context, void (*each)(void *context, const char *name)) {
    // A descriptor of its own, because closedir closes it and readdir moves its position.
    int own = openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (own < 0) return -errno;
    DIR *stream = fdopendir(own);
    if (stream == NULL) {
        int failure = errno;
        close(own);
        return -failure;
    }
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(stream);
        if (entry == NULL) break;
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            each(context, entry->d_name);
        }
    }
    int failure = errno;
    closedir(stream);
    return -failure;
}

int tenure_file_system_facts(int descriptor, struct tenure_file_system *facts) {
    struct statfs status;
    int value;
    do {
        value = fstatfs(descriptor, &status);
    } while (value < 0 && errno == EINTR);
    if (value < 0) return -errno;
    facts->free_bytes = (uint64_t)status.f_bavail * (uint64_t)status.f_bsize;
    facts->total_bytes = (uint64_t)status.f_blocks * (uint64_t)status.f_bsize;
    facts->free_inodes = status.f_ffree;
    facts->magic = (int64_t)(uint32_t)status.f_type;
    return 0;
}
