// The pools of a ledger, which are read and changed where they are.
//
// A value of a `Dictionary` is copied out to look at any part of it, which for a pool means to
// count references to all of its trees. Here names lead to slots of an array, and what is asked
// for is read in its slot.

/// Pools by name, in slots.
struct PoolTable {
    typealias PoolState = LedgerState.PoolState

    /// The pools in their slots, which hold until one is deleted.
    var values: [PoolState] = []
    private var slots: [String: Int] = [:]

    /// How many.
    var count: Int { values.count }

    /// Their names, in no order.
    var keys: Dictionary<String, Int>.Keys { slots.keys }

    /// The slot of the pool called `name`.
    func index(forKey name: String) -> Int? { slots[name] }

    /// A copy of the pool called `name`; where a part is enough, ask for its slot.
    subscript(name: String) -> PoolState? { slots[name].map { values[$0] } }

    /// Adds a pool whose name is new.
    mutating func insert(_ state: PoolState) {
        slots[state.pool.name] = values.count
        values.append(state)
    }

    /// Deletes the pool called `name`, if there is one; O(pools).
    mutating func remove(_ name: String) {
        guard let slot = slots.removeValue(forKey: name) else { return }
        values.remove(at: slot)
        for place in slot..<values.count { slots[values[place].pool.name] = place }
    }

    /// Changes the pool called `name`, if there is one, in its slot.
    mutating func update(_ name: String, _ body: (inout PoolState) -> Void) {
        guard let slot = slots[name] else { return }
        body(&values[slot])
    }
}
