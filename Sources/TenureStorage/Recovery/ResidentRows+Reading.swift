// Reading the rows that stay in memory, once, at the opening.

internal import TenureLMDB
package import TenureModel

extension ResidentRows {
    /// How many rows are read in one snapshot.
    private static let page = 1_000

    /// What stays in memory of `store`, each row verified, and all that were counted.
    package static func read(
        from store: any StateStore,
        in path: String
    ) throws(StorageError) -> ResidentRows {
        let reader = try store.makeReader()
        let checkpoint = store.checkpoint
        var codec = RowCodec(ledger: store.ledger)
        var resident = ResidentRows()
        resident.facts = checkpoint.facts
        do throws(RowFault) {
            let counts = checkpoint.counts
            resident.pools = try all(Pool.self, reader, &codec, counts)
            resident.resources = try all(Resource.self, reader, &codec, counts)
            resident.quotas = try all(Quota.self, reader, &codec, counts)
            resident.budgets = try all(Budget.self, reader, &codec, counts)
            resident.tenantLimits = try all(TenantLimits.self, reader, &codec, counts)
            resident.breakers = try all(Breaker.self, reader, &codec, counts)
            resident.tickets = try all(Ticket.self, reader, &codec, counts)
            resident.bookings = try all(Booking.self, reader, &codec, counts)
            resident.windows = try all(Window.self, reader, &codec, counts)
        } catch {
            throw StorageError(error, in: path)
        }
        return resident
    }

    private static func all<Row: StorableRow>(
        _ type: Row.Type,
        _ reader: any RowReading,
        _ codec: inout RowCodec,
        _ counts: RowCounts
    ) throws(RowFault) -> [Row] {
        var rows: [Row] = []
        var start = ScanStart.first
        while true {
            let raw = try reader.rows(Row.table, from: start, prefix: [], limit: page)
            for row in raw {
                rows.append(try codec.decode(type, keyBytes: row.key, value: row.value))
            }
            guard let last = raw.last, raw.count == page else { break }
            start = .after(last.key)
        }
        guard UInt64(rows.count) == counts[Row.table] else {
            throw .damaged(
                "table \(Row.table.name) has \(rows.count) rows, the checkpoint counts "
                    + "\(counts[Row.table])"
            )
        }
        return rows
    }
}
