// Leases in one order, wherever their rows are.

/// Leases in the order of their ids, over the overlay and the store.
struct MergedLeases {
    private let state: Table<LeaseID, Lease>
    private let source: any RowSource
    private let changed: [LeaseID: Bool]
    private let changedOrder: [LeaseID]
    private var changedIndex = 0
    private var stored: [Lease] = []
    private var storedIndex = 0
    private var storedAfter: LeaseID?
    private var storeIsExhausted = false
    private static let readAhead = 256

    init(state: Table<LeaseID, Lease>, source: any RowSource, after: LeaseID?) {
        self.state = state
        self.source = source
        storedAfter = after
        changed = state.keys { id in after.map { id > $0 } ?? true }
        changedOrder = changed.filter(\.value).map(\.key).sorted()
    }

    mutating func next() throws(RowFault) -> Lease? {
        try fill()
        let fromStore = storedIndex < stored.count ? stored[storedIndex] : nil
        let id = changedIndex < changedOrder.count ? changedOrder[changedIndex] : nil
        if let fromStore, id.map({ fromStore.id < $0 }) ?? true {
            storedIndex += 1
            return fromStore
        }
        guard let id, let row = state.changed(id) else { return nil }
        changedIndex += 1
        return row
    }

    /// Makes the next stored row one that the overlay does not replace.
    private mutating func fill() throws(RowFault) {
        while true {
            while storedIndex < stored.count, changed[stored[storedIndex].id] != nil {
                storedIndex += 1
            }
            guard storedIndex == stored.count, !storeIsExhausted else { return }
            stored = try source.leases(after: storedAfter, limit: Self.readAhead)
            storedIndex = 0
            storedAfter = stored.last?.id ?? storedAfter
            storeIsExhausted = stored.isEmpty
        }
    }
}
