// What a bundle says of itself: its first member, `manifest.json`.
//
// What is needed to restore is read back: format, ledger and members. The rest is for people.

internal import Crypto
internal import FoundationEssentials
internal import TenureLog
internal import TenureModel
internal import TenureStorage

/// The part of a manifest that is read back.
struct BundleManifest: Codable, Equatable {
    /// A file of a bundle.
    struct Member: Codable, Equatable {
        let name: String
        /// Bytes of the file.
        let size: UInt64
        /// Bytes of it in the bundle; what is missing at the end is zero.
        let stored: UInt64
        /// SHA-256 of the stored bytes, in hexadecimal digits.
        var sha256: String

        /// The same for programs that read the manifest.
        var document: Document {
            .map([
                .init("name", .string(name)), .init("size", .count(size)),
                .init("stored", .count(stored)), .init("sha256", .string(sha256)),
            ])
        }
    }

    /// The name of the manifest in a bundle.
    static let name = "manifest.json"
    /// The last member: the SHA-256 of the manifest.
    static let digestName = "manifest.sha256"
    /// The format that is written and read.
    static let format: UInt64 = 1
    /// In place of a SHA-256 that is not known yet.
    static let noDigest = String(repeating: "0", count: 64)

    let format: UInt64
    let ledger: String
    let members: [Member]

    /// Reads and checks a manifest.
    ///
    /// - Throws: a failure that says what is wrong with it.
    init(reading bytes: [UInt8]) throws {
        struct Format: Codable { let format: UInt64 }
        let data = Data(bytes)
        guard let version = try? JSONDecoder().decode(Format.self, from: data) else {
            throw Self.fault("is none")
        }
        guard version.format <= Self.format else {
            throw Failure(
                .configuration,
                "the bundle has format \(version.format); this version knows \(Self.format): use "
                    + "the one that wrote it, or a later one"
            )
        }
        guard version.format == Self.format,
            let read = try? JSONDecoder().decode(BundleManifest.self, from: data)
        else { throw Self.fault("lacks a field, or has one that is not what it should be") }
        self = read
        try check()
    }

    private func check() throws {
        guard LedgerID(ledger) != nil else { throw Self.fault("names no ledger") }
        guard members.count <= BundleLimits.members else {
            throw Self.fault("has too many members")
        }
        var names: Set<String> = []
        for member in members {
            let shown = Table.cell(String(member.name.prefix(100)))
            guard let most = BundleLimits.bytesMax(of: member.name) else {
                throw Self.fault("names '\(shown)', which no bundle has")
            }
            guard names.insert(member.name).inserted else {
                throw Self.fault("names '\(shown)' twice")
            }
            let isTrimmed = BundleLimits.isTrimmed(member.name)
            guard member.size <= most, member.stored <= member.size,
                isTrimmed || member.stored == member.size
            else { throw Self.fault("gives '\(shown)' a size that it can not have") }
        }
        guard members.reduce(0, { $0 + $1.size - $1.stored }) <= BundleLimits.zeros else {
            throw Self.fault("has more zeros behind its members than any bundle has")
        }
        guard names.contains(LedgerDocument.fileName) else {
            throw Self.fault("names no \(LedgerDocument.fileName)")
        }
    }

    private static func fault(_ what: String) -> Failure {
        Failure(.damaged, "the manifest of the bundle \(what)")
    }
}

/// A SHA-256 that is calculated piece by piece.
struct Digest {
    private var hash = SHA256()

    /// Takes in bytes.
    mutating func update(_ bytes: [UInt8]) { hash.update(data: bytes) }

    /// The digest of what was taken in, in hexadecimal digits.
    var text: String {
        hash.finalize().map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }
}
