// Reading a bundle: nothing in it is believed before it was checked.
//
//   R1  the manifest comes first, is not too large, and names only what a bundle has, each once
//   R2  the members are those of the manifest, in its order, each with a header of the one form
//   R3  each has the SHA-256 that the manifest states, and what fills its last block is zero
//   R4  the digest of the manifest comes last, behind it two blocks of zeros and the file's end
//
// So each byte is checked by something. Bytes are handed on before R3 and R4 are known: who takes
// them keeps them aside until the end. Memory is a piece, and the manifest.

internal import SystemPackage
internal import TenureLog

/// Takes in the files of a bundle.
protocol BundleSink {
    /// A file begins.
    func begin(_ member: BundleManifest.Member) throws
    /// Its bytes go on.
    func take(_ bytes: [UInt8]) throws
    /// It ends.
    func end(_ member: BundleManifest.Member) throws
}

/// Reads one bundle.
struct BundleReader {
    private let path: String
    private let file: FileDescriptor
    private var offset: UInt64 = 0

    /// The manifest of the bundle at `path`, and its bytes, when all of it was handed to `sink`.
    ///
    /// - Throws: a failure with code 65 that names what is wrong and where, and what `sink` throws,
    ///   which is no `Errno`.
    static func read(
        _ path: String,
        into sink: (BundleManifest) throws -> (any BundleSink)?,
        progress: (_ done: UInt64, _ total: UInt64) -> Void = { _, _ in }
    ) throws -> (manifest: BundleManifest, bytes: [UInt8]) {
        guard PathFacts.isFile(path) else {
            throw Failure(.usage, "'\(path)' is no file; name what 'tenure audit bundle' has made")
        }
        do {
            // A FIFO in its place by then must not be waited for.
            let file = try FileDescriptor.open(
                FilePath(path),
                .readOnly,
                options: [.nonBlocking, .closeOnExec]
            )
            return try file.closeAfter {
                var reader = BundleReader(path: path, file: file)
                return try reader.read(into: sink, progress)
            }
        } catch let errno as Errno {
            throw Failure(.inputOutput, "'\(path)' can not be read: \(errno)")
        }
    }

    private mutating func read(
        into sink: (BundleManifest) throws -> (any BundleSink)?,
        _ progress: (UInt64, UInt64) -> Void
    ) throws -> (manifest: BundleManifest, bytes: [UInt8]) {
        let header = try header(of: BundleManifest.name)
        guard header.size <= BundleLimits.manifest else {
            throw damage("the manifest is too large")
        }
        let bytes = try take(Int(header.size))
        try skipPadding(after: header.size)
        let manifest = try BundleManifest(reading: bytes)
        let total = manifest.members.reduce(UInt64(0)) { $0 &+ $1.stored }
        let sink = try sink(manifest)
        var done: UInt64 = 0
        for member in manifest.members {
            let header = try self.header(of: member.name)
            guard header.size == member.stored else {
                throw damage("'\(member.name)' has another size than the manifest states")
            }
            try copy(member, to: sink) { count in
                done += count
                progress(done, total)
            }
        }
        var digest = Digest()
        digest.update(bytes)
        let stated = try self.header(of: BundleManifest.digestName)
        guard stated.size == 65, try take(65) == Array("\(digest.text)\n".utf8) else {
            throw damage("the manifest has another SHA-256 than is stated behind all members")
        }
        try skipPadding(after: stated.size)
        try skipZeros(2 * TarHeader.blockBytes)
        guard try take(1, orEnd: true).isEmpty else { throw damage("there is more behind the end") }
        return (manifest, bytes)
    }

    /// Reads a member and compares its digest.
    private mutating func copy(
        _ member: BundleManifest.Member,
        to sink: (any BundleSink)?,
        _ progress: (UInt64) -> Void
    ) throws {
        try sink?.begin(member)
        var digest = Digest()
        var left = member.stored
        while left > 0 {
            let bytes = try take(Int(min(left, UInt64(BundleLimits.piece))))
            digest.update(bytes)
            try sink?.take(bytes)
            left -= UInt64(bytes.count)
            progress(UInt64(bytes.count))
        }
        try skipPadding(after: member.stored)
        guard digest.text == member.sha256 else {
            throw damage("'\(member.name)' has another SHA-256 than the manifest states")
        }
        try sink?.end(member)
    }

    /// The header of the member that must come next.
    private mutating func header(of name: String) throws -> TarHeader {
        let place = offset
        let block = try take(TarHeader.blockBytes)
        let header: TarHeader
        do throws(TarHeader.Fault) {
            header = try TarHeader(reading: block)
        } catch {
            throw damage(error.sentence, at: place)
        }
        guard header.name == name else {
            throw damage("there is '\(header.name)', where '\(name)' should be", at: place)
        }
        return header
    }

    private mutating func skipPadding(after size: UInt64) throws {
        try skipZeros(TarHeader.padding(after: size))
    }

    private mutating func skipZeros(_ count: Int) throws {
        guard try take(count).allSatisfy({ $0 == 0 }) else {
            throw damage("what fills a block is not zero")
        }
    }

    /// The next bytes; fewer only where the end is allowed.
    private mutating func take(_ count: Int, orEnd: Bool = false) throws -> [UInt8] {
        guard count > 0 else { return [] }
        let bytes = try PlainFile.read(count, of: file)
        guard bytes.count == count || orEnd else { throw damage("the file ends there") }
        offset += UInt64(count)
        return bytes
    }

    private func damage(_ what: String, at place: UInt64? = nil) -> Failure {
        Failure(
            .damaged,
            "'\(path)' is not the bundle that was made: byte \(place ?? offset): \(what)"
        )
    }
}

extension TarHeader.Fault {
    /// What is wrong, for people.
    fileprivate var sentence: String {
        switch self {
        case .end: "there are zeros, where a member should be"
        case .notRegular: "there is a link, a directory, a device, or no header at all"
        case .name: "there is a name that no bundle has"
        case .form: "there is a header that no bundle has"
        }
    }
}
