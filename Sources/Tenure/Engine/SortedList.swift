// A list in the order of its keys: binary search, and moves of at most the tail.

/// Values by a key of their own, in its order.
struct SortedList<Key: Comparable, Value> {
    private var entries: [(key: Key, value: Value)] = []

    /// How many there are.
    var count: Int { entries.count }

    /// Whether there is none.
    var isEmpty: Bool { entries.isEmpty }

    /// The one with the least key.
    var first: (key: Key, value: Value)? { entries.first }

    /// All of them, in order.
    var values: some Sequence<Value> { entries.lazy.map(\.value) }

    /// Where `key` is, or would be.
    private func place(of key: Key) -> Int {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].key < key { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Adds a value; nothing happens when its key is there already.
    mutating func insert(_ value: Value, at key: Key) {
        let place = place(of: key)
        if place < entries.count, entries[place].key == key { return }
        entries.insert((key, value), at: place)
    }

    /// Removes the value at `key`, if there is one.
    mutating func remove(at key: Key) {
        let place = place(of: key)
        if place < entries.count, entries[place].key == key { entries.remove(at: place) }
    }

    /// Takes the one with the least key.
    mutating func popFirst() -> Value? {
        entries.isEmpty ? nil : entries.removeFirst().value
    }
}
