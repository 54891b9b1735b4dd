// One LMDB environment: a directory with `data.mdb` and `lock.mdb`, open once in this process.
//
// Settings are those of the durable default: no NOSYNC, NOMETASYNC, MAPASYNC, WRITEMAP, NOMEMINIT.
// The only flag is NOTLS, so that a reader is not tied to a thread. Whoever opens it holds the
// ledger's LOCK already; this type guards against a second opening in the same process only.
//
//   L10 Who writes begins with what the disk has, not with what memory shows. After a write that
//       failed, memory has pages that the disk has not. On ext4 (seen on Linux 6.18) the blocks of
//       such pages stay marked as never written, even when the pages are written again and their
//       sync succeeds: that is lost with the memory. Pages that were read anew are written right.
//
// Transactions are in Environment+Scopes.swift, upkeep in Environment+Upkeep.swift.

internal import CLMDB
internal import Glibc
internal import Synchronization
internal import SystemPackage
internal import TenureBase

/// How an environment is opened.
package struct EnvironmentOptions: Sendable {
    /// What may be done with it.
    package enum Access: Sendable {
        /// The daemon's: reads and writes, with locks.
        case readWrite
        /// The audit's: reads only, takes no lock and makes no file.
        case audit
    }

    /// What may be done with it.
    package var access: Access
    /// How many bytes of addresses to map; the file grows into them.
    package var mapBytes: Int

    /// The daemon's settings: 64 GiB of addresses, which cost nothing until they are used.
    package init(access: Access = .readWrite, mapBytes: Int = 64 << 30) {
        self.access = access
        self.mapBytes = mapBytes
    }
}

/// An open environment.
///
/// It closes when the last reference goes, or on `close()`.
@safe
package final class Environment: @unchecked Sendable {
    // SAFETY: LMDB's environment may be used from any thread; what is not thread-safe in it
    // (closing, replacing the map) happens while `live` keeps every transaction out. The other
    // stored properties are constants or synchronise themselves.
    let pointer: OpaquePointer
    let live = LiveTransactions()
    let access: EnvironmentOptions.Access
    let serial: UInt64
    /// The directory that holds it.
    package let path: String

    private let identity: DirectoryIdentity
    private let mapState = Mutex(MapLocation())
    /// The thread of the live write transaction, or 0.
    let writer = Atomic<UInt>(0)
    /// How many persistent readers there are.
    let readers = Atomic<Int>(0)
    /// Whether a write failed since memory was last told to forget (L10).
    let hasFailedWrite = Atomic<Bool>(false)
    /// The table that numbers commits, once the tables are open (CommitNumber.swift).
    let commits = Mutex<Table?>(nil)

    private static let nextSerial = Atomic<UInt64>(1)

    /// How many named tables there can be, the one that numbers commits included.
    private static let tableLimit: UInt32 = 32
    /// How many readers there can be: cache misses, the scrub, a copy.
    private static let readerLimit: UInt32 = 32

    /// Opens the environment in the directory `path`, after the pre-open check.
    ///
    /// - Throws: `.alreadyOpen`, `.versionMismatch`, `.damaged` from the check, or what the
    ///   kernel said.
    package static func open(
        path: String,
        options: EnvironmentOptions = EnvironmentOptions()
    ) throws(StoreError) -> Environment {
        try checkLibrary()
        let identity = try DirectoryIdentity(of: path)
        guard EnvironmentRegistry.claim(identity) else { throw .alreadyOpen(path: path) }
        do throws(StoreError) {
            if options.access == .readWrite { try PageFile.forgetMemory(directory: path) }
            let fileBytes = try admit(path, options.access)
            var options = options
            if options.access == .audit {
                // An audit runs under an address space limit: it maps what there is, no more.
                options.mapBytes = fileBytes
            }
            let pointer = try unsafe openHandle(path, options)
            return unsafe Environment(pointer, path, options.access, identity)
        } catch {
            EnvironmentRegistry.release(identity)
            throw error
        }
    }

    private init(
        _ pointer: OpaquePointer,
        _ path: String,
        _ access: EnvironmentOptions.Access,
        _ identity: DirectoryIdentity
    ) {
        unsafe self.pointer = pointer
        self.path = path
        self.access = access
        self.identity = identity
        serial = Self.nextSerial.add(1, ordering: .relaxed).oldValue
    }

    deinit {
        close()
    }

    /// Closes the environment.
    ///
    /// A second call does nothing; a use after it stops the process.
    package func close() {
        invariant(
            readers.load(ordering: .acquiring) == 0,
            "L1: the environment is closed before its persistent readers"
        )
        guard live.close() else { return }
        // SAFETY: no transaction is live, and `live` lets none begin any more.
        unsafe mdb_env_close(pointer)
        EnvironmentRegistry.release(identity)
    }

    /// Where the file is mapped now.
    var map: MapLocation {
        get { mapState.withLock { $0 } }
        set { mapState.withLock { $0 = newValue } }
    }
}

extension Environment {
    /// The releases of LMDB 0.9 that share the format and the behaviour relied on here.
    ///
    /// The tests run on 0.9.24, which is Debian 12's; the later ones only mend it.
    private static let acceptedPatches: ClosedRange<Int32> = 24...33

    private static func checkLibrary() throws(StoreError) {
        var major: Int32 = 0
        var minor: Int32 = 0
        var patch: Int32 = 0
        // SAFETY: LMDB writes three integers; the text it returns is a constant.
        _ = unsafe mdb_version(&major, &minor, &patch)
        guard major == 0, minor == 9, acceptedPatches.contains(patch) else {
            throw .versionMismatch(
                "liblmdb \(major).\(minor).\(patch); accepted are 0.9.24 to 0.9.33"
            )
        }
    }

    /// Runs the pre-open check, and answers how many bytes the file has.
    private static func admit(
        _ path: String,
        _ access: EnvironmentOptions.Access
    ) throws(StoreError) -> Int {
        switch PreOpenCheck.run(directory: path) {
        case .sound(let facts): return facts.fileBytes
        case .damaged(let sentence): throw .damaged(sentence)
        case .unreadable(let errno): throw .system(errno)
        case .absent where access == .readWrite, .empty where access == .readWrite: return 0
        case .absent: throw .damaged("data.mdb is missing")
        case .empty: throw .damaged("data.mdb is empty")
        }
    }

    private static func openHandle(
        _ path: String,
        _ options: EnvironmentOptions
    ) throws(StoreError) -> OpaquePointer {
        var created: OpaquePointer?
        // SAFETY: LMDB writes the handle; it is ours from here.
        try StoreError.check(unsafe mdb_env_create(&created))
        guard let pointer = unsafe created else { throw .misuse(code: MDB_INVALID) }
        do throws(StoreError) {
            try unsafe configure(pointer, options)
            let flags =
                options.access == .audit
                ? UInt32(MDB_NOTLS | MDB_RDONLY | MDB_NOLOCK) : UInt32(MDB_NOTLS)
            try StoreError.check(unsafe mdb_env_open(pointer, path, flags, 0o600))
            try unsafe closeOnExec(pointer)
            return unsafe pointer
        } catch {
            // SAFETY: a handle whose opening failed must still be closed (lmdb.h).
            unsafe mdb_env_close(pointer)
            throw error
        }
    }

    private static func configure(
        _ pointer: OpaquePointer,
        _ options: EnvironmentOptions
    ) throws(StoreError) {
        // SAFETY: the handle is new, and nothing else has it.
        try StoreError.check(unsafe mdb_env_set_maxdbs(pointer, tableLimit))
        try StoreError.check(unsafe mdb_env_set_maxreaders(pointer, readerLimit))
        try StoreError.check(unsafe mdb_env_set_mapsize(pointer, options.mapBytes))
        try StoreError.check(
            unsafe mdb_env_set_assert(pointer) { _, message in
                let text = unsafe message.map { unsafe String(cString: $0) } ?? "no message"
                violated("L6: LMDB found its own reasoning wrong: \(text)")
            }
        )
    }

    /// Keeps the data file's descriptor from programs that this process starts.
    private static func closeOnExec(_ pointer: OpaquePointer) throws(StoreError) {
        var descriptor: Int32 = -1
        // SAFETY: the environment is open; the descriptor stays LMDB's.
        try StoreError.check(unsafe mdb_env_get_fd(pointer, &descriptor))
        guard fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0 else {
            throw .system(Errno(rawValue: errno))
        }
    }
}
