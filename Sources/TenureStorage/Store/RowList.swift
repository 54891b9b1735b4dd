// Clean rows in memory, least recently used last.
//
// A dictionary finds a row's slot; slots are linked in the order of use through two arrays'
// indexes, so that no row costs an object of its own. Every operation is O(1).

internal import TenureModel

/// Which row.
enum CacheKey: Hashable {
    case lease(LeaseID)
    case session(SessionID)
    case storedAnswer(RequestKey)
    case usage(String)
}

/// A row, or the proof that there is none.
enum CachedRow {
    case absent
    case lease(Lease)
    case session(Session)
    case storedAnswer(StoredAnswer)
    case usage(TenantUsage)
}

/// Rows in the order of their last use, within a budget.
struct RowList {
    private struct Slot {
        var key: CacheKey
        var row: CachedRow
        var bytes: Int
        var newer: Int32
        var older: Int32
    }

    /// The slot whose neighbours are the newest and the oldest row.
    private static let ends: Int32 = 0

    private var index: [CacheKey: Int32] = [:]
    private var slots: [Slot]
    private var free: [Int32] = []
    private var bytesMax: Int
    private let rowsMax: Int
    /// Bytes of all rows, by estimate.
    private(set) var bytes = 0
    /// How many rows had to go.
    private(set) var evictions: UInt64 = 0

    init(bytes: Int, rows: Int) {
        bytesMax = bytes
        rowsMax = min(rows, Int(Int32.max) - 1)
        let ends = Slot(key: .usage(""), row: .absent, bytes: 0, newer: 0, older: 0)
        slots = [ends]
    }

    /// How many rows there are.
    var count: Int { index.count }

    /// Whether no row can ever be kept.
    var keepsNothing: Bool { bytesMax <= 0 || rowsMax <= 0 }

    /// The row, which becomes the most recently used.
    mutating func use(_ key: CacheKey) -> CachedRow? {
        guard let slot = index[key] else { return nil }
        if slots[Int(Self.ends)].older != slot {
            unlink(slot)
            linkAsNewest(slot)
        }
        return slots[Int(slot)].row
    }

    /// Keeps a row as the most recently used, as far as the budget goes.
    mutating func set(_ key: CacheKey, _ row: CachedRow, bytes cost: Int) {
        guard !keepsNothing else { return }
        if let slot = index[key] {
            bytes += cost - slots[Int(slot)].bytes
            slots[Int(slot)].row = row
            slots[Int(slot)].bytes = cost
            unlink(slot)
            linkAsNewest(slot)
        } else {
            let slot = takeSlot(key, row, cost)
            index[key] = slot
            bytes += cost
            linkAsNewest(slot)
        }
        evictBeyondBudget()
    }

    /// Changes how many bytes there may be; rows go when it is less.
    mutating func limit(bytes limit: Int) {
        bytesMax = limit
        evictBeyondBudget()
    }

    private mutating func evictBeyondBudget() {
        while count > 0, bytes > bytesMax || count > rowsMax { evictOldest() }
    }

    /// Forgets a row.
    mutating func remove(_ key: CacheKey) {
        guard let slot = index.removeValue(forKey: key) else { return }
        drop(slot)
    }

    private mutating func evictOldest() {
        let slot = slots[Int(Self.ends)].newer
        index[slots[Int(slot)].key] = nil
        drop(slot)
        evictions += 1
    }

    private mutating func drop(_ slot: Int32) {
        unlink(slot)
        bytes -= slots[Int(slot)].bytes
        slots[Int(slot)].row = .absent
        slots[Int(slot)].key = .usage("")
        slots[Int(slot)].bytes = 0
        free.append(slot)
    }

    private mutating func takeSlot(_ key: CacheKey, _ row: CachedRow, _ cost: Int) -> Int32 {
        let filled = Slot(key: key, row: row, bytes: cost, newer: 0, older: 0)
        if let slot = free.popLast() {
            slots[Int(slot)] = filled
            return slot
        }
        slots.append(filled)
        return Int32(slots.count - 1)
    }

    /// Behind the ends comes the newest; in front of them the oldest.
    private mutating func linkAsNewest(_ slot: Int32) {
        let second = slots[Int(Self.ends)].older
        slots[Int(slot)].newer = Self.ends
        slots[Int(slot)].older = second
        slots[Int(second)].newer = slot
        slots[Int(Self.ends)].older = slot
    }

    private mutating func unlink(_ slot: Int32) {
        let newer = slots[Int(slot)].newer
        let older = slots[Int(slot)].older
        slots[Int(newer)].older = older
        slots[Int(older)].newer = newer
    }
}
