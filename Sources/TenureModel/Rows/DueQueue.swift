// What falls due next, over rows in memory and rows in the store.
//
// Entries of the overlay are in heaps, one a generation; those of the store are read ahead in key
// order. An entry is a hint: whoever takes it checks it against its row, because a renewed or
// released lease leaves its old entry behind. An entry that grace postpones waits in a heap of its
// own under its new time.
//
//   Q1  Every live row with a deadline is in one of the heaps, in the read-ahead, or behind it.
//   Q2  What is put back behind the last entry that was read from the store is not read from there
//       again, so it waits in memory, with the postponed.
//   Q3  What is postponed comes up under its new time only, also when a checkpoint has written it
//       and it is read from the store once more: checkpoints never change the order.

internal import HeapModule

/// The merged queue.
struct DueQueue {
    private struct Postponed: Comparable {
        let time: LedgerTime
        let entry: DueEntry

        static func < (left: Postponed, right: Postponed) -> Bool {
            left.time != right.time ? left.time < right.time : left.entry.key < right.entry.key
        }
    }

    private struct Waiting: Comparable {
        let entry: DueEntry

        static func < (left: Waiting, right: Waiting) -> Bool { left.entry.key < right.entry.key }
    }

    private var recent = Heap<Waiting>()
    private var frozen = Heap<Waiting>()
    private var postponed = Heap<Postponed>()
    private var postponedKeys: Set<DueKey> = []
    private var ahead: [DueEntry] = []
    private var aheadIndex = 0
    private var storeTaken: DueKey?
    private var storeIsExhausted = false
    private static let readAhead = 512

    /// Whether nobody takes anything: a history that is replayed says itself what fell due.
    var isIdle = false

    /// Adds an entry of the current generation.
    mutating func insert(_ entry: DueEntry) {
        if isIdle { return }
        if let storeTaken, entry.key <= storeTaken {
            postpone(entry, until: entry.key.time)
        } else {
            recent.insert(Waiting(entry: entry))
        }
    }

    /// Puts a taken entry back under a later time.
    mutating func postpone(_ entry: DueEntry, until time: LedgerTime) {
        guard postponedKeys.insert(entry.key).inserted else { return }
        postponed.insert(Postponed(time: time, entry: entry))
    }

    /// Starts a new generation.
    mutating func freeze() {
        while let waiting = frozen.popMin() { recent.insert(waiting) }
        swap(&recent, &frozen)
    }

    /// Forgets the frozen generation: the store has what is live of it.
    mutating func thaw() {
        frozen = Heap()
        ahead = []
        aheadIndex = 0
        storeIsExhausted = false
    }

    /// When the next entry is due; `never` without one.
    mutating func nextTime(from source: any RowSource) throws(RowFault) -> LedgerTime {
        try fill(from: source)
        var time = postponed.min?.time ?? .never
        if let key = recent.min?.entry.key, key.time < time { time = key.time }
        if let key = frozen.min?.entry.key, key.time < time { time = key.time }
        if aheadIndex < ahead.count { time = min(time, ahead[aheadIndex].key.time) }
        return time
    }

    /// Takes the first entry that is due at `now`.
    mutating func take(
        dueAt now: LedgerTime,
        from source: any RowSource
    ) throws(RowFault) -> DueEntry? {
        while true {
            let first = try first(from: source)
            if let waiting = postponed.min, waiting.time <= now,
                first.map({ waiting < Postponed(time: $0.key.time, entry: $0) }) ?? true
            {
                postponed.removeMin()
                postponedKeys.remove(waiting.entry.key)
                return waiting.entry
            }
            guard let first, first.key.time <= now else { return nil }
            remove(first)
            if !postponedKeys.contains(first.key) { return first }
        }
    }

    /// The first entry of the heaps and the store, which may be in several of them.
    private mutating func first(from source: any RowSource) throws(RowFault) -> DueEntry? {
        try fill(from: source)
        let stored = aheadIndex < ahead.count ? ahead[aheadIndex] : nil
        return [recent.min?.entry, frozen.min?.entry, stored].compactMap { $0 }
            .min { $0.key < $1.key }
    }

    /// Takes the first entry from everywhere.
    private mutating func remove(_ entry: DueEntry) {
        while recent.min?.entry.key == entry.key { recent.removeMin() }
        while frozen.min?.entry.key == entry.key { frozen.removeMin() }
        if aheadIndex < ahead.count, ahead[aheadIndex].key == entry.key {
            aheadIndex += 1
            storeTaken = entry.key
        }
    }

    private mutating func fill(from source: any RowSource) throws(RowFault) {
        guard aheadIndex == ahead.count, !storeIsExhausted else { return }
        ahead = try source.due(after: storeTaken ?? nil, limit: Self.readAhead)
        aheadIndex = 0
        storeIsExhausted = ahead.isEmpty
    }
}
