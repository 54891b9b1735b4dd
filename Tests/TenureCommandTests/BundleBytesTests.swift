// Bundles of any bytes: each that is not the one that was made is refused, and leaves nothing.

import Foundation
import TenureModel
import Testing

@testable import TenureCommand

@Suite("Bundles of any bytes", .timeLimit(.minutes(5)))
struct BundleBytesTests {
    private let home: String
    private var file: String { home + "/file" }
    private var directory: String { home + "/directory" }

    private static let ledger = "9ee0023d-11a9-210a-5ec9-51bbfa6ca58a"
    private static let segment = "log/00000000000000000001.seg"
    private static let files: [(name: String, bytes: [UInt8])] = [
        ("ledger.json", Array("{\"ledger\":\"\(ledger)\",\"format\":1}\n".utf8)),
        (segment, Array("not looked at by who restores it".utf8)), ("include/a", [1, 2, 3]),
    ]

    init() throws {
        home = "/var/tmp/tenure-bundle-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(
            atPath: home,
            withIntermediateDirectories: false,
            attributes: [.posixPermissions: 0o700]
        )
    }

    private func cleared<Value>(_ body: () throws -> Value) rethrows -> Value {
        defer { try? FileManager.default.removeItem(atPath: home) }
        return try body()
    }

    private func whole() throws -> [UInt8] {
        let sources = Self.files.map { BundleSource(name: $0.name, bytes: $0.bytes) }
        _ = try BundleWriter.write(
            sources,
            to: file,
            describing: { members in
                .map([
                    .init("format", .integer(1)), .init("ledger", .string(Self.ledger)),
                    .init("members", .list(members.map(\.document))),
                ])
            },
            progress: { _ in }
        )
        return [UInt8](try #require(FileManager.default.contents(atPath: file)))
    }

    /// What is said of these bytes as a bundle; nothing when they are one.
    private func refusal(_ bytes: [UInt8]) throws -> Failure? {
        try Data(bytes).write(to: URL(filePath: file))
        do {
            _ = try LedgerBundle.check(file)
            return nil
        } catch let failure as Failure {
            return failure
        }
    }

    /// Each byte of a small one, in four parts at a time.
    @Test(arguments: 0..<4)
    func `a flipped bit in any byte is told`(part: Int) throws {
        try cleared {
            let whole = try whole()
            #expect(try refusal(whole) == nil)
            for offset in stride(from: part, to: whole.count, by: 4) {
                var wrong = whole
                wrong[offset] ^= 1 << UInt8(offset % 8)
                let failure = try refusal(wrong)
                // Of a flipped digit of the format it is said that it is a later one.
                #expect(failure?.status == 65 || failure?.status == 78, "byte \(offset)")
            }
        }
    }

    @Test
    func `what ends early, or goes on, is told`() throws {
        try cleared {
            let whole = try whole()
            for count in stride(from: 0, to: whole.count, by: 512) {
                #expect(try refusal(Array(whole[..<count]))?.status == 65, "\(count) bytes")
            }
            #expect(try refusal(Array(whole.dropLast()))?.status == 65)
            for more in [1, 512] {
                let longer = whole + [UInt8](repeating: 0, count: more)
                #expect(try refusal(longer)?.status == 65)
            }
        }
    }

    // MARK: Bundles that somebody made with intent

    /// A member of a tar file of any sort, with the right sum.
    private static func member(_ name: String, _ bytes: [UInt8], type: UInt8 = 0x30) -> [UInt8] {
        var block = TarHeader(name: "x", size: UInt64(bytes.count)).block
        for index in 0..<100 { block[index] = 0 }
        for (index, byte) in name.utf8.prefix(100).enumerated() { block[index] = byte }
        block[156] = type
        if type == 0x32 {
            for (index, byte) in "/etc".utf8.enumerated() { block[157 + index] = byte }
        }
        for index in 148..<156 { block[index] = 0x20 }
        let sum = String(block.reduce(0) { $0 + Int($1) }, radix: 8)
        let digits = String(repeating: "0", count: 6 - sum.count) + sum + "\0 "
        for (index, byte) in digits.utf8.enumerated() { block[148 + index] = byte }
        return block + bytes + [UInt8](repeating: 0, count: (512 - bytes.count % 512) % 512)
    }

    private static func digest(_ bytes: [UInt8]) -> String {
        var digest = Digest()
        digest.update(bytes)
        return digest.text
    }

    private static func entry(
        _ name: String,
        _ bytes: [UInt8],
        size: UInt64? = nil,
        digest: String? = nil
    ) -> String {
        "{\"name\":\"\(name)\",\"size\":\(size ?? UInt64(bytes.count)),"
            + "\"stored\":\(bytes.count),\"sha256\":\"\(digest ?? Self.digest(bytes))\"}"
    }

    /// A bundle with a manifest of these entries, whose own digest is right, and these members.
    private static func bundle(_ entries: [String], _ members: [[UInt8]]) -> [UInt8] {
        let text =
            "{\"format\":1,\"ledger\":\"\(ledger)\",\"members\":["
            + "\(entries.joined(separator: ","))]}"
        let manifest = Array(text.utf8)
        return member("manifest.json", manifest) + members.joined()
            + member("manifest.sha256", Array("\(digest(manifest))\n".utf8))
            + [UInt8](repeating: 0, count: 1_024)
    }

    /// One row per trick, each with everything else as it should be.
    private static var tricks: [(name: String, bytes: [UInt8])] {
        let (first, bytes) = (files[0].name, files[0].bytes)
        let (entry0, member0) = (entry(first, bytes), member(first, bytes))
        var tricks: [(String, [UInt8])] = []
        let large = (1...40).map { number in
            let name = "log/" + String(repeating: "0", count: 18) + "\(number + 10).seg"
            return (name: name, entry: entry(name, [7], size: 128 << 20))
        }
        let names = [
            "../x", "/etc/x", "log/../../x", "log/../x", "./x", "x", "log/x", "log//x", "state/..",
            ".hidden", "state/lock.mdb", "LOCK", "copied", "log", "archive/1.seg", "include/a/b",
            "include/", "state.kept-1/../x", "log/cut-\u{e9}", "log/cut-\u{1b}", "bundle/x",
        ]
        for name in names {
            tricks.append(
                (
                    "name \(name)",
                    bundle([entry0, entry(name, [7])], [member0, member(name, [7])])
                )
            )
        }
        for type in "12345679xgLS".utf8 {
            let other = member(segment, [], type: type)
            tricks.append(
                ("type \(type)", bundle([entry0, entry(segment, [])], [member0, other]))
            )
        }
        tricks += [
            ("twice in the manifest", bundle([entry0, entry0], [member0, member0])),
            ("twice in the file", bundle([entry0], [member0, member0])),
            ("not in the manifest", bundle([entry0], [member0, member(segment, [7])])),
            ("not in the file", bundle([entry0, entry(segment, [7])], [member0])),
            (
                "another order",
                bundle([entry0, entry(segment, [7])], [member(segment, [7]), member0])
            ),
            (
                "another digest",
                bundle([entry(first, bytes, digest: digest([]))], [member0])
            ),
            ("another size", bundle([entry(first, bytes + [0])], [member0])),
            (
                "zeros without end",
                bundle(
                    [entry0, entry(segment, [7], size: 1 << 60)],
                    [member0, member(segment, [7])]
                )
            ),
            (
                "a smaller size than is stored",
                bundle(
                    [entry0, entry(segment, [7, 7], size: 1)],
                    [member0, member(segment, [7, 7])]
                )
            ),
            ("zeros of many segments", bundle([entry0] + large.map(\.entry), [member0])),
            ("no ledger.json", bundle([entry(segment, [7])], [member(segment, [7])])),
            ("another ledger", bundle([entry0], [member0]).replacingLedger()),
            ("no manifest", member0 + [UInt8](repeating: 0, count: 1_024)),
            ("nothing", []), ("zeros", [UInt8](repeating: 0, count: 10_240)),
            ("deep", member("manifest.json", [UInt8](repeating: 0x5b, count: 100_000))),
        ]
        return tricks
    }

    @Test
    func `what somebody made with intent is refused, and leaves nothing behind`() throws {
        try cleared {
            let good = Self.bundle(
                [Self.entry(Self.files[0].name, Self.files[0].bytes)],
                [Self.member(Self.files[0].name, Self.files[0].bytes)]
            )
            #expect(try refusal(good) == nil)
            for trick in Self.tricks {
                try Data(trick.bytes).write(to: URL(filePath: file))
                let failure = #expect(throws: Failure.self, "\(trick.name)") {
                    try LedgerBundle.restore(file, to: directory)
                }
                #expect(failure?.status == 65, "\(trick.name): \(failure?.sentence ?? "")")
                let left = try FileManager.default.contentsOfDirectory(atPath: home)
                #expect(left == ["file"], "\(trick.name)")
            }
            try Data(good).write(to: URL(filePath: file))
            _ = try LedgerBundle.restore(file, to: directory)
            let names = try FileManager.default.contentsOfDirectory(atPath: directory)
            #expect(names.sorted() == ["archive", "bundle", "copied", "ledger.json", "log"])
            #expect(throws: Failure.self) { try LedgerBundle.restore(file, to: directory) }
        }
    }
}

extension [UInt8] {
    /// The same with another ledger in the manifest, whose digest is right.
    fileprivate func replacingLedger() -> [UInt8] {
        let text = String(decoding: self[512..<(512 + manifestCount)], as: UTF8.self)
        let other = Array(text.replacing("9ee0023d", with: "8ee0023d").utf8)
        var digest = Digest()
        digest.update(other)
        var bytes = self
        bytes.replaceSubrange(512..<(512 + manifestCount), with: other)
        let last = bytes.count - 1_024 - 512
        bytes.replaceSubrange(last..<(last + 64), with: Array(digest.text.utf8))
        return bytes
    }

    private var manifestCount: Int {
        (try? TarHeader(reading: Array(prefix(512)))).map { Int($0.size) } ?? 0
    }
}
