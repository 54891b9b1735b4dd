// Looks at an environment's first pages with plain reads, before LMDB trusts them.
//
// LMDB believes its meta pages: a wrong page size, root or last page there leads it out of the
// map. This check reads both metas and the roots they name, and refuses what contradicts itself.
// What it lets through is not proved sound: rows carry checksums, and the caller compares the
// stored position's seal with the log.
//
// A file may rightly be shorter than its last page (freed pages at the end are never written), so
// that is told and not judged.

internal import Glibc
package import SystemPackage

/// What the pre-open check found.
package enum PreOpenVerdict: Equatable, Sendable {
    /// There is no `data.mdb`.
    case absent
    /// `data.mdb` has no bytes: LMDB would start a new environment in it.
    case empty
    /// Nothing contradicts itself.
    case sound(PreOpenFacts)
    /// The sentence says what is wrong, and where.
    case damaged(String)
    /// The kernel did not let us read.
    case unreadable(Errno)
}

/// What a sound environment's first pages say.
package struct PreOpenFacts: Equatable, Sendable {
    /// The newest transaction that was committed.
    package let transaction: UInt64
    /// The number of the last page in use.
    package let lastPage: UInt64
    /// How many bytes the file has.
    package let fileBytes: Int
    /// How many bytes the file ends before the last page does; not a fault by itself.
    package let missingBytes: Int
}

/// The check that runs before LMDB opens a file.
package enum PreOpenCheck {
    /// Checks `data.mdb` in `directory`.
    package static func run(directory: String) -> PreOpenVerdict {
        do {
            let file = try FileDescriptor.open(
                FilePath(directory).appending("data.mdb"),
                .readOnly,
                options: [.closeOnExec, .noFollow]
            )
            return try file.closeAfter { try judge(file) }
        } catch Errno.noSuchFileOrDirectory {
            return .absent
        } catch let errno as Errno {
            return .unreadable(errno)
        } catch let fault as MetaFault {
            return .damaged(fault.sentence)
        } catch {
            return .damaged("\(error)")
        }
    }

    private static func judge(_ file: FileDescriptor) throws -> PreOpenVerdict {
        var status = stat()
        // SAFETY: the kernel fills the structure.
        guard unsafe fstat(file.rawValue, &status) == 0 else { throw Errno(rawValue: errno) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw MetaFault("data.mdb is not a regular file")
        }
        let fileBytes = Int(status.st_size)
        if fileBytes == 0 { return .empty }
        guard fileBytes >= 2 * MetaPage.pageBytes else {
            throw MetaFault("data.mdb has \(fileBytes) bytes, less than its two meta pages")
        }
        let first = try MetaPage(number: 0, bytes: page(0, of: file))
        let second = try MetaPage(number: 1, bytes: page(1, of: file))
        try checkOrder(first, second)
        for meta in [first, second] {
            try meta.check(fileBytes: fileBytes)
            try checkRoots(meta, file)
        }
        let newest = first.transaction > second.transaction ? first : second
        let needed = (newest.lastPage + 1) * UInt64(MetaPage.pageBytes)
        return .sound(
            PreOpenFacts(
                transaction: newest.transaction,
                lastPage: newest.lastPage,
                fileBytes: fileBytes,
                missingBytes: Int(clamping: needed) - min(fileBytes, Int(clamping: needed))
            )
        )
    }

    /// Transactions write the two metas in turn, so they are neighbours; both are 0 at birth.
    private static func checkOrder(_ first: MetaPage, _ second: MetaPage) throws(MetaFault) {
        let (one, two) = (first.transaction, second.transaction)
        if one == 0 && two == 0 { return }
        let distance = max(one, two) - min(one, two)
        guard distance == 1, one % 2 == 0 else {
            throw MetaFault("the meta pages are of transactions \(one) and \(two)")
        }
    }

    /// Each root that a meta names must be a page that says so itself, with a fitting shape.
    private static func checkRoots(_ meta: MetaPage, _ file: FileDescriptor) throws {
        for tree in [meta.freeTree, meta.mainTree] where tree.root != TreeRecord.noRoot {
            let root = try RootPage(number: tree.root, bytes: page(tree.root, of: file))
            try root.check(against: tree, of: meta)
        }
    }

    private static func page(_ number: UInt64, of file: FileDescriptor) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: MetaPage.pageBytes)
        let start = Int64(number) * Int64(MetaPage.pageBytes)
        var filled = 0
        while filled < bytes.count {
            let got = try unsafe bytes.withUnsafeMutableBytes { buffer in
                // SAFETY: the slice lies in the buffer, which lives for the closure.
                try unsafe file.read(
                    fromAbsoluteOffset: start + Int64(filled),
                    into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
                )
            }
            guard got > 0 else { throw MetaFault("data.mdb ends inside page \(number)") }
            filled += got
        }
        return bytes
    }
}
