// One page of a tree as a byte table, every offset in it checked.
//
//   page header   0  number u64 · 8 pad u16, zero · 10 type u16 · 12 lower u16 · 14 upper u16
//                16  offsets of the nodes, u16 each, in the order of keys, up to `lower`
//   leaf node     0  data bytes, low half u16 · 2 high half u16 · 4 flags u16 · 6 key bytes u16
//                 8  key, then the data, or the number u64 of the page that it starts on
//   branch node   0  page number, 48 bits over three u16 · 6 key bytes u16 · 8 key
//   overflow      0  page header with type 4, then at 12 the count of pages u32 · 16 the data
//
// LMDB keeps the nodes packed: each starts on an even offset where another one ends, from `upper`
// to the end of the page. So a damaged offset or length does not pass. Nothing reads the room
// between `lower` and `upper`, nor the byte that fills a node up to an even length.

internal import CLMDB
internal import TenureBase

/// A branch or a leaf.
struct TreePage {
    /// Where one node's parts lie in the page.
    struct Node {
        /// The key.
        let key: Range<Int>
        /// A leaf's data where it lies, or the number of the page where it does.
        let stored: Range<Int>
        /// Bytes of a leaf's data.
        let dataBytes: Int
        /// A leaf's flags.
        let flags: UInt16
        /// A branch's page below.
        let child: UInt64
    }

    static let headerBytes = 16
    /// The data lies on overflow pages.
    static let bigDataFlag: UInt16 = 1
    /// The data is the record of a tree.
    static let subtreeFlag: UInt16 = 2
    private static let nodeBytes = 8

    let bytes: [UInt8]
    let nodes: [Node]

    /// Reads a page that should be page `number`, and a leaf or a branch.
    ///
    /// - Throws: `MetaFault` with what contradicts itself.
    init(number: UInt64, bytes: [UInt8], isLeaf: Bool) throws {
        let span = bytes.rawBytes
        let type = isLeaf ? TENURE_MDB_P_LEAF : TENURE_MDB_P_BRANCH
        try Self.checkHeader(span, number, type)
        let lower = Int(try span.integer(at: 12, as: UInt16.self))
        let upper = Int(try span.integer(at: 14, as: UInt16.self))
        // A branch has two pages below it at least, or it would not be there.
        let least = Self.headerBytes + (isLeaf ? 2 : 4)
        guard lower >= least, lower % 2 == 0, lower <= upper, upper <= MetaPage.pageBytes else {
            throw MetaFault("states room from \(lower) to \(upper)")
        }
        var nodes: [Node] = []
        var extents: [Range<Int>] = []
        for place in stride(from: Self.headerBytes, to: lower, by: 2) {
            let start = Int(try span.integer(at: place, as: UInt16.self))
            let (node, end) = try Self.node(span, at: start, isLeaf)
            guard end <= MetaPage.pageBytes else {
                throw MetaFault("has a node at \(start) that runs past its end")
            }
            nodes.append(node)
            extents.append(start..<end)
        }
        var next = upper
        for extent in extents.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            guard extent.lowerBound == next else {
                throw MetaFault("has a node at \(extent.lowerBound), where \(next) belongs")
            }
            next = extent.upperBound
        }
        guard next == MetaPage.pageBytes else {
            throw MetaFault("has its last node end at \(next)")
        }
        self.bytes = bytes
        self.nodes = nodes
    }

    /// The key of `node`.
    func key(_ node: Node) -> ArraySlice<UInt8> { bytes[node.key] }

    /// Checks number, pad and type at the start of any page but a meta.
    static func checkHeader(_ span: RawSpan, _ number: UInt64, _ type: UInt16) throws {
        let stated: UInt64 = try span.integer(at: 0)
        let pad: UInt16 = try span.integer(at: 8)
        let flags: UInt16 = try span.integer(at: 10)
        guard stated == number else { throw MetaFault("states that it is page \(stated)") }
        guard flags == type, pad == 0 else {
            throw MetaFault("has type \(flags) and pad \(pad), not type \(type)")
        }
    }

    private static func node(
        _ span: RawSpan,
        at start: Int,
        _ isLeaf: Bool
    ) throws -> (node: Node, end: Int) {
        let low: UInt16 = try span.integer(at: start)
        let high: UInt16 = try span.integer(at: start + 2)
        let flags: UInt16 = try span.integer(at: start + 4)
        let keyBytes = Int(try span.integer(at: start + 6, as: UInt16.self))
        let key = (start + nodeBytes)..<(start + nodeBytes + keyBytes)
        let word = UInt64(low) | UInt64(high) << 16
        guard isLeaf else {
            let child = word | UInt64(flags) << 32
            let stored = key.upperBound..<key.upperBound
            let node = Node(key: key, stored: stored, dataBytes: 0, flags: 0, child: child)
            return (node, even(key.upperBound))
        }
        guard flags & ~(bigDataFlag | subtreeFlag) == 0 else {
            throw MetaFault("has a node at \(start) with flags \(flags)")
        }
        let storedBytes = flags & bigDataFlag != 0 ? 8 : Int(word)
        let stored = key.upperBound..<(key.upperBound + storedBytes)
        let node = Node(key: key, stored: stored, dataBytes: Int(word), flags: flags, child: 0)
        return (node, even(stored.upperBound))
    }

    private static func even(_ offset: Int) -> Int { (offset + 1) & ~1 }
}
