// Processes, peers of a socket, and threads.

#define _GNU_SOURCE
#include "CTenureSystem.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

int tenure_pidfd_open(int32_t pid) {
    // The kernel sets close-on-exec on every pidfd.
    long descriptor = syscall(SYS_pidfd_open, pid, 0);
    return descriptor < 0 ? -errno : (int)descriptor;
}

void tenure_bound_heap(void) {
    // Rows come and go in generations, allocated by one thread and freed by another: few arenas,
    // large blocks on maps of their own, and free memory at the top given back early.
    mallopt(M_ARENA_MAX, 2);
    mallopt(M_MMAP_THRESHOLD, 64 << 10);
    mallopt(M_TRIM_THRESHOLD, 1 << 20);
}

static sem_t arrived;
// How often each signal has come and was not told of yet: none takes the place of another.
static int pending[65];

static void note_signal(int number) {
    int before = errno;
    __atomic_add_fetch(&pending[number], 1, __ATOMIC_SEQ_CST);
    sem_post(&arrived);
    errno = before;
}

int tenure_signals_catch(const int *numbers, int count) {
    if (sem_init(&arrived, 0, 0) < 0) return -errno;
    struct sigaction action = {.sa_handler = note_signal, .sa_flags = SA_RESTART};
    sigfillset(&action.sa_mask);
    for (int index = 0; index < count; index++) {
        if (sigaction(numbers[index], &action, NULL) < 0) return -errno;
    }
    return 0;
}

int tenure_signal_wait(void) {
    while (sem_wait(&arrived) < 0) {}
    // One signal was counted before each post, and only this thread counts down.
    for (int number = 1;; number = number % 64 + 1) {
        if (__atomic_load_n(&pending[number], __ATOMIC_SEQ_CST) == 0) continue;
        __atomic_sub_fetch(&pending[number], 1, __ATOMIC_SEQ_CST);
        return number;
    }
}

int tenure_event_open(void) {
    int descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return descriptor < 0 ? -errno : descriptor;
}

int tenure_peer_credentials(int socket, struct tenure_peer *peer) {
    struct ucred credentials;
    socklen_t length = sizeof credentials;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length) < 0) return -errno;
    if (length != sizeof credentials) return -EINVAL;
    peer->pid = credentials.pid;
    peer->uid = credentials.uid;
    peer->gid = credentials.gid;
    return 0;
}

int tenure_peer_groups(int socket, uint32_t *groups, int room) {
    socklen_t length = (socklen_t)room * sizeof *groups;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups, &length) < 0) return -errno;
    return (int)(length / sizeof *groups);
}

struct start {
    void *context;
    void (*body)(void *);
};

static void *run(void *argument) {
    struct start start = *(struct start *)argument;
    free(argument);
    start.body(start.context);
    return NULL;
}

int tenure_thread_start(uint64_t *thread, void *context, void (*body)(void *)) {
    struct start *start = malloc(sizeof *start);
    if (start == NULL) return -ENOMEM;
    start->context = context;
    start->body = body;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t handle;
    int failure = pthread_create(&handle, NULL, run, start);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failure != 0) {
        free(start);
        return -failure;
    }
    *thread = (uint64_t)handle;
    return 0;
}

void tenure_thread_describe(const char *name, int niceness) {
    pthread_setname_np(pthread_self(), name);
    if (niceness > 0) setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), niceness);
}

int tenure_thread_join(uint64_t thread) { return -pthread_join((pthread_t)thread, NULL); }

// One event loop's worth of descriptors; how many were opened goes to `count`.
static int try_event_loop(int *opened, int *count) {
  // Both calls are made by libraries: either may be what a filter of system calls forbids.
  int old = epoll_create(1);
  if (old < 0) return -errno;
  opened[(*count)++] = old;
  int poll = epoll_create1(EPOLL_CLOEXEC);
  if (poll < 0) return -errno;
  opened[(*count)++] = poll;
  for (int index = 0; index < 4; index++) {
    int source = index % 2 == 0 ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)
                                : timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (source < 0) return -errno;
    opened[(*count)++] = source;
    struct epoll_event event = {.events = EPOLLIN};
    if (epoll_ctl(poll, EPOLL_CTL_ADD, source, &event) != 0) return -errno;
  }
  return 0;
}

int tenure_event_loops_try(int loops) {
  enum { PER_LOOP = 6, LOOPS_MAX = 64 };
  int opened[PER_LOOP * LOOPS_MAX];
  int count = 0;
  int result = 0;
  for (int loop = 0; loop < loops && loop < LOOPS_MAX && result == 0; loop++) {
    result = try_event_loop(opened, &count);
  }
  while (count > 0) close(opened[--count]);
  return result;
}
