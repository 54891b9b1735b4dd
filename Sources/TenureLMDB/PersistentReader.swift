// The reader of the hot path: one transaction object kept for ever, a snapshot only on demand.
//
// Beginning a read transaction allocates; renewing one does not. Between two scopes the reader is
// reset and pins no page, so it can be kept for as long as its owner likes.
//
//   L8  A persistent reader holds a snapshot only inside the scope of one call.

internal import CLMDB
internal import Synchronization
internal import TenureBase

/// A snapshot that a `PersistentReader` lends for one scope.
@safe
package struct Snapshot: ~Copyable, StoreReading {
    package let handle: TransactionHandle
}

/// One reader slot, kept.
///
/// It belongs to one thread at a time, and is not `Sendable` for that.
@safe
package final class PersistentReader {
    private let environment: Environment
    private let pointer: OpaquePointer
    private var isReading = false

    /// Takes a reader slot of `environment`, without a snapshot.
    ///
    /// - Throws: `.readersFull` when all slots are taken.
    package init(_ environment: Environment) throws(StoreError) {
        environment.live.enter()
        defer { environment.live.leave() }
        unsafe pointer = try environment.begin(UInt32(MDB_RDONLY)).pointer
        self.environment = environment
        environment.readers.add(1, ordering: .relaxed)
        // SAFETY: the transaction is ours; reset leaves it renewable and pins nothing.
        unsafe mdb_txn_reset(pointer)
    }

    deinit {
        // SAFETY: this object owns the transaction, and the environment is still open: it is held.
        unsafe mdb_txn_abort(pointer)
        environment.readers.subtract(1, ordering: .releasing)
    }

    /// Runs `body` on a fresh snapshot, which ends when it returns.
    @inline(__always)
    package func read<Value>(
        _ body: (borrowing Snapshot) throws(StoreError) -> Value
    ) throws(StoreError) -> Value {
        try renew()
        defer { reset() }
        let handle = unsafe TransactionHandle(
            pointer: pointer,
            map: environment.map,
            environment: environment.serial
        )
        return try body(Snapshot(handle: handle))
    }

    /// Lends the value of `key`, in a snapshot of its own, to `body`; nil when there is none.
    @inline(__always)
    package func get<Value>(
        _ table: Table,
        key: [UInt8],
        _ body: (RawSpan) throws(StoreError) -> Value
    ) throws(StoreError) -> Value? {
        try read { (snapshot) throws(StoreError) in
            try snapshot.get(table, key: key, body)
        }
    }

    private func renew() throws(StoreError) {
        invariant(!isReading, "L8: a persistent reader reads one snapshot at a time")
        environment.live.enter()
        // SAFETY: the transaction is reset, which is when it may be renewed.
        let code = unsafe mdb_txn_renew(pointer)
        if code != MDB_SUCCESS {
            environment.live.leave()
            throw StoreError.translating(code)
        }
        isReading = true
    }

    private func reset() {
        // SAFETY: the transaction is live; its snapshot ends here, before the count goes down.
        unsafe mdb_txn_reset(pointer)
        isReading = false
        environment.live.leave()
    }
}
