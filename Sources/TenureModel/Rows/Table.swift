// Rows changed since the last checkpoint, in two generations.
//
//   O1  A row is looked up in the current generation, then in the frozen one, then in the store.
//   O2  While a checkpoint writes, the frozen generation does not change.
//   O3  A row that came and went within one generation leaves nothing behind.

/// The overlay of one table.
struct Table<Key: Hashable & Sendable, Value: Sendable> {
    private var current: [Key: Changed<Value>] = [:]
    private var frozen: [Key: Changed<Value>] = [:]

    /// How many changed rows the current generation holds.
    var count: Int { current.count }
    /// How many of them the store may have: they are scattered, new rows are side by side.
    private(set) var scattered = 0

    /// What is known of `key` here; `nil` sends the caller to the store.
    func changed(_ key: Key) -> Value?? {
        if let entry = current[key] { return .some(entry.value) }
        if let entry = frozen[key] { return .some(entry.value) }
        return nil
    }

    /// Sets a row that exists, here or in the store.
    mutating func update(_ key: Key, _ value: Value, at position: Position) {
        let known = current[key]
        let isNew = known?.isNew ?? false
        if known == nil { scattered += 1 }
        current[key] = Changed(value: value, position: position, isNew: isNew)
    }

    /// Sets a row that does not exist, neither here nor in the store.
    mutating func insert(_ key: Key, _ value: Value, at position: Position) {
        // A deletion that is still to be written makes the key one that the store knows.
        let isNew = current[key] == nil && frozen[key] == nil
        current[key] = Changed(value: value, position: position, isNew: isNew)
    }

    /// Deletes a row that exists.
    mutating func remove(_ key: Key, at position: Position) {
        let known = current[key]
        if known?.isNew == true {
            current[key] = nil
        } else {
            if known == nil { scattered += 1 }
            current[key] = Changed(value: nil, position: position, isNew: false)
        }
    }

    /// The keys that pass `include`, of both generations, each with whether the row exists.
    func keys(where include: (Key) -> Bool) -> [Key: Bool] {
        var result: [Key: Bool] = [:]
        for (key, entry) in frozen where include(key) { result[key] = entry.value != nil }
        for (key, entry) in current where include(key) { result[key] = entry.value != nil }
        return result
    }

    /// Makes the current generation the frozen one and returns it; O(1).
    mutating func freeze() -> [Key: Changed<Value>] {
        swap(&current, &frozen)
        current = [:]
        scattered = 0
        return frozen
    }

    /// Forgets the frozen generation: the store has it now.
    mutating func thaw() {
        frozen = [:]
    }
}
