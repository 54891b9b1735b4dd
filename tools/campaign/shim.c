// What strace can not do to the daemon: writes that are done in part, and libraries that lie.
//
// Preloaded into the daemon. SHIM_MODE names what it does; SHIM_CONTROL is a file of five numbers
// that the campaign shares: whether it is armed, the first occurrence to act on, whether also on
// those behind it, how many were seen, and how often it acted. Modes:
//   short-pwrite, short-write   half of the bytes are written, which a caller must go on from
//   reset-read, reset-write     a socket fails as when its peer is gone; strace can not tell it
//                               from a timer, of which no kernel says that
//   swallow-sync, swallow-write, swallow-read   a failure is told as success
//   retry-sync                  a failed sync is tried again, as if that said anything
//   late-write                  a write to the log is done with the next one only
//   trap, spin                  the process dies, or never comes back, where a sync fails
// All but these four are canaries: the campaign must find them.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

struct control { atomic_int armed, first, onward, seen, done; };

static struct control nothing, *control = &nothing;
static const char *mode = "";
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_pread)(int, void *, size_t, off_t);
static ssize_t (*real_read)(int, void *, size_t);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static int (*real_fdatasync)(int);

__attribute__((constructor)) static void begin(void) {
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_pread = dlsym(RTLD_NEXT, "pread64");
    real_read = dlsym(RTLD_NEXT, "read");
    real_write = dlsym(RTLD_NEXT, "write");
    real_writev = dlsym(RTLD_NEXT, "writev");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    if (getenv("SHIM_MODE")) mode = getenv("SHIM_MODE");
    const char *path = getenv("SHIM_CONTROL");
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *map = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (map != MAP_FAILED) control = map;
    close(file);
}

static int is(const char *wanted) { return strcmp(mode, wanted) == 0; }

// Whether to act on this occurrence.
static int due(void) {
    if (!control->armed) return 0;
    int number = atomic_fetch_add(&control->seen, 1) + 1;
    if (number < control->first || (number > control->first && !control->onward)) return 0;
    atomic_fetch_add(&control->done, 1);
    return 1;
}

// How much of a write is done: what goes past the page cache is written in whole blocks.
static size_t part(int file, size_t count) {
    size_t unit = fcntl(file, F_GETFL) & O_DIRECT ? 4096 : 1;
    size_t half = count / 2 / unit * unit;
    return half ? half : count;
}

static int is_log(int file) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 4) return 0;
    path[length] = 0;
    return strcmp(path + length - 4, ".seg") == 0;
}

static ssize_t late_write(int file, const void *bytes, size_t count, off_t offset) {
    static void *held;
    static size_t held_count;
    static off_t held_offset;
    static int held_file = -1;
    if (held && real_pwrite(held_file, held, held_count, held_offset) < 0) return -1;
    if (!control->armed) {
        free(held);
        held = NULL;
        return real_pwrite(file, bytes, count, offset);
    }
    void *copy = NULL;
    if (posix_memalign(&copy, 4096, count)) return -1;
    free(held);
    memcpy(copy, bytes, count);
    held = copy, held_count = count, held_offset = offset, held_file = file;
    return (ssize_t)count;
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off_t offset) {
    if (is("late-write") && is_log(file)) return late_write(file, bytes, count, offset);
    if (is("short-pwrite") && part(file, count) < count && due()) count = part(file, count);
    ssize_t result = real_pwrite(file, bytes, count, offset);
    if (result < 0 && is("swallow-write")) return (ssize_t)count;
    return result;
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t offset) {
    return pwrite64(file, bytes, count, offset);
}

ssize_t pread64(int file, void *bytes, size_t count, off_t offset) {
    ssize_t result = real_pread(file, bytes, count, offset);
    if (result >= 0 || !is("swallow-read")) return result;
    memset(bytes, 0, count);
    return (ssize_t)count;
}

ssize_t pread(int file, void *bytes, size_t count, off_t offset) {
    return pread64(file, bytes, count, offset);
}

static int is_socket(int file) {
    struct stat facts;
    return fstat(file, &facts) == 0 && S_ISSOCK(facts.st_mode);
}

ssize_t read(int file, void *bytes, size_t count) {
    if (is("reset-read") && is_socket(file) && due()) {
        errno = ECONNRESET;
        return -1;
    }
    return real_read(file, bytes, count);
}

ssize_t write(int file, const void *bytes, size_t count) {
    if (is("reset-write") && is_socket(file) && due()) {
        errno = EPIPE;
        return -1;
    }
    if (is("short-write") && file > 2 && count > 8 && due()) count /= 2;
    return real_write(file, bytes, count);
}

ssize_t writev(int file, const struct iovec *parts, int count) {
    if (is("reset-write") && is_socket(file) && due()) {
        errno = EPIPE;
        return -1;
    }
    if (is("short-write") && count > 1 && due()) count = 1;
    return real_writev(file, parts, count);
}

int fdatasync(int file) {
    int result = real_fdatasync(file);
    if (result == 0) return 0;
    if (is("swallow-sync")) return 0;
    if (is("trap")) __builtin_trap();
    for (int tries = 0; is("spin") && tries < 600; tries++) sleep(1);
    for (int tries = 0; is("retry-sync") && result && tries < 9; tries++) {
        result = real_fdatasync(file);
    }
    return result;
}
