// How much of data.mdb belongs to live pages: what lies elsewhere, no row check ever looks at.
//
// The newest meta page names the tree of free pages and the tree of table names; the leaf of the
// latter holds the tree record of every table (the layout is in TenureLMDB's MetaPage.swift).
// A leaf has a header of 16 bytes and behind it one u16 offset a node, up to the header's `lower`:
//
//   node   0  low half of the data's length u16 · 2 high half u16 · 4 flags u16
//          6  length of the key u16 · 8 the key, then the data
//
// Everything is read with plain reads and bounds checks; LMDB has no part in it.

internal import SystemPackage
internal import TenureBase

/// How many pages of a state file belong to what.
package struct PageCoverage: Equatable, Sendable {
    /// All pages in use by the newest transaction, and the two metas.
    package var total: UInt64 = 0
    /// Pages of trees and the metas.
    package var live: UInt64 = 0

    package init() {}

    /// Pages whose bytes nothing checks: free ones, and lost ones.
    package var notCovered: UInt64 { total > live ? total - live : 0 }

    private static let pageBytes = 4096
    /// More pages than any map has; below it offsets can be calculated with.
    private static let pagesMax: UInt64 = 1 << 40
    /// The offsets of the two trees in a meta page, behind the page header.
    private static let freeTree = 40
    private static let nameTree = 88
    private static let treeBytes = 48
    /// A node whose data is the record of a tree.
    private static let subtreeFlag: UInt16 = 2

    /// Reads the file at `path`.
    ///
    /// - Returns: `nil` when the pages do not say it: then the state is damaged, and the scan of
    ///   its rows tells how.
    package static func read(path: String) -> PageCoverage? {
        do {
            let file = try FileDescriptor.open(
                FilePath(path),
                .readOnly,
                options: [.closeOnExec, .noFollow]
            )
            return try file.closeAfter { try read(file) }
        } catch {
            return nil
        }
    }

    private static func read(_ file: FileDescriptor) throws -> PageCoverage {
        let metas = [try page(0, of: file), try page(1, of: file)]
        let ids = try metas.map { try number($0, 144) }
        let meta = ids[0] > ids[1] ? metas[0] : metas[1]
        var coverage = PageCoverage()
        coverage.total = try number(meta, 136) &+ 1
        coverage.live = 2 &+ (try pages(meta, freeTree)) &+ (try pages(meta, nameTree))
        let root = try number(meta, nameTree + 40)
        guard root < coverage.total, root < pagesMax else { return coverage }
        for record in try subtrees(of: page(root, of: file)) {
            coverage.live &+= try pages(record, 0)
        }
        return coverage
    }

    /// The records of trees that a leaf holds.
    private static func subtrees(of leaf: [UInt8]) throws -> [[UInt8]] {
        // SAFETY: bytes have no padding that could be read uninitialised.
        let span = unsafe leaf.span.bytes
        let lower = Int(try span.integer(at: 12, as: UInt16.self))
        guard lower >= 16, lower <= pageBytes else {
            throw DecodeError.invalid(offset: 12, field: "lower")
        }
        var records: [[UInt8]] = []
        for offset in stride(from: 16, to: lower, by: 2) {
            let node = Int(try span.integer(at: offset, as: UInt16.self))
            let flags = try span.integer(at: node + 4, as: UInt16.self)
            let data = node + 8 + Int(try span.integer(at: node + 6, as: UInt16.self))
            guard flags & subtreeFlag != 0 else { continue }
            guard data + treeBytes <= pageBytes else {
                throw DecodeError.truncated(offset: data, needs: treeBytes, has: pageBytes)
            }
            records.append(Array(leaf[data..<(data + treeBytes)]))
        }
        return records
    }

    /// Branch, leaf and overflow pages of the tree whose record starts at `offset`.
    private static func pages(_ bytes: [UInt8], _ offset: Int) throws -> UInt64 {
        try number(bytes, offset + 8) &+ number(bytes, offset + 16) &+ number(bytes, offset + 24)
    }

    private static func number(_ bytes: [UInt8], _ offset: Int) throws -> UInt64 {
        // SAFETY: bytes have no padding that could be read uninitialised.
        try unsafe bytes.span.bytes.integer(at: offset)
    }

    private static func page(_ number: UInt64, of file: FileDescriptor) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: pageBytes)
        let start = Int64(number) * Int64(pageBytes)
        let count = try unsafe bytes.withUnsafeMutableBytes { buffer in
            // SAFETY: the system writes into the buffer, which lives for the closure.
            try unsafe file.read(fromAbsoluteOffset: start, into: buffer)
        }
        guard count == pageBytes else {
            throw DecodeError.truncated(offset: Int(start), needs: pageBytes, has: count)
        }
        return bytes
    }
}
