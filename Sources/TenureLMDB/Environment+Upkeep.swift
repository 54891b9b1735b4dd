// What an environment needs besides transactions: figures, more room, copies, dead readers.

internal import CLMDB
internal import Glibc
internal import SystemPackage
internal import TenureBase

/// The figures of an environment at one moment.
package struct EnvironmentFacts: Equatable, Sendable {
    /// How many bytes are mapped.
    package let mapBytes: Int
    /// How many bytes of the map are in use, free pages inside the file included.
    package let usedBytes: Int
    /// The number of the last page in use.
    package let lastPage: Int
    /// The last transaction that was committed.
    package let transaction: UInt64
    /// How many reader slots were ever taken at once.
    package let readerSlots: Int
}

extension Environment {
    /// The figures of this moment.
    package func facts() throws(StoreError) -> EnvironmentFacts {
        var info = unsafe MDB_envinfo()
        live.enter()
        defer { live.leave() }
        // SAFETY: the environment is open; LMDB fills the structure.
        try StoreError.check(unsafe mdb_env_info(pointer, &info))
        return unsafe EnvironmentFacts(
            mapBytes: info.me_mapsize,
            usedBytes: (info.me_last_pgno + 1) * Int(MapLocation.pageBytes),
            lastPage: info.me_last_pgno,
            transaction: UInt64(info.me_last_txnid),
            readerSlots: Int(info.me_numreaders)
        )
    }

    /// How many rows each of `tables` has, in one snapshot.
    package func entryCounts(_ tables: [Table]) throws(StoreError) -> [Int] {
        try read { (transaction) throws(StoreError) in
            var counts: [Int] = []
            for table in tables { counts.append(try transaction.count(of: table)) }
            return counts
        }
    }

    /// Doubles the map after `.mapFull`; waits for live transactions to end.
    ///
    /// - Throws: `.busy` when they do not end within two seconds; the map stays as it is.
    package func growMap() throws(StoreError) {
        invariant(access == .readWrite, "L7: an audit grows no map")
        let done = try live.whileNoneIsLive { () throws(StoreError) in
            var info = unsafe MDB_envinfo()
            // SAFETY: no transaction is live, which is what LMDB asks for.
            try StoreError.check(unsafe mdb_env_info(pointer, &info))
            let bytes = unsafe info.me_mapsize.multipliedReportingOverflow(by: 2)
            guard !bytes.overflow else { throw .system(.noMemory) }
            try StoreError.check(unsafe mdb_env_set_mapsize(pointer, bytes.partialValue))
            try locateMap()
        }
        if !done { throw .busy }
    }

    /// Frees the slots of readers whose process is gone, and answers how many there were.
    @discardableResult
    package func clearDeadReaders() throws(StoreError) -> Int {
        var dead: Int32 = 0
        live.enter()
        defer { live.leave() }
        // SAFETY: the environment is open.
        try StoreError.check(unsafe mdb_reader_check(pointer, &dead))
        return Int(dead)
    }

    /// Writes a compacted copy of a snapshot to an open descriptor, which stays the caller's.
    ///
    /// The caller creates the file (`O_EXCL`, 0600), and syncs it and its directory afterwards.
    package func copyCompact(toDescriptor descriptor: Int32) throws(StoreError) {
        live.enter()
        defer { live.leave() }
        // SAFETY: the environment is open; LMDB reads through a transaction of its own.
        try StoreError.check(
            unsafe mdb_env_copyfd2(pointer, descriptor, UInt32(MDB_CP_COMPACT))
        )
    }

    /// Makes a new environment's file and name durable, which LMDB leaves to its caller.
    ///
    /// Syncs `data.mdb`, its directory and the directory's parent; called once, after the tables
    /// of a new environment have been created.
    package func syncCreation() throws(StoreError) {
        var descriptor: Int32 = -1
        // SAFETY: the environment is open; the descriptor stays LMDB's.
        try StoreError.check(unsafe mdb_env_get_fd(pointer, &descriptor))
        guard fsync(descriptor) == 0 else { throw .diskFullOrIO(Errno(rawValue: errno)) }
        for directory in [path, path + "/.."] {
            // SAFETY: the kernel reads the path during the call only.
            let opened = unsafe Glibc.open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            guard opened >= 0 else { throw .system(Errno(rawValue: errno)) }
            defer { Glibc.close(opened) }
            guard fsync(opened) == 0 else { throw .diskFullOrIO(Errno(rawValue: errno)) }
        }
    }

    /// Learns where the map lies, from the root page that the pre-open check has verified.
    ///
    /// The tables' names are few enough for one leaf, so the first name lies on that root.
    func locateMap() throws(StoreError) {
        map = MapLocation()
        let handle = try begin(UInt32(MDB_RDONLY))
        // SAFETY: the transaction is live until here, and ends here once.
        defer { unsafe mdb_txn_abort(handle.pointer) }
        var number: UInt32 = 0
        try StoreError.check(unsafe mdb_dbi_open(handle.pointer, nil, 0, &number))
        let names = Table(name: "names", number: number, environment: serial)
        let first = try unsafe Cursor(handle, names).move(MDB_FIRST)
        guard let row = unsafe first else { return }
        var info = unsafe MDB_envinfo()
        try StoreError.check(unsafe mdb_env_info(pointer, &info))
        let address = unsafe UInt(bitPattern: row.key.baseAddress)
        let start = address & ~(MapLocation.pageBytes - 1)
        // SAFETY: LMDB has just read a row from the page that starts there.
        let number0 = unsafe UnsafeRawPointer(bitPattern: start)?.load(as: UInt.self) ?? 0
        let last = unsafe UInt(info.me_last_pgno)
        let (offset, overflow) = number0.multipliedReportingOverflow(by: MapLocation.pageBytes)
        guard number0 <= last, !overflow, offset < start else {
            throw .damaged("the page of the table names states that it is page \(number0)")
        }
        map = unsafe MapLocation(base: start - offset, byteCount: UInt(info.me_mapsize))
    }
}
