// Every commit writes down its own number, so that a meta page can be told to name the wrong rows.
//
//   L9  The newest snapshot's rows state the number of the transaction that its meta page states.
//
// A damaged root or transaction number can lead to rows of an older snapshot that are sound in
// themselves; the next writes would then destroy what the file still needs. A compacted copy starts
// again at transaction 1 and keeps the rows' number, so that 1 is not compared.

internal import TenureBase

/// The row that holds the number of the last commit.
enum CommitNumber {
    /// The table that holds nothing else.
    static let tableName = "commits"
    static let key: [UInt8] = [0]

    /// Writes the transaction's own number, as the last of its changes.
    static func store(
        _ transaction: inout WriteTransaction,
        _ table: Table
    ) throws(StoreError) {
        var writer = ByteWriter(capacity: 8)
        writer.write(transaction.transactionNumber)
        try transaction.put(table, key: key, value: writer.bytes)
    }

    /// Compares the number in the rows with the one that the meta page led to.
    static func check(
        _ transaction: borrowing ReadTransaction,
        _ table: Table
    ) throws(StoreError) {
        try check(transaction.get(table, key: key), transaction.transactionNumber)
    }

    /// As above, in a write transaction, whose number is one above the snapshot it began on.
    static func check(
        _ transaction: borrowing WriteTransaction,
        _ table: Table
    ) throws(StoreError) {
        try check(transaction.get(table, key: key), transaction.transactionNumber - 1)
    }

    private static func check(_ row: [UInt8]?, _ committed: UInt64) throws(StoreError) {
        if committed <= 1 { return }
        guard let row else {
            throw .damaged("transaction \(committed) has no number of its own")
        }
        guard let stated = try? row.rawBytes.integer(at: 0, as: UInt64.self), row.count == 8 else {
            throw .damaged("transaction \(committed) has a number of \(row.count) bytes")
        }
        guard stated == committed else {
            throw .damaged(
                "the meta page leads to the rows of transaction \(stated), not \(committed)"
            )
        }
    }
}
