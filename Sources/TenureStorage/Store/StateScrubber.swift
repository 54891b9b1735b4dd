// The scrub: every row of a live state is verified in slices, and now and then all of them as one.
//
// A row that nobody asks for is damaged unnoticed. The scrub reads each, a slice at a time, so
// that no snapshot is held for long. When no checkpoint came between the first slice and the
// last, the rows were those of one moment, and their digest and counts must be the checkpoint's:
// that finds lost and stale pages, whose rows have right checksums (I10).

internal import TenureLMDB
package import TenureModel

/// What one pass over all rows has looked at.
package struct ScrubFigures: Equatable, Sendable {
    /// How many rows were verified.
    package var rows: UInt64 = 0
    /// Whether digest and counts could be compared, because no checkpoint came in between.
    package var comparedDigest = false
}

/// Verifies the rows of a store, over and over; it belongs to one thread.
package final class StateScrubber {
    private let reader: any RowReading
    private var codec: RowCodec
    private var tables: ArraySlice<RowTable> = []
    private var last: [UInt8]?
    private var start: StoredCheckpoint?
    private var digest = StateDigest()
    private var counts = RowCounts()

    /// A scrub of `store`, for the calling thread.
    package init(_ store: any StateStore) throws(StorageError) {
        reader = try store.makeReader()
        codec = RowCodec(ledger: store.ledger)
    }

    /// Verifies at most `count` more rows.
    ///
    /// - Returns: What the pass has looked at, when this was its end; the next call starts anew.
    /// - Throws: Where a row, the digest or a count is wrong.
    package func step(_ count: Int) throws(RowFault) -> ScrubFigures? {
        if start == nil { try begin() }
        guard let table = tables.first else { return try finish() }
        let from = last.map { ScanStart.after($0) } ?? .first
        let rows = try reader.rows(table, from: from, prefix: [], limit: max(count, 1))
        for row in rows {
            guard let hash = codec.verify(table, key: row.key, value: row.value) else {
                throw .wrongChecksum(table, row.key)
            }
            digest.add(hash)
            counts[table] += 1
        }
        last = rows.last?.key
        if rows.count < max(count, 1) {
            tables = tables.dropFirst()
            last = nil
        }
        return nil
    }

    private func begin() throws(RowFault) {
        tables = RowTable.counted[...]
        last = nil
        digest = StateDigest()
        counts = RowCounts()
        start = try checkpoint()
    }

    /// Read from the store, and not asked of it: the row moves in the transaction of the rows.
    private func checkpoint() throws(RowFault) -> StoredCheckpoint {
        guard let value = try reader.value(.meta, StoredCheckpoint.keyBytes) else {
            throw .damaged("table meta: the checkpoint row is missing")
        }
        return try codec.decodeCheckpoint(value)
    }

    private func finish() throws(RowFault) -> ScrubFigures {
        let end = try checkpoint()
        var figures = ScrubFigures(rows: counts.total)
        defer { start = nil }
        guard end == start else { return figures }
        figures.comparedDigest = true
        for table in RowTable.counted where counts[table] != end.counts[table] {
            throw .damaged(
                "table \(table.name) has \(counts[table]) rows, the checkpoint counts "
                    + "\(end.counts[table])"
            )
        }
        guard digest == end.digest else {
            throw .damaged(
                "the rows have digest \(digest), the checkpoint says \(end.digest): rows are "
                    + "stale or from another checkpoint"
            )
        }
        return figures
    }
}
