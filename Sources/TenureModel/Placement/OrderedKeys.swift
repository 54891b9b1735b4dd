// A sorted set in chunks: the order in which best fit looks at places, and in which leases end.
//
// Two levels: a chunk is found by binary search over the chunks' last keys, a key in it by binary
// search again. Insertion and removal move at most one chunk's tail. With n keys and chunks of at
// most 512, every operation is O(log n + 512) moves of 16 bytes, and in practice well under 1 µs.

/// A value with the slot that has it.
struct SlotKey: Comparable {
    let value: UInt64
    let slot: Int32

    static func < (left: SlotKey, right: SlotKey) -> Bool {
        left.value != right.value ? left.value < right.value : left.slot < right.slot
    }
}

/// A sorted set of keys.
struct OrderedKeys<Key: Comparable> {
    private var chunks: [[Key]] = []
    private static var chunkKeysMax: Int { 512 }

    /// Adds a key that is not in the set.
    mutating func insert(_ key: Key) {
        guard !chunks.isEmpty else {
            chunks = [[key]]
            return
        }
        let index = min(chunkIndex(of: key), chunks.count - 1)
        chunks[index].insert(key, at: offset(of: key, in: chunks[index]))
        if chunks[index].count > Self.chunkKeysMax { split(index) }
    }

    /// Removes a key that is in the set.
    mutating func remove(_ key: Key) {
        let index = chunkIndex(of: key)
        guard index < chunks.count else { return }
        let offset = offset(of: key, in: chunks[index])
        guard offset < chunks[index].count, chunks[index][offset] == key else { return }
        chunks[index].remove(at: offset)
        if chunks[index].isEmpty { chunks.remove(at: index) }
    }

    /// Calls `body` with every key from `key` on, in order, until it returns false.
    func forEach(from key: Key, _ body: (Key) -> Bool) {
        var index = chunkIndex(of: key)
        guard index < chunks.count else { return }
        var offset = offset(of: key, in: chunks[index])
        while index < chunks.count {
            while offset < chunks[index].count {
                if !body(chunks[index][offset]) { return }
                offset += 1
            }
            index += 1
            offset = 0
        }
    }

    /// The first chunk whose last key is not before `key`; the count of chunks when there is none.
    private func chunkIndex(of key: Key) -> Int {
        var low = 0
        var high = chunks.count
        while low < high {
            let middle = (low + high) / 2
            if let last = chunks[middle].last, last < key {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low
    }

    /// The first place in `chunk` whose key is not before `key`.
    private func offset(of key: Key, in chunk: [Key]) -> Int {
        var low = 0
        var high = chunk.count
        while low < high {
            let middle = (low + high) / 2
            if chunk[middle] < key { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private mutating func split(_ index: Int) {
        let half = chunks[index].count / 2
        let tail = Array(chunks[index][half...])
        chunks[index].removeSubrange(half...)
        chunks.insert(tail, at: index + 1)
    }
}
