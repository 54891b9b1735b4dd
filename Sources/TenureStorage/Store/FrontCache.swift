// Clean rows in front of the state store: what was true at the last checkpoint.
//
//   C1  Results are the same with room for no row, one row, or all: only the cost differs.
//   C2  Every row was verified when it came from the store (I10).
//   C3  `absorb` follows a checkpoint before the overlay lets go of its rows.
//   C4  A row is called absent without asking the store only where that is proved: a request id
//       by K2, a lease or session because its id is above that of every stored one.
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
    /// Lookups that were answered from memory, with a row or with its absence.
    package var hits: UInt64 = 0
    /// Those of them whose row was proved to be absent although none was kept for its key.
    package var absences: UInt64 = 0
    /// Lookups that went to the store.
    package var misses: UInt64 = 0
    /// Rows that had to make room.
    package var evictions: UInt64 = 0
    /// Bytes held, hashes of answers included, by estimate.
    package var bytes = 0
    /// Rows held.
    package var rows = 0
}

/// The rows of a state store with the most recently used ones in memory.
package final class FrontCache: RowSource {
    private let store: any StateStore
    private let reader: any RowReading
    private let bytesMax: Int
    private var codec: RowCodec
    private var list: RowList
    private var answers: KnownAnswers
    private var newestLease: UInt64
    private var newestSession: UInt64
    private var hits: UInt64 = 0
    private var absences: UInt64 = 0
    private var misses: UInt64 = 0

    /// A cache in front of `store`, for the calling thread.
    package init(
        _ store: any StateStore,
        budget: FrontCacheBudget = FrontCacheBudget()
    ) throws(StorageError) {
        self.store = store
        reader = try store.makeReader()
        bytesMax = budget.bytes
        codec = RowCodec(ledger: store.ledger)
        list = RowList(bytes: budget.bytes, rows: budget.rows)
        // Half of the room at the most: rows are worth more than that some ids are new.
        answers = KnownAnswers(bytes: budget.bytes / 2)
        answers.finish(stored: store.checkpoint.counts[.storedAnswers])
        newestLease = try Self.newest(.leases, reader)
        newestSession = try Self.newest(.sessions, reader)
    }

    /// The highest id of a stored row; 0 without one.
    private static func newest(
        _ table: RowTable,
        _ reader: any RowReading
    ) throws(StorageError) -> UInt64 {
        do throws(RowFault) {
            // One byte longer than any key, so that the highest possible one is before it too.
            let behindAll = [UInt8](repeating: .max, count: 9)
            let last = try reader.neighbours(table, of: behindAll).before
            return (last ?? []).reduce(0) { $0 << 8 | UInt64($1) }
        } catch {
            throw StorageError(error, in: "the state")
        }
    }

    /// What it has done so far.
    package var figures: FrontCacheFigures {
        FrontCacheFigures(
            hits: hits,
            absences: absences,
            misses: misses,
            evictions: list.evictions,
            bytes: list.bytes + answers.bytes,
            rows: list.count
        )
    }

    /// Takes over at most `count` more rows of a checkpoint; false when none is left.
    package func absorb(next count: Int, of absorption: inout FrozenAbsorption) -> Bool {
        answers.begin()
        for _ in 0..<max(count, 1) {
            guard let (key, row, bytes) = absorption.next() else {
                answers.finish(stored: store.checkpoint.counts[.storedAnswers])
                return false
            }
            keep(key, row, bytes)
        }
        return true
    }

    private func keep(_ key: CacheKey, _ row: CachedRow?, _ bytes: Int?) {
        switch key {
        case .storedAnswer(let key):
            answers.learn(key, isStored: row != nil)
            list.limit(bytes: bytesMax - answers.bytes)
        case .lease(let id) where row != nil: newestLease = max(newestLease, id.rawValue)
        case .session(let id) where row != nil: newestSession = max(newestSession, id.rawValue)
        case .lease, .session, .usage: break
        }
        if let row, let bytes {
            list.set(key, row, bytes: bytes)
        } else {
            list.remove(key)
        }
    }

    package func lease(_ id: LeaseID) throws(RowFault) -> Lease? {
        if isProvedAbsent(id.rawValue > newestLease) { return nil }
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
        if isProvedAbsent(id.rawValue > newestSession) { return nil }
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
        if isProvedAbsent(answers.provesAbsence(of: key)) { return nil }
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

    package func preemptible(
        in pool: String,
        after key: PreemptibleKey?,
        limit: Int
    ) throws(RowFault) -> [PreemptibleKey] {
        let prefix = Array(pool.utf8) + [0]
        let start = key.map { ScanStart.after(PreemptibleKey.bytes(of: $0)) } ?? .at(prefix)
        return try scan(PreemptibleKey.self, from: start, prefix: prefix, limit: limit)
    }

    package func reclaimable(
        in pool: String,
        of tenant: String?,
        after key: ReclaimableKey?,
        limit: Int
    ) throws(RowFault) -> [ReclaimableKey] {
        var prefix = Array(pool.utf8) + [0]
        if let tenant { prefix += Array(tenant.utf8) + [0] }
        let start = key.map { ScanStart.after(ReclaimableKey.bytes(of: $0)) } ?? .at(prefix)
        return try scan(ReclaimableKey.self, from: start, prefix: prefix, limit: limit)
    }

    package func leases(after id: LeaseID?, limit: Int) throws(RowFault) -> [Lease] {
        try scan(Lease.self, after: id, limit: limit)
    }

    package func sessions(after id: SessionID?, limit: Int) throws(RowFault) -> [Session] {
        try scan(Session.self, after: id, limit: limit)
    }

    /// Counts a proof of absence as a lookup that memory has answered.
    private func isProvedAbsent(_ isProved: Bool) -> Bool {
        guard isProved else { return false }
        hits += 1
        absences += 1
        return true
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
