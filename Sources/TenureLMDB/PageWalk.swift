// Every page of a state file, read and checked by number, before or without LMDB.
//
// LMDB believes a page's offsets and follows its numbers, out of the map if need be. This walk
// believes none: it reads a file of any bytes to its end and tells what contradicts itself.
//
//   P1  A page has one place: in a tree, behind a value, or on the list of free pages. None has
//       two and none has none.
//   P2  Keys ascend in every leaf and lie between the keys of the branches above it.
//   P3  A tree has the pages, rows and depth that its record states.
//   P4  What is unused in the two meta pages is zero.
//   P5  The rows are those of the commit that the newest meta page states (L9).
//
// Not looked at: bytes of free pages, room between a page's offsets and its nodes, what fills a
// node or the last page of a value, and the trees of the meta page before the newest: LMDB reads
// none of them before it has written them anew.

internal import CLMDB
internal import SystemPackage
internal import TenureBase

/// What the pages of a state file are used for.
package struct PageUse: Equatable, Sendable {
    /// All pages in use by the newest transaction, free ones and the two metas included.
    package let total: UInt64
    /// Pages of trees and values, and the metas.
    package let live: UInt64
}

/// A walk over the trees of one state file.
///
/// Damage does not end it: what hangs on a damaged page is left out, and told once.
package final class PageWalk {
    /// Takes one thing that is wrong: where, and a sentence.
    package typealias Fault = (_ place: String, _ sentence: String) -> Void

    private let file: PageFile
    private let meta: MetaPage
    private let fault: Fault
    private var trees: [String: TreeRecord] = [:]
    /// One bit for each page of the file that has a place.
    private var taken: [UInt64]
    /// Free pages behind the end of the file, which was never written that far.
    private var freeBeyond: Set<UInt64> = []
    private var live: UInt64 = 2
    private var free: UInt64 = 0
    private var faults = 0

    /// Opens the file in `directory` and finds its `tables`, and those of `others` that are there.
    ///
    /// - Throws: `.damaged` when the pre-open check refuses the file, or what the kernel said.
    package init(
        directory: String,
        tables: [String],
        others: [String] = [],
        fault: @escaping Fault
    ) throws(StoreError) {
        switch PreOpenCheck.run(directory: directory) {
        case .sound: break
        case .absent: throw .damaged("data.mdb is missing")
        case .empty: throw .damaged("data.mdb is empty")
        case .damaged(let sentence): throw .damaged(sentence)
        case .unreadable(let errno): throw .system(errno)
        }
        file = try PageFile(directory: directory)
        self.fault = fault
        do {
            meta = try Self.newestMeta(of: file)
        } catch {
            throw .damaged(Self.sentence(error))
        }
        taken = [UInt64](repeating: 0, count: Int(file.pages / 64 + 1))
        readNames(tables, others)
    }

    /// Gives every row of `table` to `body`, in the order of keys; to be called once a table.
    package func rows(of table: String, _ body: (_ key: [UInt8], _ value: [UInt8]) -> Void) {
        guard let tree = trees[table] else { return }
        walk(tree, table, .bytes) { body(Array($0), $1) }
    }

    /// Reads what is left, after the rows of all tables, and says what the pages are used for.
    package func finish() -> PageUse {
        checkCommitNumber()
        walk(meta.freeTree, "free pages", .number) { key, value in
            do {
                try self.takeFree(key, value)
            } catch {
                self.tell("free pages", Self.sentence(error))
            }
        }
        let total = meta.lastPage + 1
        if faults == 0, live + free != total {
            tell("free pages", "of \(total) pages \(live) are in use and \(free) free")
        }
        return PageUse(total: total, live: live)
    }

    private func tell(_ place: String, _ sentence: String) {
        faults += 1
        fault(place, sentence)
    }

    private static func sentence(_ error: any Error) -> String {
        (error as? MetaFault)?.sentence ?? "can not be read: \(error)"
    }
}

// MARK: The first pages

extension PageWalk {
    /// The newer meta page, after both were compared with what no store of ours writes.
    private static func newestMeta(of file: PageFile) throws -> MetaPage {
        var metas: [MetaPage] = []
        for number in 0...1 as ClosedRange<UInt64> {
            let bytes = try file.page(number)
            try MetaPage.checkUnused(bytes, number)
            metas.append(try MetaPage(number: number, bytes: bytes))
        }
        metas.sort { $0.transaction < $1.transaction }
        let (older, newer) = (metas[0].mapBytes, metas[1].mapBytes)
        // A map only grows, and by doubling.
        guard older == newer || (older < newer && newer.nonzeroBitCount == 1) else {
            throw MetaFault("the meta pages state maps of \(older) and then \(newer) bytes")
        }
        return metas[1]
    }

    private func readNames(_ tables: [String], _ others: [String]) {
        let expected = Set(tables + (meta.transaction > 1 ? [CommitNumber.tableName] : []))
        walk(meta.mainTree, "table names", .bytes, flags: TreePage.subtreeFlag) { key, value in
            let name = String(decoding: key, as: UTF8.self)
            do {
                let record = try TreeRecord(value.rawBytes, at: 0)
                guard value.count == TreeRecord.byteCount, record.pad == 0, record.flags == 0 else {
                    throw MetaFault("table \(name) is none of ours")
                }
                guard
                    expected.contains(name) || others.contains(name)
                        || name == CommitNumber.tableName
                else {
                    throw MetaFault("there is a table '\(name)'")
                }
                self.trees[name] = record
            } catch {
                self.tell("table names", Self.sentence(error))
            }
        }
        for name in expected.subtracting(trees.keys).sorted() {
            tell("table names", "table \(name) is missing")
        }
    }

    /// P5.
    private func checkCommitNumber() {
        var rows: [(key: [UInt8], value: [UInt8])] = []
        self.rows(of: CommitNumber.tableName) { rows.append(($0, $1)) }
        guard meta.transaction > 1, trees[CommitNumber.tableName] != nil else { return }
        let value = rows.first?.value ?? []
        let number: UInt64? = try? value.rawBytes.integer(at: 0)
        guard rows.count == 1, rows[0].key == CommitNumber.key, value.count == 8,
            number == meta.transaction
        else {
            return tell(
                CommitNumber.tableName,
                "transaction \(meta.transaction) has not the number of its own"
            )
        }
    }

    /// One record of the list of free pages: which transaction freed them, count, numbers.
    private func takeFree(_ key: ArraySlice<UInt8>, _ value: [UInt8]) throws {
        let key = Array(key)
        let freed: UInt64 = try key.rawBytes.integer(at: 0)
        guard freed >= 1, freed <= meta.transaction else {
            throw MetaFault("pages were freed by transaction \(freed) of \(meta.transaction)")
        }
        let span = value.rawBytes
        let count: UInt64 = try span.integer(at: 0)
        guard value.count % 8 == 0, count < UInt64(value.count / 8) else {
            throw MetaFault("transaction \(freed) freed \(count) pages in \(value.count) bytes")
        }
        var above = UInt64.max
        for index in 0..<Int(count) {
            let number: UInt64 = try span.integer(at: 8 + 8 * index)
            guard number < above else {
                throw MetaFault("transaction \(freed) freed page \(number) behind page \(above)")
            }
            above = number
            try claimFree(number)
        }
    }
}

// MARK: Trees

extension PageWalk {
    /// How the keys of a tree are ordered.
    private enum KeyOrder {
        case bytes
        /// Numbers of eight bytes in the machine's order.
        case number

        func precedes(_ first: ArraySlice<UInt8>, _ second: ArraySlice<UInt8>) -> Bool {
            switch self {
            case .bytes: first.lexicographicallyPrecedes(second)
            case .number: first.reversed().lexicographicallyPrecedes(second.reversed())
            }
        }

        func accepts(_ key: ArraySlice<UInt8>) -> Bool {
            switch self {
            case .bytes: (1...511).contains(key.count)
            case .number: key.count == 8
            }
        }
    }

    private typealias RowBody = (_ key: ArraySlice<UInt8>, _ value: [UInt8]) -> Void

    /// One tree, and what was counted in it.
    private struct Walk {
        let name: String
        let order: KeyOrder
        /// The flags that a node has beside that of overflow pages.
        let flags: UInt16
        var branches: UInt64 = 0
        var leaves: UInt64 = 0
        var overflows: UInt64 = 0
        var entries: UInt64 = 0
    }

    private func walk(
        _ tree: TreeRecord,
        _ name: String,
        _ order: KeyOrder,
        flags: UInt16 = 0,
        _ body: RowBody
    ) {
        if let sentence = tree.fault(lastPage: meta.lastPage) { return tell(name, sentence) }
        guard tree.root != TreeRecord.noRoot else { return }
        var walk = Walk(name: name, order: order, flags: flags)
        let before = faults
        subtree(tree.root, depth: Int(tree.depth), nil, nil, &walk, body)
        guard faults == before else { return }
        let counted = [walk.branches, walk.leaves, walk.overflows, walk.entries]
        let stated = [tree.branchPages, tree.leafPages, tree.overflowPages, tree.entries]
        guard counted == stated else {
            return tell(
                name,
                "has \(counted) branches, leaves, pages of values and rows; \(stated) are stated"
            )
        }
    }

    /// Walks over the page `number` and what is below it; its keys lie from `low` to below `high`.
    private func subtree(
        _ number: UInt64,
        depth: Int,
        _ low: ArraySlice<UInt8>?,
        _ high: ArraySlice<UInt8>?,
        _ walk: inout Walk,
        _ body: RowBody
    ) {
        let place = "\(walk.name), page \(number)"
        do {
            try claim(number)
            let bytes = try file.page(number)
            let page = try TreePage(number: number, bytes: bytes, isLeaf: depth == 1)
            try checkOrder(page, isLeaf: depth == 1, low, high, walk.order)
            guard depth > 1 else { return leaf(page, place, &walk, body) }
            walk.branches += 1
            for (index, node) in page.nodes.enumerated() {
                let next = index + 1 < page.nodes.count ? page.key(page.nodes[index + 1]) : high
                let first = index == 0 ? low : page.key(node)
                subtree(node.child, depth: depth - 1, first, next, &walk, body)
            }
        } catch {
            tell(place, Self.sentence(error))
        }
    }

    private func leaf(_ page: TreePage, _ place: String, _ walk: inout Walk, _ body: RowBody) {
        walk.leaves += 1
        for node in page.nodes {
            walk.entries += 1
            do {
                guard node.flags & ~TreePage.bigDataFlag == walk.flags else {
                    throw MetaFault("has a row with flags \(node.flags)")
                }
                if node.flags & TreePage.bigDataFlag == 0 {
                    body(page.key(node), Array(page.bytes[node.stored]))
                } else {
                    body(page.key(node), try overflow(page, node, &walk))
                }
            } catch {
                tell(place, Self.sentence(error))
            }
        }
    }

    /// P2: of a branch the first key says nothing, and LMDB never looks at it.
    private func checkOrder(
        _ page: TreePage,
        isLeaf: Bool,
        _ low: ArraySlice<UInt8>?,
        _ high: ArraySlice<UInt8>?,
        _ order: KeyOrder
    ) throws {
        var before = low
        var mayBeEqual = isLeaf
        for node in page.nodes.dropFirst(isLeaf ? 0 : 1) {
            let key = page.key(node)
            guard order.accepts(key) else { throw MetaFault("has a key of \(key.count) bytes") }
            if let before {
                let isAbove = order.precedes(before, key) || (mayBeEqual && before == key)
                guard isAbove else { throw MetaFault("has keys out of order") }
            }
            before = key
            mayBeEqual = false
        }
        guard let before, let high else { return }
        guard order.precedes(before, high) else {
            throw MetaFault("has keys that belong behind it")
        }
    }

    /// The value that lies on pages of its own.
    private func overflow(
        _ page: TreePage,
        _ node: TreePage.Node,
        _ walk: inout Walk
    ) throws -> [UInt8] {
        let number: UInt64 = try page.bytes.rawBytes.integer(at: node.stored.lowerBound)
        let header = try file.page(number)
        try TreePage.checkHeader(header.rawBytes, number, TENURE_MDB_P_OVERFLOW)
        let pages = UInt64(try header.rawBytes.integer(at: 12, as: UInt32.self))
        let needed = (TreePage.headerBytes + node.dataBytes - 1) / MetaPage.pageBytes + 1
        // A value that became shorter keeps the pages that it had.
        guard pages >= UInt64(needed) else {
            throw MetaFault("has a value of \(node.dataBytes) bytes on \(pages) pages")
        }
        for place in number..<(number + pages) { try claim(place) }
        walk.overflows += pages
        let start = TreePage.headerBytes
        return try file.bytes(ofPage: number, from: start, count: node.dataBytes)
    }

    /// P1 for a page of a tree.
    private func claim(_ number: UInt64) throws {
        try mark(number)
        live += 1
    }

    /// P1 for a free page.
    private func claimFree(_ number: UInt64) throws {
        if number >= file.pages, number <= meta.lastPage {
            guard freeBeyond.insert(number).inserted else {
                throw MetaFault("page \(number) is free twice")
            }
        } else {
            try mark(number)
        }
        free += 1
    }

    private func mark(_ number: UInt64) throws {
        guard number >= 2, number <= meta.lastPage, number < file.pages else {
            throw MetaFault("page \(number) is named, and there is none")
        }
        let (word, bit) = (Int(number / 64), UInt64(1) << (number % 64))
        guard taken[word] & bit == 0 else { throw MetaFault("page \(number) is named twice") }
        taken[word] |= bit
    }
}
