// Clean rows in front of the state store: what was true at the last checkpoint.
//
//   C1  Results are the same with room for no row, one row, or all: only the cost differs.
//   C2  Every row was verified when it came from the store (I10).
//   C3  `absorb` follows a checkpoint before the overlay lets go of its rows.
//
// It belongs to the writer's thread. Rows newer than the checkpoint are the overlay's, which is
// asked first. Ordered scans go to the store: they are read ahead by whoever needs them.

internal import TenureLMDB
package import TenureModel

/// How much the front cache may hold.
package struct FrontCacheBudget: Equatable, Sendable {
    /// Bytes of decoded rows, by estimate.
    package var bytes: Int
    /// Rows, absences included.
    package var rows: Int

    /// 256 MiB unless said otherwise.
    package init(bytes: Int = 256 << 20, rows: Int = .max) {
        self.bytes = bytes
        self.rows = rows
    }
}

/// What the front cache has done so far.
package struct FrontCacheFigures: Equatable, Sendable {
    /// Lookups that were answered from memory.
    package var hits: UInt64 = 0
    /// Lookups that went to the store.
    package var misses: UInt64 = 0
    /// Rows that had to make room.
    package var evictions: UInt64 = 0
    /// Bytes held, by estimate.
    package var bytes = 0
    /// Rows held.
    package var rows = 0
}

/// The rows of a state store with the most recently used ones in memory.
package final class FrontCache: RowSource {
    private let reader: any RowReading
    private var codec: RowCodec
    var list: RowList
    private var hits: UInt64 = 0
    private var misses: UInt64 = 0

    /// A cache in front of `store`, for the calling thread.
    package init(
        _ store: any StateStore,
        budget: FrontCacheBudget = FrontCacheBudget()
    ) throws(StorageError) {
        reader = try store.makeReader()
        codec = RowCodec(ledger: store.ledger)
        list = RowList(bytes: budget.bytes, rows: budget.rows)
    }

    /// What it has done so far.
    package var figures: FrontCacheFigures {
        FrontCacheFigures(
            hits: hits,
            misses: misses,
            evictions: list.evictions,
            bytes: list.bytes,
            rows: list.count
        )
    }

    func keep(_ key: CacheKey, _ row: CachedRow?, _ bytes: Int?) {
        if let row, let bytes {
            list.set(key, row, bytes: bytes)
        } else {
            list.remove(key)
        }
    }

    package func lease(_ id: LeaseID) throws(RowFault) -> Lease? {
        switch look(.lease(id)) {
        case .lease(let lease)?: return lease
        case .absent?: return nil
        default: break
        }
        let row = try read(Lease.self, id)
        remember(.lease(id), row.map(CachedRow.lease), row?.cacheBytes)
        return row
    }

    package func session(_ id: SessionID) throws(RowFault) -> Session? {
        switch look(.session(id)) {
        case .session(let session)?: return session
        case .absent?: return nil
        default: break
        }
        let row = try read(Session.self, id)
        remember(.session(id), row.map(CachedRow.session), row?.cacheBytes)
        return row
    }

    package func storedAnswer(_ key: RequestKey) throws(RowFault) -> StoredAnswer? {
        switch look(.storedAnswer(key)) {
        case .storedAnswer(let answer)?: return answer
        case .absent?: return nil
        default: break
        }
        let row = try read(StoredAnswer.self, key)
        remember(.storedAnswer(key), row.map(CachedRow.storedAnswer), row?.cacheBytes)
        return row
    }

    package func usage(_ tenant: String) throws(RowFault) -> TenantUsage? {
        switch look(.usage(tenant)) {
        case .usage(let usage)?: return usage
        case .absent?: return nil
        default: break
        }
        let row = try read(TenantUsage.self, tenant)
        remember(.usage(tenant), row.map(CachedRow.usage), row?.cacheBytes)
        return row
    }

    package func due(after key: DueKey?, limit: Int) throws(RowFault) -> [DueEntry] {
        try scan(DueEntry.self, after: key, limit: limit)
    }

    package func members(
        of session: SessionID,
        after lease: LeaseID?,
        limit: Int
    ) throws(RowFault) -> [LeaseID] {
        var prefix = FieldWriter()
        prefix.u64BigEndian(session.rawValue)
        let start =
            lease.map {
                ScanStart.after(MemberKey.bytes(of: MemberKey(session: session, lease: $0)))
            }
            ?? .at(prefix.bytes)
        return try scan(MemberKey.self, from: start, prefix: prefix.bytes, limit: limit)
            .map(\.lease)
    }

    package func leases(after id: LeaseID?, limit: Int) throws(RowFault) -> [Lease] {
        try scan(Lease.self, after: id, limit: limit)
    }

    package func sessions(after id: SessionID?, limit: Int) throws(RowFault) -> [Session] {
        try scan(Session.self, after: id, limit: limit)
    }

    private func look(_ key: CacheKey) -> CachedRow? {
        let row = list.use(key)
        if row == nil { misses += 1 } else { hits += 1 }
        return row
    }

    private func remember(_ key: CacheKey, _ row: CachedRow?, _ bytes: Int?) {
        list.set(key, row ?? .absent, bytes: bytes ?? RowCost.slot)
    }

    private func read<Row: StorableRow>(
        _ type: Row.Type,
        _ key: Row.Key
    ) throws(RowFault) -> Row? {
        let bytes = Row.bytes(of: key)
        guard let value = try reader.value(Row.table, bytes) else { return nil }
        return try codec.decode(type, key: key, keyBytes: bytes, value: value)
    }

    private func scan<Row: StorableRow>(
        _ type: Row.Type,
        after key: Row.Key?,
        limit: Int
    ) throws(RowFault) -> [Row] {
        let start = key.map { ScanStart.after(Row.bytes(of: $0)) } ?? .first
        return try scan(type, from: start, prefix: [], limit: limit)
    }

    private func scan<Row: StorableRow>(
        _ type: Row.Type,
        from start: ScanStart,
        prefix: [UInt8],
        limit: Int
    ) throws(RowFault) -> [Row] {
        let raw = try reader.rows(Row.table, from: start, prefix: prefix, limit: limit)
        var rows: [Row] = []
        rows.reserveCapacity(raw.count)
        for row in raw {
            rows.append(try codec.decode(type, keyBytes: row.key, value: row.value))
        }
        return rows
    }
}
