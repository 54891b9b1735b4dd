// What the standard Swift overlay of the C library hides, as plain functions.
//
// Every function that can fail returns a negative errno instead of setting `errno`, so that no
// caller can read it too late. Calls that the kernel may interrupt are repeated here, except the
// syncs: a sync that did not return 0 has failed, whatever the reason.

#ifndef CTENURESYSTEM_H
#define CTENURESYSTEM_H

#include <stddef.h>
#include <stdint.h>

#if defined(__clang__)
#pragma clang assume_nonnull begin
#define TENURE_NULLABLE _Nullable
#else
#define TENURE_NULLABLE
#endif

// ---- Files, by descriptor of a directory ------------------------------------------------------

// How `tenure_open_beneath` opens. O_CLOEXEC and O_NOFOLLOW are always added.
enum {
    TENURE_OPEN_READ = 0,
    TENURE_OPEN_WRITE = 1,      // read and write
    TENURE_OPEN_CREATE = 2,     // with O_EXCL
    TENURE_OPEN_DIRECT = 4,     // past the page cache
    TENURE_OPEN_DIRECTORY = 8,
};

// Opens the directory `path` itself, not following a symbolic link in its last component.
int tenure_open_root(const char *path);

// Opens `path` below `directory` with openat2: RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS.
int tenure_open_beneath(int directory, const char *path, int how, uint32_t mode);

// renameat2; with `replace` 0, RENAME_NOREPLACE.
int tenure_rename(int from_directory, const char *from, int to_directory, const char *to,
                  int replace);

int tenure_unlink(int directory, const char *name);
int tenure_make_directory(int directory, const char *name, uint32_t mode);
int tenure_close(int descriptor);

// pread and pwrite, repeated until all bytes are through; a read is short only at the end of file.
int64_t tenure_read(int descriptor, void *into, size_t count, uint64_t offset);
int64_t tenure_write(int descriptor, const void *bytes, size_t count, uint64_t offset);

int tenure_truncate(int descriptor, uint64_t size);
int tenure_sync_data(int descriptor);
int tenure_sync(int descriptor);

// posix_fadvise(POSIX_FADV_DONTNEED) over the whole file.
int tenure_drop_cache(int descriptor);

// flock without waiting: -EWOULDBLOCK when someone else holds it.
int tenure_lock(int descriptor, int shared);

// Ends the lock for every copy of the descriptor, a child's too.
int tenure_unlock(int descriptor);

enum {
    TENURE_KIND_OTHER = 0,
    TENURE_KIND_REGULAR = 1,
    TENURE_KIND_DIRECTORY = 2,
};

struct tenure_file_facts {
    uint64_t size;
    uint64_t links;
    uint64_t device;
    uint64_t inode;
    uint32_t mode;              // permission bits only
    uint32_t owner;
    int32_t kind;
};

int tenure_facts(int descriptor, struct tenure_file_facts *facts);

// The same of what `path` names now, which is not followed when it is a symbolic link.
int tenure_facts_at(const char *path, struct tenure_file_facts *facts);
uint32_t tenure_effective_user(void);

// Calls `each` with the name of every entry but "." and "..", in no order.
int tenure_list(int descriptor, void *TENURE_NULLABLE context,
                void (*each)(void *TENURE_NULLABLE context, const char *name));

// ---- File systems -----------------------------------------------------------------------------

struct tenure_file_system {
    uint64_t free_bytes;        // for an unprivileged process
    uint64_t total_bytes;
    uint64_t free_inodes;
    int64_t magic;
};

int tenure_file_system_facts(int descriptor, struct tenure_file_system *facts);

// Values of `magic` that the daemon warns about or refuses (statfs(2)).
static const int64_t tenure_magic_tmpfs = 0x01021994;
static const int64_t tenure_magic_ramfs = 0x858458f6;
static const int64_t tenure_magic_nfs = 0x6969;
static const int64_t tenure_magic_fuse = 0x65735546;
static const int64_t tenure_magic_overlay = 0x794c7630;
static const int64_t tenure_magic_smb2 = 0xfe534d42;
static const int64_t tenure_magic_cifs = 0xff534d42;
static const int64_t tenure_magic_9p = 0x01021997;
static const int64_t tenure_magic_ext4 = 0xef53;
static const int64_t tenure_magic_xfs = 0x58465342;
static const int64_t tenure_magic_btrfs = 0x9123683e;

// ---- Processes and peers ----------------------------------------------------------------------

// A descriptor that becomes readable when the process ends; close-on-exec.
int tenure_pidfd_open(int32_t pid);

// Makes the allocator of this process give memory back rather than keep it. Call it once, early.
void tenure_bound_heap(void);

// From now on these signals end nothing: tenure_signal_wait tells of them. Needs no descriptor and
// no thread, so that a process that is short of both can still be told to stop. Returns 0 or -errno.
int tenure_signals_catch(const int *numbers, int count);

// Waits for one of the signals that are caught, and returns its number.
int tenure_signal_wait(void);

// A counter that wakes a poll of it when it is written to; close-on-exec, non-blocking.
int tenure_event_open(void);

struct tenure_peer {
    int32_t pid;
    uint32_t uid;
    uint32_t gid;
};

// SO_PEERCRED: who was at the other end when the connection was made.
int tenure_peer_credentials(int socket, struct tenure_peer *peer);

// SO_PEERGROUPS: the other groups that it had then. Returns how many, or -errno.
int tenure_peer_groups(int socket, uint32_t *groups, int room);

// ---- Bytes ------------------------------------------------------------------------------------

// CRC-32C (Castagnoli) of `bytes`, going on from `crc`; start with 0.
uint32_t tenure_crc32c(uint32_t crc, const void *TENURE_NULLABLE bytes, size_t count);

// The same by table only; for the test that compares both.
uint32_t tenure_crc32c_table(uint32_t crc, const void *TENURE_NULLABLE bytes, size_t count);

// SipHash-2-4 with 128 bits of output, as the reference has it; out[0] is the first eight bytes
// read as a little-endian integer.
void tenure_siphash128(const uint8_t *key, const void *TENURE_NULLABLE bytes, size_t count,
                       uint64_t *out);

// The length of `bytes` without the zero bytes at its end.
size_t tenure_length_without_zeros(const void *bytes, size_t count);

// Whether `sought` lies somewhere in `bytes`; always, where its length is 0.
int tenure_holds(const void *bytes, size_t count, const void *sought, size_t length);

// Writes zeros.
void tenure_clear(void *bytes, size_t count);

// ---- Threads ----------------------------------------------------------------------------------

// Starts a joinable thread with all signals blocked.
int tenure_thread_start(uint64_t *thread, void *TENURE_NULLABLE context,
                        void (*body)(void *TENURE_NULLABLE context));
int tenure_thread_join(uint64_t thread);

// Names the calling thread, at most 15 bytes, for whoever looks at the process, and lets it give
// way to the others by `niceness`, 0 to 19. Neither matters to what the thread does: a failure is
// ignored.
void tenure_thread_describe(const char *name, int niceness);

// Opens, and closes again, what `loops` event loops begin with: an epoll, two events and two timers
// that it waits for. What can not be had is told as a negative error number; who makes the loops can
// not go on without it.
int tenure_event_loops_try(int loops);

#if defined(__clang__)
#pragma clang assume_nonnull end
#endif

#endif
