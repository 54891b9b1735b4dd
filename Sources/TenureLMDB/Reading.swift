// What every transaction can read: one row, neighbours, ordered scans, counts.
//
// Bytes are lent to a closure and can not leave it; what is to be kept is copied or decoded there.
// Nothing that a key or a row says is trusted beyond its bounds: a damaged file gives `.damaged`
// where that can be seen at all (MapLocation.swift, and the order of keys).

internal import CLMDB
internal import TenureBase

extension StoreReading where Self: ~Copyable {
    /// Lends the value of `key` to `body`; nil when there is none.
    ///
    /// A miss is believed only when the keys on both sides of the gap agree with it.
    ///
    /// - Throws: `.damaged` when the file contradicts itself, and what `body` throws.
    @inline(__always)
    package func get<Value>(
        _ table: Table,
        key: RawSpan,
        _ body: (RawSpan) throws(StoreError) -> Value
    ) throws(StoreError) -> Value? {
        let handle = handle
        // SAFETY: LMDB reads the key during the call only; the value is lent for the closure, and
        // the transaction, which is borrowed for as long, keeps its pages.
        return try unsafe key.withUnsafeBytes {
            (keyBytes: UnsafeRawBufferPointer) throws(StoreError) -> Value? in
            guard let value = try unsafe handle.find(table, keyBytes) else { return nil }
            return try unsafe body(value.bytes)
        }
    }

    /// Lends the value of `key` to `body`; nil when there is none.
    @inline(__always)
    package func get<Value>(
        _ table: Table,
        key: [UInt8],
        _ body: (RawSpan) throws(StoreError) -> Value
    ) throws(StoreError) -> Value? {
        try get(table, key: key.rawBytes, body)
    }

    /// A copy of the value of `key`; nil when there is none.
    package func get(_ table: Table, key: [UInt8]) throws(StoreError) -> [UInt8]? {
        try get(table, key: key) { value in value.copied }
    }

    /// Whether `key` has a row.
    package func contains(_ table: Table, key: [UInt8]) throws(StoreError) -> Bool {
        try get(table, key: key) { _ in true } ?? false
    }

    /// The number of the transaction: of the snapshot, or of the changes being made.
    package var transactionNumber: UInt64 {
        // SAFETY: the handle is live for as long as this value is borrowed.
        UInt64(unsafe mdb_txn_id(handle.pointer))
    }

    /// How many rows `table` has.
    package func count(of table: Table) throws(StoreError) -> Int {
        var facts = MDB_stat()
        let handle = handle
        // SAFETY: the handle is live for as long as this value is borrowed.
        try StoreError.check(
            unsafe mdb_stat(handle.pointer, handle.number(of: table), &facts)
        )
        return facts.ms_entries
    }

    /// Lends each row to `body` in the order of keys, until it answers `.stop`.
    ///
    /// - Throws: `.damaged` when keys do not ascend, and what `body` throws.
    package func scan(
        _ table: Table,
        from start: ScanStart = .first,
        _ body: (_ key: RawSpan, _ value: RawSpan) throws(StoreError) -> ScanStep
    ) throws(StoreError) {
        let cursor = try Cursor(handle, table)
        // SAFETY: here and below, rows stay where they are while the transaction is borrowed.
        var current = try unsafe cursor.start(start)
        while let row = unsafe current {
            if try unsafe body(row.key.bytes, row.value.bytes) == .stop { return }
            let next = try unsafe cursor.move(MDB_NEXT)
            if let next = unsafe next, unsafe !row.key.precedes(next.key) {
                throw unsafe .damaged(cursor.disorder(row.key, next.key))
            }
            unsafe current = next
        }
    }

    /// Lends the first row to `body`; nil when the table is empty.
    package func first<Value>(
        _ table: Table,
        _ body: (_ key: RawSpan, _ value: RawSpan) throws(StoreError) -> Value
    ) throws(StoreError) -> Value? {
        try row(table, MDB_FIRST, body)
    }

    /// Lends the last row to `body`; nil when the table is empty.
    package func last<Value>(
        _ table: Table,
        _ body: (_ key: RawSpan, _ value: RawSpan) throws(StoreError) -> Value
    ) throws(StoreError) -> Value? {
        try row(table, MDB_LAST, body)
    }

    /// Lends the last row at or before `key` to `body`; nil when there is none.
    package func floor<Value>(
        _ table: Table,
        key: [UInt8],
        _ body: (_ key: RawSpan, _ value: RawSpan) throws(StoreError) -> Value
    ) throws(StoreError) -> Value? {
        let cursor = try Cursor(handle, table)
        // SAFETY: the rows are lent for the closure, while the transaction is borrowed.
        let row = try unsafe cursor.floor(of: key)
        guard let row = unsafe row else { return nil }
        return try unsafe body(row.key.bytes, row.value.bytes)
    }

    /// Lends the first row at or after `key` to `body`; nil when there is none.
    package func ceiling<Value>(
        _ table: Table,
        key: [UInt8],
        _ body: (_ key: RawSpan, _ value: RawSpan) throws(StoreError) -> Value
    ) throws(StoreError) -> Value? {
        let cursor = try Cursor(handle, table)
        // SAFETY: the row is lent for the closure, while the transaction is borrowed.
        let row = try unsafe cursor.start(.at(key))
        guard let row = unsafe row else { return nil }
        return try unsafe body(row.key.bytes, row.value.bytes)
    }

    /// The keys on both sides of `key`, whether or not it has a row itself.
    package func neighbours(
        _ table: Table,
        key: [UInt8]
    ) throws(StoreError) -> (before: [UInt8]?, after: [UInt8]?) {
        let cursor = try Cursor(handle, table)
        // SAFETY: the keys are copied while the transaction is borrowed.
        let after = try unsafe cursor.start(.after(key)).map { unsafe Array($0.key) }
        var before = try unsafe cursor.floor(of: key)
        if let row = unsafe before, unsafe row.key.elementsEqual(key) {
            unsafe before = try cursor.move(MDB_PREV)
        }
        return unsafe (before.map { unsafe Array($0.key) }, after)
    }

    private func row<Value>(
        _ table: Table,
        _ operation: MDB_cursor_op,
        _ body: (_ key: RawSpan, _ value: RawSpan) throws(StoreError) -> Value
    ) throws(StoreError) -> Value? {
        let cursor = try Cursor(handle, table)
        // SAFETY: the row is lent for the closure, while the transaction is borrowed.
        let row = try unsafe cursor.move(operation)
        guard let row = unsafe row else { return nil }
        return try unsafe body(row.key.bytes, row.value.bytes)
    }
}

extension TransactionHandle {
    /// The value of `key` in the mapped file, or nil after the neighbours have confirmed the miss.
    @inline(__always)
    func find(
        _ table: Table,
        _ key: UnsafeRawBufferPointer
    ) throws(StoreError) -> UnsafeRawBufferPointer? {
        try StoreError.checkKey(key.count)
        let number = number(of: table)
        var wanted = unsafe MDB_val(key)
        var value = unsafe MDB_val()
        // SAFETY: the handle is live; both structures outlive the call.
        let code = unsafe mdb_get(pointer, number, &wanted, &value)
        if code == MDB_NOTFOUND {
            try unsafe confirmMiss(table, key)
            return nil
        }
        try StoreError.check(code)
        unsafe try map.check(value.buffer)
        return unsafe value.buffer
    }

    /// Believes that `key` is missing only when the keys around the gap say so.
    @inline(never)
    private func confirmMiss(
        _ table: Table,
        _ key: UnsafeRawBufferPointer
    ) throws(StoreError) {
        let cursor = try Cursor(self, table)
        // Every move checks the page it lands on, so the leaf that the search ended in is checked
        // whichever side of it the gap is on.
        let next = try unsafe cursor.ceiling(of: key)
        if let next = unsafe next, unsafe !key.precedes(next.key) {
            throw unsafe .damaged(cursor.disorder(key, next.key))
        }
        let previous = try unsafe cursor.move(next == nil ? MDB_LAST : MDB_PREV)
        if let previous = unsafe previous, unsafe !previous.key.precedes(key) {
            throw unsafe .damaged(cursor.disorder(previous.key, key))
        }
    }
}

extension [UInt8] {
    /// The bytes as a span that lives for as long as the array is borrowed.
    var rawBytes: RawSpan {
        @_lifetime(borrow self)
        // SAFETY: a byte has no padding that could be read uninitialised.
        get { unsafe span.bytes }
    }
}

extension RawSpan {
    /// A copy of the bytes, for what outlives the transaction.
    package var copied: [UInt8] {
        // SAFETY: the copy is made inside the closure.
        unsafe withUnsafeBytes { unsafe Array($0) }
    }
}
