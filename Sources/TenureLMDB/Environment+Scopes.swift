// The scopes that transactions live in, and the opening of tables.
//
// A scope is one synchronous call: it can not suspend, so a write transaction begins and ends on
// one thread (L2), and no reader outlives its caller's scope. Errors of other kinds leave through
// the value: return a `Result`, and for writes say with `WriteOutcome` what becomes of the changes.

internal import CLMDB
internal import Glibc
internal import Synchronization
internal import SystemPackage
internal import TenureBase

/// What becomes of the changes of a write scope.
package enum WriteOutcome<Value> {
    /// Make them durable, then return the value.
    case commit(Value)
    /// Drop them, then return the value.
    case abandon(Value)
}

extension Environment {
    /// Runs `body` on a snapshot, which ends when it returns.
    package func read<Value>(
        _ body: (borrowing ReadTransaction) throws(StoreError) -> Value
    ) throws(StoreError) -> Value {
        live.enter()
        defer { live.leave() }
        return try readInside(body)
    }

    /// Runs `body` in the write transaction and commits when it returns; never suspends.
    ///
    /// - Throws: what `body` throws, and what the commit meets; nothing is stored then.
    package func write<Value>(
        _ body: (inout WriteTransaction) throws(StoreError) -> Value
    ) throws(StoreError) -> Value {
        try writeOrAbandon { (transaction) throws(StoreError) in
            .commit(try body(&transaction))
        }
    }

    /// Runs `body` in the write transaction, which says whether to commit; never suspends.
    ///
    /// After one that failed on the disk memory forgets first what the disk may not have (L10).
    package func writeOrAbandon<Value>(
        _ body: (inout WriteTransaction) throws(StoreError) -> WriteOutcome<Value>
    ) throws(StoreError) -> Value {
        let thread = UInt(pthread_self())
        invariant(
            writer.load(ordering: .relaxed) != thread,
            "L2: a write transaction inside a write transaction"
        )
        live.enter()
        defer { live.leave() }
        if hasFailedWrite.load(ordering: .acquiring) {
            try PageFile.forgetMemory(directory: path)
            hasFailedWrite.store(false, ordering: .releasing)
        }
        do throws(StoreError) {
            return try writeInside(body, thread)
        } catch {
            if case .diskFullOrIO = error { hasFailedWrite.store(true, ordering: .releasing) }
            throw error
        }
    }

    /// Opens the named tables, and creates those that are missing unless this is an audit.
    ///
    /// Called once, before any other transaction. At most 15 tables.
    ///
    /// - Throws: `.noSuchTable` in an audit, `.damaged` when the newest commit contradicts itself.
    package func tables(_ names: [String]) throws(StoreError) -> [Table] {
        live.enter()
        defer { live.leave() }
        let tables: [Table]
        switch access {
        case .readWrite: tables = try createTables(names)
        case .audit: tables = try findTables(names)
        }
        try locateMap()
        return tables
    }

    private func createTables(_ names: [String]) throws(StoreError) -> [Table] {
        var transaction = try WriteTransaction(in: self)
        var tables: [Table] = []
        for name in names + [CommitNumber.tableName] {
            tables.append(try openOrCreate(name, &transaction))
        }
        let commits = tables.removeLast()
        try CommitNumber.check(transaction, commits)
        if transaction.hasChanges { try CommitNumber.store(&transaction, commits) }
        // Committed without changes too, which writes nothing: an abort would close the tables.
        try transaction.commit()
        self.commits.withLock { $0 = commits }
        return tables
    }

    private func findTables(_ names: [String]) throws(StoreError) -> [Table] {
        let transaction = try ReadTransaction(in: self)
        var tables: [Table] = []
        for name in names { tables.append(try openExisting(name, transaction)) }
        let commits = try openExisting(CommitNumber.tableName, transaction)
        try CommitNumber.check(transaction, commits)
        try transaction.keepTables()
        return tables
    }

    /// Begins a transaction; whoever calls ends it, and has entered `live`.
    func begin(_ flags: UInt32) throws(StoreError) -> TransactionHandle {
        var begun: OpaquePointer?
        // SAFETY: the environment is open; LMDB writes the handle.
        try StoreError.check(unsafe mdb_txn_begin(pointer, nil, flags, &begun))
        guard let begun = unsafe begun else { throw .misuse(code: MDB_BAD_TXN) }
        return unsafe TransactionHandle(pointer: begun, map: map, environment: serial)
    }

    private func readInside<Value>(
        _ body: (borrowing ReadTransaction) throws(StoreError) -> Value
    ) throws(StoreError) -> Value {
        let transaction = try ReadTransaction(in: self)
        return try body(transaction)
    }

    private func writeInside<Value>(
        _ body: (inout WriteTransaction) throws(StoreError) -> WriteOutcome<Value>,
        _ thread: UInt
    ) throws(StoreError) -> Value {
        var transaction = try WriteTransaction(in: self)
        writer.store(thread, ordering: .relaxed)
        defer { writer.store(0, ordering: .relaxed) }
        switch try body(&transaction) {
        case .abandon(let value):
            return value
        case .commit(let value):
            let commits = commits.withLock { $0 }
            if let commits, transaction.hasChanges { try CommitNumber.store(&transaction, commits) }
            try transaction.commit()
            return value
        }
    }

    private func openOrCreate(
        _ name: String,
        _ transaction: inout WriteTransaction
    ) throws(StoreError) -> Table {
        if let table = try open(name, transaction.handle, 0) { return table }
        transaction.noteCreation()
        let created = try open(name, transaction.handle, UInt32(MDB_CREATE))
        guard let created else { throw .noSuchTable(name) }
        return created
    }

    private func openExisting(
        _ name: String,
        _ transaction: borrowing ReadTransaction
    ) throws(StoreError) -> Table {
        guard let table = try open(name, transaction.handle, 0) else { throw .noSuchTable(name) }
        return table
    }

    private func open(
        _ name: String,
        _ handle: TransactionHandle,
        _ flags: UInt32
    ) throws(StoreError) -> Table? {
        var number: UInt32 = 0
        // SAFETY: the transaction is live; LMDB copies the name.
        let code = unsafe mdb_dbi_open(handle.pointer, name, flags, &number)
        guard try StoreError.found(code) else { return nil }
        return Table(name: name, number: number, environment: serial)
    }
}
