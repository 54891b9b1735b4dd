// A ledger as one file, and back.
//
// The directory appears whole or not at all: DIR.new is made aside, and renamed when everything in
// the file was checked. It is marked as a copy, so that serving it begins a new epoch.

internal import FoundationEssentials
internal import Glibc
internal import SystemPackage
internal import TenureLog
internal import TenureModel
internal import TenureStorage

/// Makes bundles and restores them.
enum LedgerBundle {
    /// Bytes that were done, of how many.
    typealias Progress = (_ done: UInt64, _ total: UInt64) -> Void

    /// Makes a bundle of the directory that `ledger` has open.
    ///
    /// - Returns: what was made, for who asked.
    /// - Throws: a failure when something is at `path`, or a disk fails; damage of the log is no
    ///   failure, but told in the manifest.
    static func make(
        of ledger: StoppedLedger,
        from source: BundleManifest.Source,
        at path: String,
        including paths: [String],
        progress: Progress
    ) throws -> Document {
        let given = try BundleSource.given(paths)
        let directory = try ledger.directory()
        var history = try ledger.history(from: 1, to: .max)
        let facts = try BundleManifest.facts(of: directory, &history, from: source)
        let sources = try BundleSource.all(of: directory) + given
        let total = sources.reduce(UInt64(0)) { $0 + $1.stored }
        let summary = try BundleWriter.write(
            sources,
            to: path,
            describing: { .map(facts + [.init("members", .list($0.map(\.document)))]) },
            progress: { progress($0, total) }
        )
        return .map([
            .init("bundle", .string(path)), .init("ledger", .string("\(directory.ledger)")),
            .init("members", .count(summary.members)), .init("bytes", .count(summary.bytes)),
            .init("manifest", .string(summary.digest)),
        ])
    }

    /// Whether a file begins as a bundle does.
    static func isOne(_ path: String) -> Bool {
        guard
            let file = try? FileDescriptor.open(FilePath(path), .readOnly, options: [.closeOnExec])
        else { return false }
        let bytes = try? file.closeAfter {
            try PlainFile.read(TarHeader.blockBytes, of: file)
        }
        let header = bytes.flatMap { try? TarHeader(reading: $0) }
        return header?.name == BundleManifest.name
    }

    /// Reads a bundle and changes nothing.
    ///
    /// - Returns: the names of its files.
    /// - Throws: a failure with code 65 when it is not whole.
    static func check(_ path: String) throws -> [String] {
        try BundleReader.read(path, into: { _ in nil }).manifest.members.map(\.name)
    }

    /// Makes the directory that a bundle was made of.
    ///
    /// - Returns: what was made, for who asked.
    /// - Throws: a failure with code 65 when the bundle is not whole, with 73 when something is in
    ///   the way; then there is no directory.
    static func restore(
        _ path: String,
        to directory: String,
        progress: Progress = { _, _ in }
    ) throws -> Document {
        let aside = directory + ".new"
        try PathFacts.requireFree(
            directory,
            and: aside,
            otherwise: "name a directory that does not"
        )
        var made = false
        do {
            let read = try BundleReader.read(
                path,
                into: { manifest in
                    do {
                        try PathFacts.makeDirectory(aside)
                    } catch {
                        throw Failure(.cannotCreate, "'\(aside)' can not be made: \(error)")
                    }
                    made = true
                    return try RestoredDirectory(aside, for: manifest)
                },
                progress: progress
            )
            try RestoredDirectory.finish(aside, read.manifest, read.bytes)
            try PathFacts.rename(aside, to: directory)
            return .map([
                .init("directory", .string(directory)),
                .init("ledger", .string(read.manifest.ledger)),
                .init("members", .count(read.manifest.members.count)),
            ])
        } catch {
            if made { try? FileManager.default.removeItem(atPath: aside) }
            if let errno = error as? Errno {
                throw Failure(
                    .cannotCreate,
                    "'\(aside)' can not be renamed to '\(directory)': \(errno)"
                )
            }
            throw error
        }
    }
}

/// The directory that is made of a bundle.
private final class RestoredDirectory: BundleSink {
    /// Where the manifest and the files are that were given along.
    private static let extras = "bundle"

    private let disk: HostDisk
    private var file: (any DiskFile)?
    private var offset: UInt64 = 0

    /// An empty directory, with room for what a manifest names.
    init(_ path: String, for manifest: BundleManifest) throws {
        let disk = try Self.calling { () throws(DiskError) in try HostDisk(root: path) }
        self.disk = disk
        let free = try Self.calling { () throws(DiskError) in try disk.freeBytes() }
        let needed = manifest.members.reduce(UInt64(0)) { $0 + $1.size }
        guard needed <= free else {
            throw Failure(
                .cannotCreate,
                "'\(path)' would have \(needed) bytes, \(free) are free; choose another disk"
            )
        }
        var names: Set<String> = [LogPath.log, LogPath.archive, Self.extras]
        for member in manifest.members {
            let parts = Self.place(of: member.name).split(separator: "/")
            if parts.count == 2 { names.insert(String(parts[0])) }
        }
        try Self.calling { () throws(DiskError) in
            for name in names.sorted() { try disk.makeDirectory(name) }
        }
    }

    func begin(_ member: BundleManifest.Member) throws {
        offset = 0
        file = try Self.calling { () throws(DiskError) in
            try disk.create(Self.place(of: member.name))
        }
    }

    func take(_ bytes: [UInt8]) throws {
        let (file, offset) = (file, offset)
        try Self.calling { () throws(DiskError) in
            // SAFETY: bytes have no padding that could be read uninitialised.
            try file?.write(unsafe bytes.span.bytes, at: offset)
        }
        self.offset += UInt64(bytes.count)
    }

    func end(_ member: BundleManifest.Member) throws {
        // A log writes into blocks that are there: zeros are written, and no hole is left.
        while offset < member.size {
            let count = min(member.size - offset, UInt64(BundleLimits.piece))
            try take([UInt8](repeating: 0, count: Int(count)))
        }
        let file = file
        try Self.calling { () throws(DiskError) in try file?.sync() }
        file?.close()
        self.file = nil
    }

    /// Where a file of a bundle goes.
    private static func place(of name: String) -> String {
        let parts = name.split(separator: "/")
        return parts.first == "include" ? "\(extras)/given-\(parts[1])" : name
    }

    /// Says whose it is and that it is a copy, and makes all of it last.
    static func finish(_ path: String, _ manifest: BundleManifest, _ bytes: [UInt8]) throws {
        try calling { () throws(DiskError) in
            let disk = try HostDisk(root: path)
            let said = try disk.create("\(extras)/\(BundleManifest.name)")
            // SAFETY: bytes have no padding that could be read uninitialised.
            try said.write(unsafe bytes.span.bytes, at: 0)
            try said.sync()
            try disk.create(DataDirectory.copyMark).sync()
            for name in try disk.list("") where TarHeader.isName(name) {
                if (try? disk.list(name)) != nil { try disk.syncDirectory(name) }
            }
            try disk.syncDirectory("")
        }
        do throws(StorageError) {
            let ledger = try DataDirectory.open(at: path, access: .copy).ledger
            guard "\(ledger)" != manifest.ledger else { return }
        } catch {
            throw Failure(code: error.exitCode, error.description)
        }
        throw Failure(.damaged, "ledger.json in the bundle is that of another ledger")
    }

    private static func calling<Value>(
        _ body: () throws(DiskError) -> Value
    ) throws -> Value {
        do throws(DiskError) {
            return try body()
        } catch {
            throw Failure(.inputOutput, "the directory can not be made: \(error)")
        }
    }
}
