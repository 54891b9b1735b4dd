// What a bundle is made of: the files of a directory that nobody writes, and those that are given
// along.

internal import SystemPackage
internal import TenureLog
internal import TenureStorage

/// A file that goes into a bundle.
struct BundleSource {
    /// Where its bytes are.
    private enum Place {
        case disk(any Disk)
        case memory([UInt8])
    }

    let name: String
    /// Bytes of the file.
    let size: UInt64
    /// Bytes without the zeros at its end, where these are left out.
    let stored: UInt64
    private let place: Place

    /// Bytes that are in memory.
    init(name: String, bytes: [UInt8]) {
        self.name = name
        (size, stored) = (UInt64(bytes.count), UInt64(bytes.count))
        place = .memory(bytes)
    }

    /// A file of a directory, which is open only while it is read.
    init(name: String, on disk: any Disk) throws {
        self.name = name
        place = .disk(disk)
        do throws(DiskError) {
            let file = try disk.open(name, .readOnly)
            defer { file.close() }
            size = try file.size()
            stored = BundleLimits.isTrimmed(name) ? try Self.usedBytes(of: file, size) : size
        } catch {
            throw Failure(.inputOutput, "'\(name)' can not be read: \(error)")
        }
        guard let most = BundleLimits.bytesMax(of: name), size <= most else {
            throw Failure(
                .refused,
                "'\(name)' has \(size) bytes, more than a bundle can have of one file; copy the "
                    + "directory instead"
            )
        }
    }

    /// Calls `body` with the stored bytes, piece by piece.
    ///
    /// - Throws: what `body` throws, or a failure when they are not there any more.
    func read(_ body: ([UInt8]) throws -> Void) throws {
        switch place {
        case .memory(let bytes): try body(bytes)
        case .disk(let disk):
            let file = try calling { () throws(DiskError) in try disk.open(name, .readOnly) }
            defer { file.close() }
            var offset: UInt64 = 0
            while offset < stored {
                let count = Int(min(stored - offset, UInt64(BundleLimits.piece)))
                let bytes = try calling { () throws(DiskError) in
                    try Self.read(count, of: file, at: offset)
                }
                guard bytes.count == count else {
                    throw Failure(.inputOutput, "'\(name)' has become shorter while it was read")
                }
                try body(bytes)
                offset += UInt64(count)
            }
        }
    }

    private func calling<Value>(_ body: () throws(DiskError) -> Value) throws -> Value {
        do throws(DiskError) {
            return try body()
        } catch {
            throw Failure(.inputOutput, "'\(name)' can not be read: \(error)")
        }
    }

    private static func read(
        _ count: Int,
        of file: any DiskFile,
        at offset: UInt64
    ) throws(DiskError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var span = bytes.mutableSpan
        // SAFETY: every bit pattern is a valid byte.
        var raw = unsafe span.mutableBytes
        let read = try file.read(into: &raw, at: offset)
        bytes.removeLast(count - read)
        return bytes
    }

    /// Bytes up to the last one that is not zero, in whole blocks.
    private static func usedBytes(of file: any DiskFile, _ size: UInt64) throws(DiskError) -> UInt64
    {
        var end = size
        while end > 0 {
            let start = end > UInt64(BundleLimits.piece) ? end - UInt64(BundleLimits.piece) : 0
            let bytes = try read(Int(end - start), of: file, at: start)
            if let last = bytes.lastIndex(where: { $0 != 0 }) {
                let block = UInt64(LogLimits.block)
                return min((start + UInt64(last)) / block * block + block, size)
            }
            end = start
        }
        return 0
    }

    // MARK: Finding them

    /// The files of a directory that make it a ledger, or tell what happened to it.
    ///
    /// Left out is what a start makes anew: `LOCK`, `lock.mdb`, spare and half-written files; and
    /// what is no part of a ledger.
    static func all(of directory: DataDirectory) throws -> [BundleSource] {
        let disk = directory.disk
        var names: [String] = []
        do throws(DiskError) {
            for name in try disk.list("") {
                if BundleLimits.bytesMax(of: name) != nil { names.append(name) }
                let isDirectory =
                    ["log", "archive", "state"].contains(name) || name.hasPrefix("state.kept-")
                    || StateSnapshot(name) != nil
                guard isDirectory else { continue }
                names += try disk.list(name).map { "\(name)/\($0)" }
                    .filter { BundleLimits.bytesMax(of: $0) != nil }
            }
        } catch {
            throw Failure(.inputOutput, "'\(directory.path)' can not be listed: \(error)")
        }
        guard names.count < BundleLimits.members - BundleLimits.includes else {
            throw Failure(.refused, "there are \(names.count) files; copy the directory instead")
        }
        let sources = try names.sorted().map { try BundleSource(name: $0, on: disk) }
        guard sources.reduce(0, { $0 + $1.size - $1.stored }) <= BundleLimits.zeros else {
            throw Failure(
                .refused,
                "the files in log/ are mostly room that is not used; copy the directory instead"
            )
        }
        return sources
    }

    /// Files that are given along, under their own names.
    ///
    /// - Throws: a failure when one is no file, is larger than may be, or has the name of another.
    static func given(_ paths: [String]) throws -> [BundleSource] {
        guard paths.count <= BundleLimits.includes else {
            throw Failure(.usage, "at most \(BundleLimits.includes) files can be given along")
        }
        var names: Set<String> = []
        return try paths.map { path in
            let base = FilePath(path).lastComponent?.string ?? ""
            let name = "include/\(base)"
            guard TarHeader.isName(name) else {
                throw Failure(
                    .usage,
                    "'\(Table.cell(path))' has a name that a bundle can not have; give a copy that "
                        + "is called by letters, digits, dots, dashes and underscores"
                )
            }
            guard names.insert(name).inserted else {
                throw Failure(.usage, "two files are called '\(base)'")
            }
            return BundleSource(
                name: name,
                bytes: try PlainFile.read(path, atMost: BundleLimits.include)
            )
        }
    }
}

/// Files that people name.
enum PlainFile {
    /// The bytes of a regular file.
    ///
    /// - Throws: a failure when it is none, can not be read, or has more bytes than that.
    static func read(_ path: String, atMost most: Int) throws -> [UInt8] {
        guard PathFacts.isFile(path) else {
            throw Failure(.usage, "'\(Table.cell(path))' is no file")
        }
        do {
            // A FIFO in its place by then must not be waited for.
            let file = try FileDescriptor.open(
                FilePath(path),
                .readOnly,
                options: [.nonBlocking, .closeOnExec]
            )
            return try file.closeAfter {
                let bytes = try read(most + 1, of: file)
                if bytes.count <= most { return bytes }
                throw Failure(.usage, "'\(Table.cell(path))' has more than \(most) bytes")
            }
        } catch let errno as Errno {
            throw Failure(.usage, "'\(Table.cell(path))' can not be read: \(errno)")
        }
    }

    /// The next bytes of a file; fewer only at its end.
    static func read(_ count: Int, of file: FileDescriptor) throws -> [UInt8] {
        try unsafe [UInt8](unsafeUninitializedCapacity: count) { room, used in
            let room = UnsafeMutableRawBufferPointer(room)
            // A signal may make one call shorter.
            while used < count {
                // SAFETY: the call writes behind `used`, no more than there is room, and says how
                // much.
                let read = try unsafe file.read(
                    into: UnsafeMutableRawBufferPointer(rebasing: room[used...])
                )
                if read == 0 { break }
                used += read
            }
        }
    }
}
