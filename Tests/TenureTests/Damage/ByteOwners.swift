// Whose each byte of a sound ledger's files is: the map that a damage campaign draws from.
//
// Written from the byte tables of the formats and trusting every byte, so that it shares nothing
// with the readers that are tested.

/// The owner of every byte of one file.
struct ByteOwners {
    private(set) var owners: [String]

    private let bytes: [UInt8]

    private init(_ bytes: [UInt8], _ owner: String) {
        self.bytes = bytes
        owners = Array(repeating: owner, count: bytes.count)
    }

    /// The map of the file `path`.
    init(path: String, bytes: [UInt8]) {
        if path.hasSuffix("data.mdb") {
            self.init(bytes, "state: free page")
            mapState()
        } else if path.hasSuffix(".seg") {
            self.init(bytes, "log: room not yet written")
            mapSegment(isCompact: path.hasPrefix("archive/"))
        } else {
            self.init(bytes, path.hasSuffix(".idx") ? "archive: index" : path)
        }
    }

    private mutating func give(_ range: Range<Int>, _ owner: String) {
        for index in range { owners[index] = owner }
    }

    private func number(_ offset: Int, _ count: Int) -> Int {
        (0..<count).reduce(0) { $0 | Int(bytes[offset + $1]) << (8 * $1) }
    }

    // MARK: Log

    private mutating func mapSegment(isCompact: Bool) {
        let place = isCompact ? "archive" : "log"
        give(0..<128, "\(place): segment header")
        if !isCompact { give(128..<4096, "log: padding") }
        var offset = isCompact ? 128 : 4096
        var last: Range<Int>?
        while offset + 112 <= bytes.count, bytes[offset] == UInt8(ascii: "T") {
            let length = number(offset + 12, 4)
            let seal = offset + length - 32
            give(offset..<(offset + 112), "\(place): group header")
            var frame = offset + 112
            while frame < seal {
                let payload = frame + 24
                let end = payload + number(frame + 4, 4)
                give(frame..<payload, "\(place): frame header")
                give(payload..<end, "\(place): payload")
                frame = end
            }
            give(seal..<(seal + 32), "\(place): seal")
            last = offset..<(offset + length)
            let next = isCompact ? offset + length : (offset + length + 4095) / 4096 * 4096
            give((offset + length)..<next, "log: padding")
            offset = next
        }
        // The group that a crash could have torn; in this ledger an empty one, for confirmation.
        if !isCompact, offset < bytes.count, let last { give(last, "log: last group of a segment") }
    }

    // MARK: State

    private mutating func mapState() {
        let newest = number(144, 8) > number(4096 + 144, 8) ? 0 : 4096
        for meta in [0, 4096] {
            let name = meta == newest ? "newest meta page" : "meta page before it"
            give(meta..<(meta + 4096), "state: unused in a meta page")
            give(meta..<(meta + 8), "state: \(name), header")
            give((meta + 10)..<(meta + 12), "state: \(name), header")
            give((meta + 16)..<(meta + 40), "state: \(name), format and map size")
            give((meta + 40)..<(meta + 136), "state: \(name), trees")
            give((meta + 136)..<(meta + 144), "state: \(name), last page")
            give((meta + 144)..<(meta + 152), "state: \(name), transaction")
        }
        mapTree(newest + 40, .free)
        mapTree(newest + 88, .names)
    }

    private enum Tree {
        case free
        case names
        case rows
        case commits
    }

    private mutating func mapTree(_ record: Int, _ tree: Tree) {
        guard bytes[(record + 40)..<(record + 48)].contains(where: { $0 != 255 }) else { return }
        mapPage(number(record + 40, 8), depth: number(record + 6, 2), tree)
    }

    private mutating func mapPage(_ page: Int, depth: Int, _ tree: Tree) {
        let start = page * 4096
        let lower = start + number(start + 12, 2)
        let upper = start + number(start + 14, 2)
        give(start..<(start + 16), "state: page header")
        give((start + 16)..<lower, "state: offsets of nodes")
        give(lower..<upper, "state: room between offsets and nodes")
        for place in stride(from: start + 16, to: lower, by: 2) {
            let node = start + number(place, 2)
            if depth > 1 {
                mapBranch(node, isFirst: place == start + 16)
                let child = number(node, 6)
                mapPage(child, depth: depth - 1, tree)
            } else {
                mapRow(node, tree)
            }
        }
    }

    private mutating func fill(_ end: Int) {
        if end % 2 == 1 { give(end..<(end + 1), "state: fill of a node") }
    }

    private mutating func mapBranch(_ node: Int, isFirst: Bool) {
        let end = node + 8 + number(node + 6, 2)
        give(node..<(node + 8), "state: branch, node header")
        let key = isFirst ? "state: branch, key of the first node" : "state: branch, key"
        give((node + 8)..<end, key)
        fill(end)
    }

    private mutating func mapRow(_ node: Int, _ tree: Tree) {
        let data = node + 8 + number(node + 6, 2)
        let count = number(node, 4)
        give(node..<(node + 8), "state: leaf, node header")
        give((node + 8)..<data, tree == .free ? "state: free list, transaction" : "state: key")
        guard bytes[node + 4] & 1 == 0 else {
            give(data..<(data + 8), "state: number of an overflow page")
            fill(data + 8)
            let page = number(data, 8) * 4096
            give(page..<(page + 16), "state: overflow page, header")
            give((page + 16)..<(page + 16 + count), "state: value on overflow pages")
            let end = page + number(page + 12, 4) * 4096
            give((page + 16 + count)..<end, "state: fill of an overflow page")
            return
        }
        fill(data + count)
        switch tree {
        case .rows: give(data..<(data + count), "state: value")
        case .commits: give(data..<(data + count), "state: number of the commit")
        case .free:
            let used = 8 + 8 * number(data, 8)
            give(data..<(data + used), "state: free list, count and numbers")
            give((data + used)..<(data + count), "state: free list, unused numbers")
        case .names:
            give(data..<(data + count), "state: record of a table")
            let name = String(decoding: bytes[(node + 8)..<data], as: UTF8.self)
            mapTree(data, name == "commits" ? .commits : .rows)
        }
    }
}
