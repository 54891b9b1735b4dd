// One LMDB cursor, open for the length of one call.
//
// It checks each page that it lands on and never writes. The rows that it gives point into the map
// and are for the closures of Reading.swift only.

internal import CLMDB
internal import Glibc

/// A row where it lies.
@unsafe
struct MappedRow {
    let key: UnsafeRawBufferPointer
    let value: UnsafeRawBufferPointer
}

/// A position in a table.
@safe
struct Cursor: ~Copyable {
    private let pointer: OpaquePointer
    private let map: MapLocation
    private let name: String

    init(_ transaction: TransactionHandle, _ table: Table) throws(StoreError) {
        var opened: OpaquePointer?
        // SAFETY: the transaction is live, and its owner is borrowed for as long as this is used.
        try StoreError.check(
            unsafe mdb_cursor_open(transaction.pointer, transaction.number(of: table), &opened)
        )
        guard let opened = unsafe opened else { throw .misuse(code: MDB_BAD_TXN) }
        unsafe pointer = opened
        map = transaction.map
        name = table.name
    }

    deinit {
        // SAFETY: closed once, before the transaction ends, as LMDB asks for in both kinds.
        unsafe mdb_cursor_close(pointer)
    }

    /// Moves as `operation` says, and gives the row there; nil past either end.
    func move(_ operation: MDB_cursor_op) throws(StoreError) -> MappedRow? {
        var key = unsafe MDB_val()
        return try unsafe move(operation, &key)
    }

    /// Moves to `key` or the next key after it.
    func ceiling(of key: UnsafeRawBufferPointer) throws(StoreError) -> MappedRow? {
        try StoreError.checkKey(key.count)
        var found = unsafe MDB_val(key)
        return try unsafe move(MDB_SET_RANGE, &found)
    }

    /// Moves to where a scan starts.
    func start(_ start: ScanStart) throws(StoreError) -> MappedRow? {
        switch start {
        case .first:
            return try unsafe move(MDB_FIRST)
        case .at(let key):
            return try unsafe ceiling(of: key)
        case .after(let key):
            let row = try unsafe ceiling(of: key)
            guard let row = unsafe row, unsafe row.key.elementsEqual(key) else { return unsafe row }
            return try unsafe move(MDB_NEXT)
        }
    }

    /// Moves to `key` or the last key before it.
    func floor(of key: [UInt8]) throws(StoreError) -> MappedRow? {
        let row = try unsafe ceiling(of: key)
        guard let row = unsafe row else { return try unsafe move(MDB_LAST) }
        return unsafe row.key.elementsEqual(key) ? row : try move(MDB_PREV)
    }

    /// The sentence for two keys that are in the wrong order.
    func disorder(_ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer) -> String {
        unsafe "table \(name): key \(first.hexadecimal) is not below \(second.hexadecimal)"
    }

    private func ceiling(of key: [UInt8]) throws(StoreError) -> MappedRow? {
        // SAFETY: LMDB replaces the pointer by its own unless it fails.
        try unsafe key.rawBytes.withUnsafeBytes {
            (bytes: UnsafeRawBufferPointer) throws(StoreError) -> MappedRow? in
            try unsafe ceiling(of: bytes)
        }
    }

    private func move(
        _ operation: MDB_cursor_op,
        _ key: inout MDB_val
    ) throws(StoreError) -> MappedRow? {
        var value = unsafe MDB_val()
        // SAFETY: the cursor is open; both structures outlive the call.
        let code = unsafe mdb_cursor_get(pointer, &key, &value, operation)
        guard try StoreError.found(code) else { return nil }
        unsafe try map.check(key.buffer)
        unsafe try map.check(value.buffer)
        return unsafe MappedRow(key: key.buffer, value: value.buffer)
    }
}

extension UnsafeRawBufferPointer {
    /// Whether these bytes come strictly before `other` in the order of keys.
    func precedes(_ other: UnsafeRawBufferPointer) -> Bool {
        let common = Swift.min(count, other.count)
        guard common > 0, let mine = baseAddress, let theirs = other.baseAddress else {
            return count < other.count
        }
        // SAFETY: both have at least `common` bytes.
        let order = unsafe memcmp(mine, theirs, common)
        return order < 0 || (order == 0 && count < other.count)
    }

    /// The bytes as hexadecimal digits, for a sentence about damage.
    var hexadecimal: String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        for byte in unsafe Array(self) {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}
