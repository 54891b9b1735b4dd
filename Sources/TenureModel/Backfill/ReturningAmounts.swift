// What comes back to one resource, by when: amounts in the order of their ends, with sums.
//
// In chunks, as OrderedKeys has them. With n amounts a change is O(log n + 512), and so is what
// comes back until one time, but for one addition for each chunk before it.

/// Amounts that come back to one resource.
struct ReturningAmounts {
    /// What one lease gives back.
    struct Part {
        let end: LedgerTime
        let lease: LeaseID
        let amount: UInt64

        fileprivate func isBefore(_ end: LedgerTime, _ lease: LeaseID) -> Bool {
            self.end != end ? self.end < end : self.lease < lease
        }
    }

    private struct Chunk {
        var parts: [Part]
        var sum: UInt64
    }

    private var chunks: [Chunk] = []
    private static var chunkPartsMax: Int { 512 }

    /// Whether nothing comes back.
    var isEmpty: Bool { chunks.isEmpty }

    /// How many leases give something back.
    private(set) var count = 0

    /// Adds what a lease gives back; a lease has one part.
    mutating func insert(_ part: Part) {
        count += 1
        guard !chunks.isEmpty else {
            chunks = [Chunk(parts: [part], sum: part.amount)]
            return
        }
        let index = min(chunkIndex(of: part.end, part.lease), chunks.count - 1)
        let offset = Self.offset(of: part.end, part.lease, in: chunks[index].parts)
        chunks[index].parts.insert(part, at: offset)
        // What is held of a resource at once is counted in 64 bits.
        chunks[index].sum &+= part.amount
        if chunks[index].parts.count > Self.chunkPartsMax { split(index) }
    }

    /// Takes the part of a lease out that gives it back at `end`.
    mutating func remove(_ lease: LeaseID, end: LedgerTime) {
        let index = chunkIndex(of: end, lease)
        guard index < chunks.count else { return }
        let offset = Self.offset(of: end, lease, in: chunks[index].parts)
        guard offset < chunks[index].parts.count, chunks[index].parts[offset].lease == lease else {
            return
        }
        count -= 1
        chunks[index].sum &-= chunks[index].parts.remove(at: offset).amount
        if chunks[index].parts.isEmpty { chunks.remove(at: index) }
    }

    /// What comes back until each of these times, which are in order; all in one pass.
    func sums(until times: some Sequence<LedgerTime>) -> [UInt64] {
        var sum: UInt64 = 0
        var index = 0
        var offset = 0
        return times.map { time in
            while index < chunks.count {
                let chunk = chunks[index]
                if offset == 0, let last = chunk.parts.last, last.end <= time {
                    sum &+= chunk.sum
                    index += 1
                    continue
                }
                while offset < chunk.parts.count, chunk.parts[offset].end <= time {
                    sum &+= chunk.parts[offset].amount
                    offset += 1
                }
                if offset < chunk.parts.count { break }
                (index, offset) = (index + 1, 0)
            }
            return sum
        }
    }

    /// Calls `body` with the leases that give something back later than `time`.
    func forEachLease(after time: LedgerTime, _ body: (LeaseID) -> Void) {
        for chunk in chunks.reversed() {
            for part in chunk.parts.reversed() {
                if part.end <= time { return }
                body(part.lease)
            }
        }
    }

    /// The first chunk whose last part is not before it; the count of chunks when there is none.
    private func chunkIndex(of end: LedgerTime, _ lease: LeaseID) -> Int {
        var low = 0
        var high = chunks.count
        while low < high {
            let middle = (low + high) / 2
            if let last = chunks[middle].parts.last, last.isBefore(end, lease) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low
    }

    private static func offset(of end: LedgerTime, _ lease: LeaseID, in parts: [Part]) -> Int {
        var low = 0
        var high = parts.count
        while low < high {
            let middle = (low + high) / 2
            if parts[middle].isBefore(end, lease) { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private mutating func split(_ index: Int) {
        let half = chunks[index].parts.count / 2
        let tail = Array(chunks[index].parts[half...])
        let sum = tail.reduce(0) { $0 &+ $1.amount }
        chunks[index].parts.removeSubrange(half...)
        chunks[index].sum &-= sum
        chunks.insert(Chunk(parts: tail, sum: sum), at: index + 1)
    }
}
