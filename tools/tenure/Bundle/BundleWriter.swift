// Writing a bundle: it appears whole, under its name, or not at all.
//
//   B1  FILE.new is made, which must not exist: the manifest's room, then member after member
//   B2  the manifest, which by then knows the digests, is written into its room
//   B3  FILE.new is synced and renamed to FILE, which must not exist, and its directory synced

internal import FoundationEssentials
internal import SystemPackage
internal import TenureModel

/// Writes members behind each other.
struct BundleWriter {
    /// What was written.
    struct Summary {
        var members = 0
        var bytes: UInt64 = 0
        /// The SHA-256 of the manifest, which stands for everything.
        var digest = ""
    }

    private let file: FileDescriptor
    private var offset: Int64 = 0

    private init(_ file: FileDescriptor) { self.file = file }

    /// Writes the bundle at `path`; `describing` makes the manifest of the members.
    ///
    /// - Throws: a failure when something is there already, or the disk fails.
    static func write(
        _ sources: [BundleSource],
        to path: String,
        describing: ([BundleManifest.Member]) -> Document,
        progress: (UInt64) -> Void
    ) throws -> Summary {
        let aside = path + ".new"
        try PathFacts.requireFree(path, and: aside, otherwise: "choose another name, or remove it")
        do {
            let file = try FileDescriptor.open(
                FilePath(aside),
                .writeOnly,
                options: [.create, .exclusiveCreate, .closeOnExec],
                permissions: [.ownerReadWrite]
            )
            do {
                var writer = BundleWriter(file)
                let summary = try writer.write(sources, describing, progress)
                try PathFacts.sync(file)
                try file.close()
                try PathFacts.rename(aside, to: path)
                return summary
            } catch {
                try? file.close()
                try? FileManager.default.removeItem(atPath: aside)
                throw error
            }
        } catch let errno as Errno {
            throw Failure(
                errno == .fileExists ? .cannotCreate : .inputOutput,
                "'\(aside)' can not be written: \(errno)"
            )
        }
    }

    private mutating func write(
        _ sources: [BundleSource],
        _ describing: ([BundleManifest.Member]) -> Document,
        _ progress: (UInt64) -> Void
    ) throws -> Summary {
        var members = sources.map { source in
            BundleManifest.Member(
                name: source.name,
                size: source.size,
                stored: source.stored,
                sha256: BundleManifest.noDigest
            )
        }
        // Digests have one length, so that the room is known before they are.
        let room = Self.bytes(of: describing(members)).count
        guard room <= BundleLimits.manifest else {
            throw Failure(.refused, "the manifest would be too large; copy the directory instead")
        }
        try put([UInt8](repeating: 0, count: TarHeader.blockBytes + room))
        try pad(after: UInt64(room))
        var done: UInt64 = 0
        for (index, source) in sources.enumerated() {
            members[index].sha256 = try add(source) { count in
                done += count
                progress(done)
            }
        }
        let manifest = Self.bytes(of: describing(members))
        guard manifest.count == room else {
            throw Failure(.software, "the manifest has changed its length while it was written")
        }
        var digest = Digest()
        digest.update(manifest)
        let header = TarHeader(name: BundleManifest.name, size: UInt64(room))
        try file.writeAll(toAbsoluteOffset: 0, header.block + manifest)
        try add(
            BundleSource(name: BundleManifest.digestName, bytes: Array("\(digest.text)\n".utf8))
        )
        try put([UInt8](repeating: 0, count: 2 * TarHeader.blockBytes))
        return Summary(members: sources.count, bytes: UInt64(offset), digest: digest.text)
    }

    private static func bytes(of manifest: Document) -> [UInt8] {
        Array((JSONText.of(manifest) + "\n").utf8)
    }

    /// Writes a member.
    ///
    /// - Returns: the SHA-256 of its bytes.
    @discardableResult
    private mutating func add(
        _ source: BundleSource,
        _ progress: (UInt64) -> Void = { _ in }
    ) throws -> String {
        try put(TarHeader(name: source.name, size: source.stored).block)
        var digest = Digest()
        try source.read { bytes in
            digest.update(bytes)
            try put(bytes)
            progress(UInt64(bytes.count))
        }
        try pad(after: source.stored)
        return digest.text
    }

    private mutating func pad(after size: UInt64) throws {
        try put([UInt8](repeating: 0, count: TarHeader.padding(after: size)))
    }

    private mutating func put(_ bytes: [UInt8]) throws {
        try file.writeAll(toAbsoluteOffset: offset, bytes)
        offset += Int64(bytes.count)
    }
}
