// Requests in a stream of bytes: what is one, what is refused, what ends the connection.

import NIOCore
import TenureModel
import TenureWire
import Testing

@Suite("Request decoder")
struct RequestDecoderTests {
    /// Bytes that are no request, each with the exact sentence; the connection must end.
    @Test(arguments: [
        ("*2147483648\r\n", "invalid array length"),
        ("*1048577\r\n", "invalid array length"),
        ("*-5\r\n", "invalid array length"),
        ("*-1\r\n", "invalid array length"),
        ("*1e3\r\n", "invalid array length"),
        ("*+3\r\n", "invalid array length"),
        ("*03\r\n", "invalid array length"),
        ("*\r\n", "invalid array length"),
        ("*1\rx", "invalid array length"),
        ("*1\n", "invalid array length"),
        ("*" + String(repeating: "1", count: 64), "invalid array length"),
        ("*1\r\n$9223372036854775807\r\n", "invalid bulk length"),
        ("*1\r\n$9999999999999999999\r\n", "invalid bulk length"),
        ("*1\r\n$536870913\r\n", "invalid bulk length"),
        ("*1\r\n$-2\r\n", "invalid bulk length"),
        ("*1\r\n$-1\r\n", "invalid bulk length"),
        ("*1\r\n$ 4\r\n", "invalid bulk length"),
        ("*1\r\n*1\r\n", "expected '$', got '*'"),
        ("*1\r\n:5\r\n", "expected '$', got ':'"),
        ("*1\r\n\0", "expected '$', got byte 0"),
        (
            "*1\r\n$4\r\nPINGxx",
            "a bulk string is not followed by CRLF where its length says"
        ),
        (
            "*1\r\n$4\r\nPING\rx",
            "a bulk string is not followed by CRLF where its length says"
        ),
        (
            "*1\r\n$2\r\nPING\r\n",
            "a bulk string is not followed by CRLF where its length says"
        ),
        ("PING \"open", "unbalanced quotes in an inline command"),
        ("PING \"a\"b", "unbalanced quotes in an inline command"),
        ("PING 'open", "unbalanced quotes in an inline command"),
    ])
    func `rows 1, 2, 7: what is no request ends the connection`(bytes: String, sentence: String) {
        let line = bytes.hasPrefix("PING") ? bytes + "\r\n" : bytes
        #expect(decodeAll(line) == [.violation(sentence, isCrossProtocol: false)])
    }

    @Test(arguments: [
        "$5\r\n", "|1\r\n", "%1\r\n", ">1\r\n", "_\r\n", "#t\r\n", ",nan\r\n", "(1\r\n", "\0",
    ])
    func `row 7: types that are no request are refused without being read`(bytes: String) {
        let first = bytes.utf8.first ?? 0
        let name = first == 0 ? "byte 0" : "'\(bytes.prefix(1))'"
        let sentence = "expected an array of bulk strings or an inline command, got \(name)"
        #expect(decodeAll(bytes) == [.violation(sentence, isCrossProtocol: false)])
    }

    @Test
    func `row 7: a hundred thousand nested arrays are one violation`() {
        let bytes = String(repeating: "*1\r\n", count: 100_000)
        #expect(decodeAll(bytes) == [.violation("expected '$', got '*'", isCrossProtocol: false)])
    }

    @Test(arguments: [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "POST / HTTP/1.1\r\n", "post something\r\n",
        "Host: localhost\r\n", "OPTIONS * HTTP/1.0\r\n",
    ])
    func `row 8: HTTP is told apart and ends the connection`(bytes: String) {
        let sentence = "this looks like HTTP; the socket speaks RESP"
        #expect(decodeAll(bytes) == [.violation(sentence, isCrossProtocol: true)])
    }

    @Test
    func `row 9: a TLS handshake is told apart and ends the connection`() {
        let hello: [UInt8] = [0x16, 0x03, 0x01, 0x02, 0x00, 0x01]
        let sentence = "this is a TLS handshake; the socket speaks plain RESP"
        #expect(decodeAll([hello]) == [.violation(sentence, isCrossProtocol: true)])
    }

    @Test
    func `row 10: an inline command without an end is cut off at its limit`() {
        let limit = RequestLimits.known.inlineBytes
        let sentence = "an inline command has more than \(limit) bytes"
        let line = String(repeating: "x", count: limit)
        #expect(decodeAll(line).isEmpty)
        #expect(decodeAll(line + "\r\n").count == 1)
        #expect(decodeAll(line + "xx") == [.violation(sentence, isCrossProtocol: false)])
    }

    @Test
    func `row 3: strangers are cut off where others get an error`() {
        let words = (1...11).map { "\($0)" }
        #expect(
            decodeAll([request(words)], limits: .unknown) == [
                .violation("the request has 11 arguments; the limit is 10", isCrossProtocol: false)
            ]
        )
        #expect(decodeAll([request(Array(words.prefix(10)))], limits: .unknown).count == 1)
        let long = String(repeating: "x", count: (16 << 10) + 1)
        #expect(
            decodeAll("*2\r\n$4\r\nAUTH\r\n$16385\r\n", limits: .unknown) == [
                .violation("argument 2 has 16385 bytes; the limit is 16384", isCrossProtocol: false)
            ]
        )
        #expect(
            decodeAll([request(["AUTH", String(long.dropLast())])], limits: .unknown).count == 1
        )
    }

    @Test
    func `row 4: what is too long is refused when announced, skipped, and the next one served`() {
        let limit = RequestLimits.known.argumentBytes
        let announced = "*2\r\n$4\r\nECHO\r\n$\(limit + 1)\r\n"
        let sentence = "argument 2 has \(limit + 1) bytes; the limit is \(limit)"
        #expect(decodeAll(announced) == [.refused(sentence)])
        let rest = Array(announced.utf8) + Array(repeating: 0x78, count: limit + 1)
        #expect(
            decodeAll([rest + Array("\r\n".utf8) + request(["PING"])])
                == [.refused(sentence), .request(["PING"])]
        )
        let many = request((1...1_025).map { "\($0)" })
        #expect(
            decodeAll([many + request(["PING"])]) == [
                .refused("the request has 1025 arguments; the limit is 1024"), .request(["PING"]),
            ]
        )
    }

    @Test
    func `row 4: a request past its size is refused although each argument fits`() {
        let words = (0..<5).map { _ in String(repeating: "x", count: 250 << 10) }
        #expect(
            decodeAll([request(words) + request(["PING"])]) == [
                .refused("the request has more than 1048576 bytes, which is the limit"),
                .request(["PING"]),
            ]
        )
    }

    @Test
    func `R1: an announced length allocates nothing`() {
        var decoder = RequestDecoder(limits: .known)
        var buffer = ByteBuffer(string: "*1024\r\n$262144\r\n")
        #expect(decoder.next(&buffer) == .incomplete)
        #expect(buffer.capacity < 1_024)
    }

    @Test
    func `empty requests and empty lines are nothing`() {
        #expect(decodeAll("\r\n\n*0\r\n  \r\nPING\r\n*0\r\n") == [.request(["PING"])])
    }

    @Test(arguments: [
        ("PING", ["PING"]),
        ("  PING\thello  ", ["PING", "hello"]),
        (#"ECHO "a b" 'c d'"#, ["ECHO", "a b", "c d"]),
        (#"ECHO "\x41\n\"\\" '\'\n'"#, ["ECHO", "A\n\"\\", #"'\n"#]),
        (#"ECHO """#, ["ECHO", ""]),
        (#"ECHO "\xzz""#, ["ECHO", "xzz"]),
    ])
    func `inline commands are split as Redis splits them`(line: String, words: [String]) {
        #expect(decodeAll(line + "\r\n") == [.request(words)])
        #expect(decodeAll(line + "\n") == [.request(words)])
    }

    private static let stream: [UInt8] =
        request(["ACQUIRE", "gpus", "gpu=1", "TTL", "5000"])
        + Array("PING \"a b\"\r\n*0\r\n\r\n".utf8)
        + Array("*3\r\n$4\r\nECHO\r\n$262145\r\n".utf8)
        + Array(repeating: 0x79, count: 262_145) + Array("\r\n$1\r\nz\r\n".utf8)
        + request(["ECHO", ""]) + Array("*1\r\n$-1\r\n".utf8)

    @Test
    func `R2, row 14: the same bytes cut at every offset give the same outcomes`() {
        // Inside the long argument one cut is like another: those near its ends are enough.
        let bytes = Self.stream
        let whole = decodeAll([bytes])
        #expect(whole.count == 5)
        let cuts = (0..<110).map { $0 } + ((bytes.count - 60)..<bytes.count)
        for cut in cuts {
            let parts = [Array(bytes[..<cut]), Array(bytes[cut...])]
            #expect(decodeAll(parts) == whole, "cut at \(cut)")
        }
    }

    @Test
    func `R2: one byte at a time gives the same outcomes`() {
        let bytes = Self.stream
        #expect(decodeAll(bytes.map { [$0] }) == decodeAll([bytes]))
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func `R3: random bytes never trap`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let alphabet = Array("*$+-:_%>|\r\n0123456789 \"'\\xPINGacquire=,".utf8)
        var chunks: [[UInt8]] = []
        for _ in 0..<20 {
            let length = Int.random(in: 0...60, using: &generator)
            chunks.append(
                (0..<length).map { _ in
                    Bool.random(using: &generator)
                        ? alphabet[Int.random(in: 0..<alphabet.count, using: &generator)]
                        : UInt8.random(in: 0...255, using: &generator)
                }
            )
        }
        #expect(decodeAll(chunks) == decodeAll([chunks.flatMap { $0 }]))
    }

    @Test(arguments: 0..<300 as Range<UInt64>)
    func `R3: broken requests never trap`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var bytes = request(["ACQUIRE", "gpus", "4*gpu=2,cpu=8+cpu=2", "TTL", "5000", "TAG", "a=b"])
        bytes += request(["PING"])
        for _ in 0..<Int.random(in: 1...4, using: &generator) {
            let index = Int.random(in: 0..<bytes.count, using: &generator)
            switch Int.random(in: 0..<3, using: &generator) {
            case 0: bytes[index] = UInt8.random(in: 0...255, using: &generator)
            case 1: bytes.remove(at: index)
            default: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: index)
            }
        }
        var decoder = RequestDecoder(limits: .known)
        var buffer = ByteBuffer(bytes: bytes)
        while decoder.next(&buffer) == .request {
            // Whatever it is, it parses to something or is refused.
            if case .refused(let refusal) = CommandParser.parse(decoder.arguments) {
                #expect(!refusal.message.isEmpty)
            }
        }
    }
}
