// A daemon that breaks one promise, without its being built anew: does the net hold fish?
//
// Preloaded into `tenure serve` (LD_PRELOAD). TENURE_CANARY names the promise that is broken:
//
//   no-sync       fsync and fdatasync tell success and do nothing, and files are opened without
//                 O_SYNC and O_DSYNC: what is acknowledged may be in the memory of the device
//   in-memory     the same, and files are opened without O_DIRECT: it is in that of the kernel
//   some-syncs    every tenth call of fsync or fdatasync tells success and does nothing
//   cached-tail   files are opened without O_DIRECT, and POSIX_FADV_DONTNEED does nothing: a start
//                 reads from memory what may never have reached the disk
//   cached-state  POSIX_FADV_DONTNEED does nothing: pages of the state that memory has from writes
//                 that failed are written again as if the disk had them
//
// Anything else, or nothing, ends the process before it begins: a canary that sings by mistake as
// the others do proves nothing. Calls that bypass the C library are not seen; `syscall` is.
//
//   gcc -shared -fPIC -O1 -Wall -Wextra -o canary.so canary.c -ldl

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int syncs = 1, every = 1, direct = 1, forgets = 1;
static atomic_uint calls;

__attribute__((constructor)) static void choose(void) {
    const char *name = getenv("TENURE_CANARY");
    if (name && !strcmp(name, "no-sync")) {
        syncs = 0;
    } else if (name && !strcmp(name, "in-memory")) {
        syncs = direct = 0;
    } else if (name && !strcmp(name, "some-syncs")) {
        every = 0;
    } else if (name && !strcmp(name, "cached-tail")) {
        direct = forgets = 0;
    } else if (name && !strcmp(name, "cached-state")) {
        forgets = 0;
    } else {
        fprintf(stderr, "canary: TENURE_CANARY names no promise\n");
        _exit(64);
    }
}

// The flags of an open without what this canary leaves out.
static int without(int flags) {
    if (!syncs) flags &= ~O_SYNC;  // which is O_DSYNC and a bit of its own
    if (!direct) flags &= ~O_DIRECT;
    return flags;
}

static int is_left_out(void) {
    return !syncs || (!every && atomic_fetch_add(&calls, 1) % 10 == 9);
}

int fsync(int descriptor) {
    if (is_left_out()) return 0;
    return (int)syscall(SYS_fsync, descriptor);
}

int fdatasync(int descriptor) {
    if (is_left_out()) return 0;
    return (int)syscall(SYS_fdatasync, descriptor);
}

int posix_fadvise(int descriptor, off_t start, off_t length, int advice) {
    if (!forgets && advice == POSIX_FADV_DONTNEED) return 0;
    // Unlike other calls it returns the error.
    return syscall(SYS_fadvise64, descriptor, start, length, advice) < 0 ? errno : 0;
}

static mode_t mode_of(int flags, va_list more) {
    return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(more, mode_t) : 0;
}

int open(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = mode_of(flags, more);
    va_end(more);
    return (int)syscall(SYS_openat, AT_FDCWD, path, without(flags), mode);
}

int openat(int directory, const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = mode_of(flags, more);
    va_end(more);
    return (int)syscall(SYS_openat, directory, path, without(flags), mode);
}

// openat2 has no wrapper in the C library.
long syscall(long number, ...) {
    static long (*real)(long, ...);
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "syscall");
    long words[6];
    va_list more;
    va_start(more, number);
    for (int index = 0; index < 6; index++) words[index] = va_arg(more, long);
    va_end(more);
    struct open_how how;
    if (number == SYS_openat2 && words[3] == sizeof how) {
        memcpy(&how, (void *)words[2], sizeof how);
        how.flags = (unsigned long long)(unsigned)without((int)how.flags);
        words[2] = (long)&how;
    }
    return real(number, words[0], words[1], words[2], words[3], words[4], words[5]);
}
