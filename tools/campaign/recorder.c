// A disk that writes down everything that is done to it, and can be told to fail.
//
// A FUSE file system with two files. `disk` is the image, to be mounted through a loop device:
// every write and every flush that the file system above sends to its device arrives here, in the
// order in which the device was asked. `fail` holds a text of at most 63 bytes: every write to
// `disk` that contains it fails with EIO and changes nothing; `*` stands for every write and every
// flush, `!` for flushes alone, and nothing for none.
//
//   recorder IMAGE LOG MOUNTPOINT      stays in the foreground until MOUNTPOINT is unmounted
//
// The log is a run of entries in the byte order of the machine:
//
//   offset  bytes  field
//        0      8  kind: 1 write, 2 flush, 3 write of zeros, 4 write or flush made to fail
//        8      8  offset in the image
//       16      8  length in bytes; 0 of a flush
//       24         the bytes, only of kind 1
//
// An entry is complete in the log before the request that it tells of is answered, so that whoever
// reads the length of the log after the answer to something knows what that had caused until then.
// One thread serves all requests. If an entry can not be written whole the recorder aborts: a log
// with a hole would make every image that is built from it a lie.
//
//   gcc -O1 -Wall -Wextra -o recorder recorder.c $(pkg-config --cflags --libs fuse3)

#define _GNU_SOURCE
#define FUSE_USE_VERSION 31

#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { WRITE = 1, FLUSH = 2, ZEROS = 3, FAILED = 4 };

static int image, entries;
static off_t size;
static char failing[64];

static void record(enum kind kind, off_t offset, size_t length, const char *bytes) {
    uint64_t header[3] = {kind, (uint64_t)offset, length};
    struct iovec parts[2] = {{header, sizeof header}, {(void *)bytes, bytes ? length : 0}};
    size_t whole = parts[0].iov_len + parts[1].iov_len;
    ssize_t written = writev(entries, parts, 2);
    if (written != (ssize_t)whole) {
        fprintf(stderr, "recorder: the log took %zd of %zu bytes: %m\n", written, whole);
        abort();
    }
}

static int is_zero(const char *bytes, size_t length) {
    return length && !bytes[0] && !memcmp(bytes, bytes + 1, length - 1);
}

static int is_disk(const char *path) {
    return !strcmp(path, "/disk");
}

static int is_switch(const char *path) {
    return !strcmp(path, "/fail");
}

static int look(const char *path, struct stat *facts, struct fuse_file_info *file) {
    (void)file;
    memset(facts, 0, sizeof *facts);
    if (!strcmp(path, "/")) {
        facts->st_mode = S_IFDIR | 0700;
        facts->st_nlink = 2;
    } else if (is_disk(path) || is_switch(path)) {
        facts->st_mode = S_IFREG | 0600;
        facts->st_nlink = 1;
        facts->st_size = is_disk(path) ? size : (off_t)strlen(failing);
    } else {
        return -ENOENT;
    }
    return 0;
}

static int begin(const char *path, struct fuse_file_info *file) {
    if (!is_disk(path) && !is_switch(path)) return -ENOENT;
    // The kernel may leave it to the opening to empty a file.
    if (is_switch(path) && (file->flags & O_TRUNC)) memset(failing, 0, sizeof failing);
    // Nothing may stay in the page cache of this file: it would not be told of.
    file->direct_io = 1;
    return 0;
}

static int get(const char *path, char *bytes, size_t length, off_t offset,
               struct fuse_file_info *file) {
    (void)file;
    if (!is_disk(path)) return 0;
    ssize_t count = pread(image, bytes, length, offset);
    return count < 0 ? -errno : (int)count;
}

static int set_switch(const char *bytes, size_t length, off_t offset) {
    if (offset != 0 || length >= sizeof failing) return -EINVAL;
    memset(failing, 0, sizeof failing);
    memcpy(failing, bytes, length);
    return (int)length;
}

static int must_fail(const char *bytes, size_t length) {
    if (!failing[0] || !strcmp(failing, "!")) return 0;
    return !strcmp(failing, "*") || memmem(bytes, length, failing, strlen(failing));
}

static int put(const char *path, const char *bytes, size_t length, off_t offset,
               struct fuse_file_info *file) {
    (void)file;
    if (is_switch(path)) return set_switch(bytes, length, offset);
    if (offset < 0 || offset > size || (off_t)length > size - offset) return -ENOSPC;
    if (must_fail(bytes, length)) {
        record(FAILED, offset, length, NULL);
        return -EIO;
    }
    int zero = is_zero(bytes, length);
    record(zero ? ZEROS : WRITE, offset, length, zero ? NULL : bytes);
    ssize_t count = pwrite(image, bytes, length, offset);
    return count < 0 ? -errno : (int)count;
}

// To empty the switch; the disk keeps its size.
static int cut(const char *path, off_t length, struct fuse_file_info *file) {
    (void)file;
    if (is_switch(path) && length == 0) {
        memset(failing, 0, sizeof failing);
        return 0;
    }
    return is_disk(path) && length == size ? 0 : -EPERM;
}

static int flush(const char *path, int data_only, struct fuse_file_info *file) {
    (void)data_only;
    (void)file;
    if (!is_disk(path)) return 0;
    int fails = !strcmp(failing, "*") || !strcmp(failing, "!");
    record(fails ? FAILED : FLUSH, 0, 0, NULL);
    return fails ? -EIO : 0;
}

static void *prepare(struct fuse_conn_info *connection, struct fuse_config *config) {
    (void)connection;
    config->direct_io = 1;
    config->attr_timeout = config->entry_timeout = 0;
    return NULL;
}

static const struct fuse_operations operations = {
    .getattr = look, .open = begin, .read = get, .write = put, .truncate = cut, .fsync = flush,
    .init = prepare,
};

int main(int count, char **words) {
    if (count != 4) {
        fprintf(stderr, "usage: recorder IMAGE LOG MOUNTPOINT\n");
        return 64;
    }
    struct stat facts;
    image = open(words[1], O_RDWR | O_CLOEXEC);
    entries = open(words[2], O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
    if (image < 0 || entries < 0 || fstat(image, &facts) < 0) {
        fprintf(stderr, "recorder: %s, %s: %m\n", words[1], words[2]);
        return 74;
    }
    size = facts.st_size;
    char *arguments[] = {words[0], "-f", "-s", words[3], NULL};
    return fuse_main(4, arguments, &operations, NULL);
}
