// The first pages of LMDB's data format, version 1, as byte tables, and what must be true of them.
//
//   page header   0  number u64 · 8 pad u16 · 10 flags u16 · 12 lower u16 · 14 upper u16
//   meta body    16  magic u32 · 20 version u32 · 24 address u64 · 32 map bytes u64
//                40  tree of free pages (48 bytes) · 88 tree of names (48 bytes)
//               136  last page u64 · 144 transaction u64
//   tree          0  pad u32 (page size, in the first) · 4 flags u16 · 6 depth u16
//                 8  branch pages u64 · 16 leaf pages u64 · 24 overflow pages u64
//                32  entries u64 · 40 root u64
//
// Integers are in the machine's order, which is little-endian wherever this runs.

internal import CLMDB
internal import TenureBase

/// Why a page was not believed.
struct MetaFault: Error {
    let sentence: String

    init(_ sentence: String) {
        self.sentence = sentence
    }
}

/// What a meta page says about one tree.
struct TreeRecord {
    static let byteCount = 48
    static let noRoot = UInt64.max
    /// The deepest tree that LMDB's cursors can walk.
    static let deepest: UInt16 = 32

    let pad: UInt32
    let flags: UInt16
    let depth: UInt16
    let branchPages: UInt64
    let leafPages: UInt64
    let overflowPages: UInt64
    let entries: UInt64
    let root: UInt64

    init(_ span: RawSpan, at offset: Int) throws(DecodeError) {
        pad = try span.integer(at: offset)
        flags = try span.integer(at: offset + 4)
        depth = try span.integer(at: offset + 6)
        branchPages = try span.integer(at: offset + 8)
        leafPages = try span.integer(at: offset + 16)
        overflowPages = try span.integer(at: offset + 24)
        entries = try span.integer(at: offset + 32)
        root = try span.integer(at: offset + 40)
    }

    /// The sentence about what contradicts itself, or nil.
    func fault(lastPage: UInt64) -> String? {
        if root == Self.noRoot {
            let isEmpty =
                depth == 0 && entries == 0 && branchPages == 0 && leafPages == 0
                && overflowPages == 0
            return isEmpty ? nil : "has no root and is not empty"
        }
        if root < 2 || root > lastPage { return "has its root on page \(root)" }
        if depth == 0 || depth > Self.deepest { return "has depth \(depth)" }
        if entries == 0 || leafPages == 0 { return "has a root and is empty" }
        if (depth == 1) != (branchPages == 0) { return "has a depth that does not fit its pages" }
        for pages in [branchPages, leafPages, overflowPages] where pages > lastPage {
            return "has \(pages) pages of one sort"
        }
        if entries > lastPage * UInt64(MetaPage.pageBytes) { return "has \(entries) entries" }
        return nil
    }
}

/// One of the two meta pages.
struct MetaPage {
    /// The only page size that is accepted: what LMDB chooses on the machines this runs on.
    static let pageBytes = 4096
    /// Where the last field ends.
    private static let bodyEnd = 152
    /// Larger than any map that a process can have.
    private static let largestMap = UInt64(1) << 47

    let number: UInt64
    let freeTree: TreeRecord
    let mainTree: TreeRecord
    let lastPage: UInt64
    let transaction: UInt64
    let mapBytes: UInt64

    /// Reads the page and checks what does not depend on the file.
    init(number: UInt64, bytes: [UInt8]) throws {
        let span = bytes.rawBytes
        let stated: UInt64 = try span.integer(at: 0)
        let flags: UInt16 = try span.integer(at: 10)
        let magic: UInt32 = try span.integer(at: 16)
        let version: UInt32 = try span.integer(at: 20)
        let address: UInt64 = try span.integer(at: 24)
        guard magic == TENURE_MDB_MAGIC else {
            throw MetaFault("page \(number) has another magic number: this is not a state store")
        }
        guard version == TENURE_MDB_DATA_VERSION else {
            throw MetaFault("meta page \(number) has data format \(version); 1 is known")
        }
        guard stated == number, flags == TENURE_MDB_P_META else {
            throw MetaFault("page \(number) states number \(stated) and type \(flags)")
        }
        guard address == 0 else { throw MetaFault("meta page \(number) names a fixed address") }
        self.number = number
        mapBytes = try span.integer(at: 32)
        freeTree = try TreeRecord(span, at: 40)
        mainTree = try TreeRecord(span, at: 88)
        lastPage = try span.integer(at: 136)
        transaction = try span.integer(at: 144)
    }

    /// Checks that what is unused in a meta page is zero, as it was when the page was made.
    static func checkUnused(_ bytes: [UInt8], _ number: UInt64) throws(MetaFault) {
        for unused in [8..<10, 12..<16, bodyEnd..<pageBytes] {
            guard let place = bytes[unused].firstIndex(where: { $0 != 0 }) else { continue }
            throw MetaFault("meta page \(number) is not zero at byte \(place), which is unused")
        }
    }

    /// Checks the page's own statements against each other and against the file's length.
    func check(fileBytes: Int) throws(MetaFault) {
        let page = UInt64(Self.pageBytes)
        guard freeTree.pad == UInt32(Self.pageBytes) else {
            throw MetaFault("meta page \(number) states pages of \(freeTree.pad) bytes")
        }
        guard freeTree.flags == UInt16(MDB_INTEGERKEY), mainTree.flags == 0, mainTree.pad == 0
        else { throw MetaFault("meta page \(number) has flags that no store of ours has") }
        guard mapBytes % page == 0, mapBytes <= Self.largestMap else {
            throw MetaFault("meta page \(number) states a map of \(mapBytes) bytes")
        }
        guard lastPage >= 1, lastPage < mapBytes / page else {
            throw MetaFault("meta page \(number) has its last page, \(lastPage), outside its map")
        }
        guard UInt64(fileBytes) <= mapBytes else {
            throw MetaFault("data.mdb is longer than the map that meta page \(number) states")
        }
        for (tree, name) in [(freeTree, "free pages"), (mainTree, "table names")] {
            if let fault = tree.fault(lastPage: lastPage) {
                throw MetaFault("meta page \(number): the tree of \(name) \(fault)")
            }
        }
    }
}

/// The first page of a tree.
struct RootPage {
    private static let headerBytes = 16

    let number: UInt64
    private let stated: UInt64
    private let flags: UInt16
    private let lower: Int
    private let upper: Int

    init(number: UInt64, bytes: [UInt8]) throws {
        let span = bytes.rawBytes
        self.number = number
        stated = try span.integer(at: 0)
        flags = try span.integer(at: 10)
        lower = Int(try span.integer(at: 12, as: UInt16.self))
        upper = Int(try span.integer(at: 14, as: UInt16.self))
    }

    /// Checks that this page can be the root of `tree`.
    func check(against tree: TreeRecord, of meta: MetaPage) throws(MetaFault) {
        guard stated == number else {
            throw MetaFault("page \(number) states that it is page \(stated)")
        }
        guard flags == (tree.depth == 1 ? TENURE_MDB_P_LEAF : TENURE_MDB_P_BRANCH) else {
            throw MetaFault("page \(number), a root, has type \(flags)")
        }
        guard lower > Self.headerBytes, lower <= upper, upper <= MetaPage.pageBytes else {
            throw MetaFault("page \(number) states room from \(lower) to \(upper)")
        }
        let nodes = (lower - Self.headerBytes) / 2
        guard tree.depth > 1 || UInt64(nodes) == tree.entries else {
            throw MetaFault("page \(number) has \(nodes) rows, its meta page \(tree.entries)")
        }
    }
}
