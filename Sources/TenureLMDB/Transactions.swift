// The transactions: owners of one LMDB handle each, ended exactly once.
//
//   L2  A write transaction begins and ends on one thread, inside one call that can not suspend.
//   L3  A handle is not used after LMDB has freed it. `mdb_txn_commit` frees it on failure too.
//
// Both kinds exist only inside the scopes of Environment+Scopes.swift; reading is in Reading.swift.

internal import CLMDB
internal import TenureBase

/// What both kinds of transaction can do: read (see the extension).
package protocol StoreReading: ~Copyable {
    /// The handle that reads go through.
    var handle: TransactionHandle { get }
}

/// A live transaction's handle, with what is needed to check what comes out of it.
@safe
package struct TransactionHandle {
    let pointer: OpaquePointer
    let map: MapLocation
    let environment: UInt64

    /// Checks that `table` is of this environment, and gives its number.
    @inline(__always)
    func number(of table: Table) -> UInt32 {
        invariant(table.environment == environment, "L4: the table is of another environment")
        return table.number
    }
}

/// A snapshot.
///
/// It ends with the scope that gave it.
@safe
package struct ReadTransaction: ~Copyable, StoreReading {
    package let handle: TransactionHandle

    init(in environment: borrowing Environment) throws(StoreError) {
        handle = try environment.begin(UInt32(MDB_RDONLY))
    }

    deinit {
        // SAFETY: this value owns the handle, and nothing else ends it.
        unsafe mdb_txn_abort(handle.pointer)
    }

    /// Ends the snapshot and keeps the tables that were opened in it; an abort would close them.
    consuming func keepTables() throws(StoreError) {
        // SAFETY: LMDB frees the handle on success and on failure, so it leaves us here (L3).
        let pointer = unsafe handle.pointer
        discard self
        try StoreError.check(unsafe mdb_txn_commit(pointer))
    }
}

/// The one open write transaction.
///
/// Anything but `commit()` rolls it back.
@safe
package struct WriteTransaction: ~Copyable, StoreReading {
    package let handle: TransactionHandle
    /// Whether there is anything to commit.
    private(set) var hasChanges = false

    init(in environment: borrowing Environment) throws(StoreError) {
        handle = try environment.begin(0)
    }

    deinit {
        // SAFETY: this value owns the handle, and nothing else ends it.
        unsafe mdb_txn_abort(handle.pointer)
    }

    /// Notes that a table was created, which is a change like any other.
    mutating func noteCreation() {
        hasChanges = true
    }

    /// Makes every change of this transaction durable together.
    consuming func commit() throws(StoreError) {
        // SAFETY: LMDB frees the handle on success and on failure, so it leaves us here (L3).
        let pointer = unsafe handle.pointer
        discard self
        try StoreError.check(unsafe mdb_txn_commit(pointer))
    }

    /// Stores `value` under `key`, over what was there.
    package mutating func put(
        _ table: Table,
        key: RawSpan,
        value: RawSpan
    ) throws(StoreError) {
        let number = handle.number(of: table)
        try StoreError.checkKey(key.byteCount)
        // SAFETY: LMDB copies both during the call.
        let code = unsafe key.withUnsafeBytes { keyBytes in
            unsafe value.withUnsafeBytes { valueBytes in
                var key = unsafe MDB_val(keyBytes)
                var value = unsafe MDB_val(valueBytes)
                return unsafe mdb_put(handle.pointer, number, &key, &value, 0)
            }
        }
        try StoreError.check(code)
        hasChanges = true
    }

    /// Stores `value` under `key`, over what was there.
    package mutating func put(
        _ table: Table,
        key: [UInt8],
        value: [UInt8]
    ) throws(StoreError) {
        try put(table, key: key.rawBytes, value: value.rawBytes)
    }

    /// Removes the row of `key`; false when there was none.
    @discardableResult
    package mutating func delete(_ table: Table, key: RawSpan) throws(StoreError) -> Bool {
        let number = handle.number(of: table)
        try StoreError.checkKey(key.byteCount)
        // SAFETY: LMDB reads the key during the call only.
        let code = unsafe key.withUnsafeBytes { keyBytes in
            var key = unsafe MDB_val(keyBytes)
            return unsafe mdb_del(handle.pointer, number, &key, nil)
        }
        guard try StoreError.found(code) else { return false }
        hasChanges = true
        return true
    }

    /// Removes the row of `key`; false when there was none.
    @discardableResult
    package mutating func delete(_ table: Table, key: [UInt8]) throws(StoreError) -> Bool {
        try delete(table, key: key.rawBytes)
    }

    /// Removes every row of `table`.
    package mutating func deleteAll(in table: Table) throws(StoreError) {
        // SAFETY: the handle is live; the table stays open (0: do not delete it).
        try StoreError.check(unsafe mdb_drop(handle.pointer, handle.number(of: table), 0))
        hasChanges = true
    }
}

extension StoreError {
    /// The longest key that LMDB takes, in bytes.
    static let longestKey = 511

    static func checkKey(_ byteCount: Int) throws(StoreError) {
        guard byteCount > 0, byteCount <= longestKey else {
            throw .invalidKey(byteCount: byteCount)
        }
    }
}

extension MDB_val {
    /// Names bytes that LMDB will read and not write.
    @inline(__always)
    init(_ bytes: UnsafeRawBufferPointer) {
        unsafe self.init(
            mv_size: bytes.count,
            mv_data: UnsafeMutableRawPointer(mutating: bytes.baseAddress)
        )
    }

    /// The bytes that LMDB named.
    @inline(__always)
    var buffer: UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: mv_data, count: mv_size)
    }
}
