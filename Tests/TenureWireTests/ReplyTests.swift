// Answers as bytes: golden bytes of both versions, and what the client makes of them.

import NIOCore
import TenureWire
import Testing

@testable import TenureModel

@Suite("Replies")
struct ReplyTests {
    private static let document = Document.map([
        .init("none", .null), .init("yes", .bool(true)), .init("less", .integer(-7)),
        .init("id", .id(.max >> 1)), .init("text", .string("é")),
        .init("list", .list([.integer(0), .list([]), .map([])])),
    ])

    private static func bytes(_ document: Document, _ version: RESPVersion) -> String {
        var buffer = ByteBuffer()
        ReplyEncoder.write(document, to: &buffer, version)
        return String(buffer: buffer)
    }

    @Test
    func `RESP3 has maps, nulls and booleans of its own`() {
        #expect(
            Self.bytes(Self.document, .three)
                == "%6\r\n$4\r\nnone\r\n_\r\n$3\r\nyes\r\n#t\r\n$4\r\nless\r\n:-7\r\n"
                + "$2\r\nid\r\n:9223372036854775807\r\n$4\r\ntext\r\n$2\r\né\r\n"
                + "$4\r\nlist\r\n*3\r\n:0\r\n*0\r\n%0\r\n"
        )
    }

    @Test
    func `RESP2 has flat arrays, null strings and numbers instead`() {
        #expect(
            Self.bytes(Self.document, .two)
                == "*12\r\n$4\r\nnone\r\n$-1\r\n$3\r\nyes\r\n:1\r\n$4\r\nless\r\n:-7\r\n"
                + "$2\r\nid\r\n:9223372036854775807\r\n$4\r\ntext\r\n$2\r\né\r\n"
                + "$4\r\nlist\r\n*3\r\n:0\r\n*0\r\n*0\r\n"
        )
    }

    @Test
    func `pushes are told apart`() {
        var buffer = ByteBuffer()
        ReplyEncoder.writePush("lease-lost", .map([.init("lease", .id(5))]), to: &buffer)
        #expect(String(buffer: buffer) == ">2\r\n$10\r\nlease-lost\r\n%1\r\n$5\r\nlease\r\n:5\r\n")
    }

    @Test
    func `a refusal is one line whatever its message has in it`() {
        var buffer = ByteBuffer()
        ReplyEncoder.write(Refusal(.exhausted, "pool\r\n-x \u{1b}[0m é"), to: &buffer)
        #expect(String(buffer: buffer) == "-EXHAUSTED pool??-x ?[0m é\r\n")
        buffer.clear()
        ReplyEncoder.write(Refusal(.busy, String(repeating: "x", count: 10_000)), to: &buffer)
        #expect(buffer.readableBytes == "-BUSY ".utf8.count + WireLimits.errorBytes + 2)
    }

    @Test(arguments: [0, 9, 10, 99, 12_345, UInt64.max / 10, .max - 1, .max])
    func `numbers are written whole`(number: UInt64) {
        var buffer = ByteBuffer()
        ReplyEncoder.write(.id(number), to: &buffer, .three)
        #expect(String(buffer: buffer) == ":\(number)\r\n")
    }

    private static let placement = PlacementView(
        resource: "gpu0",
        node: "host1",
        kind: .gpu,
        amount: 1_000
    )

    private static let answers: [Answer] = [
        .grant(
            Grant(
                status: .granted,
                lease: LeaseID(rawValue: 281_474_976_710_661),
                token: Token(rawValue: 281_474_976_710_661),
                holder: "h",
                ttlMilliseconds: 60_000,
                placements: [placement, placement],
                position: 5,
                replayed: false,
                price: 250,
                confidence: Confidence(margin: nil, left: 1_000)
            )
        ),
        .grant(
            Grant(
                status: .reserved,
                lease: LeaseID(rawValue: 1),
                token: Token(rawValue: 2),
                holder: "é",
                ttlMilliseconds: nil,
                placements: [],
                position: 0,
                replayed: true,
                price: nil,
                confidence: Confidence(margin: 7, left: 0, preemption: 1)
            )
        ),
        .grant(
            Grant(
                status: .granted,
                lease: LeaseID(rawValue: 1),
                token: Token(rawValue: 2),
                holder: "h",
                ttlMilliseconds: 3,
                placements: [],
                position: 4,
                replayed: false,
                breakers: BreakerNotice(onTrial: ["gpu0"], leftOut: [])
            )
        ),
        .renewed(
            Renewal(
                lease: LeaseID(rawValue: 1),
                token: Token(rawValue: 2),
                ttlMilliseconds: 3,
                position: 4
            )
        ),
        .renewed(
            Renewal(
                lease: LeaseID(rawValue: 1),
                token: Token(rawValue: 2),
                ttlMilliseconds: nil,
                position: 4
            )
        ),
        .renewed(
            Renewal(
                lease: LeaseID(rawValue: 1),
                token: Token(rawValue: 2),
                ttlMilliseconds: 3,
                position: 4,
                draining: DrainNotice(milliseconds: nil)
            )
        ),
        .renewed(
            Renewal(
                lease: LeaseID(rawValue: 1),
                token: Token(rawValue: 2),
                ttlMilliseconds: 3,
                position: 4,
                draining: DrainNotice(milliseconds: 1_234)
            )
        ),
        .ended(Ending(status: .released, id: 7, placements: [], position: 8)),
        .ended(Ending(status: .reduced, id: 7, placements: [placement], position: 8)),
        .ended(Ending(status: .closed, id: 7, placements: [], position: 8)),
        .session(
            SessionView(
                session: SessionID(rawValue: 1),
                token: Token(rawValue: 2),
                ttlMilliseconds: nil,
                position: 3
            )
        ),
    ]

    @Test(arguments: answers.indices, [RESPVersion.two, .three])
    func `hot answers have the bytes of their documents`(index: Int, version: RESPVersion) {
        let answer = Self.answers[index]
        var buffer = ByteBuffer()
        ReplyEncoder.write(answer, to: &buffer, version)
        #expect(String(buffer: buffer) == Self.bytes(answer.document, version))
    }

    private static func decodeAll(_ chunks: [[UInt8]]) throws -> [Reply] {
        var decoder = ReplyDecoder()
        var buffer = ByteBuffer()
        var replies: [Reply] = []
        for chunk in chunks {
            buffer.writeBytes(chunk)
            while let reply = try decoder.next(&buffer) { replies.append(reply) }
        }
        return replies
    }

    private static var stream: [UInt8] {
        var buffer = ByteBuffer()
        for answer in answers { ReplyEncoder.write(answer, to: &buffer, .three) }
        ReplyEncoder.writePush("event", .map([.init("a", .null)]), to: &buffer)
        ReplyEncoder.write(Refusal(.fenced, "no"), to: &buffer)
        buffer.writeSimple("OK")
        buffer.writeBytes(
            "*2\r\n-ERR inside\r\n*-1\r\n=7\r\ntxt:abc\r\n$-1\r\n!6\r\nBUSY x\r\n".utf8
        )
        return Array(buffer.readableBytesView)
    }

    @Test
    func `C1: replies cut at every offset are the same replies`() throws {
        let bytes = Self.stream
        let whole = try Self.decodeAll([bytes])
        #expect(whole.count == Self.answers.count + 7)
        #expect(whole[whole.count - 7] == .push(name: "event", values: [.map([.init("a", .null)])]))
        #expect(whole[whole.count - 6] == .failure(code: "FENCED", message: "no"))
        #expect(whole[whole.count - 5] == .value(.string("OK")))
        #expect(whole[whole.count - 4] == .value(.list([.string("ERR inside"), .null])))
        #expect(whole[whole.count - 3] == .value(.string("abc")))
        #expect(whole[whole.count - 1] == .failure(code: "BUSY", message: "x"))
        for cut in bytes.indices {
            let parts = [Array(bytes[..<cut]), Array(bytes[cut...])]
            #expect(try Self.decodeAll(parts) == whole, "cut at \(cut)")
        }
        #expect(try Self.decodeAll(bytes.map { [$0] }) == whole)
    }

    @Test(arguments: [
        ("?\r\n", ReplyError.malformed("a value of type '?'")),
        ("|1\r\n", .malformed("a value of type '|'")),
        (":x\r\n", .malformed("an integer that is none")),
        ("#x\r\n", .malformed("a boolean that is none")),
        ("*-2\r\n", .malformed("the length '-2'")),
        ("*99999999999999999999\r\n", .malformed("the length '99999999999999999999'")),
        ("$2\r\n\u{ff}", .malformed("a text that is not followed by CRLF")),
        ("+a\rb", .malformed("a line with a bare CR")),
        (">0\r\n", .malformed("an empty push")),
        ("*1\r\n>1\r\n", .malformed("a push inside a value")),
        ("$99999999\r\n", .tooLarge("a text of 99999999 bytes")),
        (String(repeating: "*1\r\n", count: 33), .tooLarge("nested deeper than 32")),
    ])
    func `C2, C3: what is no reply is an error`(bytes: String, error: ReplyError) {
        #expect(throws: error) { try Self.decodeAll([Array(bytes.utf8) + [0x78, 0x78, 0x78]]) }
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func `random replies never trap, in decoder and scanner`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var bytes = Self.stream
        for _ in 0..<8 {
            bytes[Int.random(in: 0..<bytes.count, using: &generator)] =
                UInt8.random(in: 0...255, using: &generator)
        }
        let replies = try? Self.decodeAll([bytes])
        #expect((replies?.count ?? 0) < bytes.count)
        var scanner = ReplyScanner()
        var buffer = ByteBuffer(bytes: bytes)
        var count = 0
        while let reply = scanner.next(&buffer), reply.readableBytes > 0 { count += 1 }
        #expect(count < bytes.count)
    }

    @Test
    func `the scanner finds the same ends as the decoder, at every cut`() {
        let bytes = Self.stream
        for cut in bytes.indices {
            var scanner = ReplyScanner()
            var buffer = ByteBuffer(bytes: bytes[..<cut])
            var count = 0
            var length = 0
            while let reply = scanner.next(&buffer) {
                count += 1
                length += reply.readableBytes
            }
            buffer.writeBytes(bytes[cut...])
            while let reply = scanner.next(&buffer) {
                count += 1
                length += reply.readableBytes
            }
            #expect(count == Self.answers.count + 7)
            #expect(length == bytes.count)
        }
    }

    @Test
    func `fields of a reply are found without decoding it`() {
        var buffer = ByteBuffer()
        ReplyEncoder.write(Self.answers[0], to: &buffer, .three)
        #expect(buffer.replyInteger("lease") == 281_474_976_710_661)
        #expect(buffer.replyInteger("token") == 281_474_976_710_661)
        #expect(buffer.replyInteger("position") == 5)
        #expect(buffer.replyInteger("nothing") == nil)
    }
}
