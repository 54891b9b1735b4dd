// Bytes from a socket: requests to the daemon and replies to the client.

import NIOCore
import TenureModel
import TenureWire

enum FuzzWire {
    /// What a decoder of requests made of bytes.
    private enum Decoded: Equatable {
        case request([[UInt8]])
        case refused(String)
        case violation(String)
    }

    /// R2: the same bytes give the same outcomes wherever they were cut; every request is parsed.
    static func requests(_ bytes: [UInt8]) throws {
        let whole = decode([bytes])
        try require(decode(cut(bytes)) == whole, "R2: another outcome for the same bytes in pieces")
        for case .request(let words) in whole {
            _ = CommandParser.parse(
                RequestArguments(words.map { String(decoding: $0, as: UTF8.self) })
            )
        }
    }

    /// C1: the same bytes give the same replies wherever they were cut.
    static func replies(_ bytes: [UInt8]) throws {
        let whole = replies(in: [bytes])
        let pieces = replies(in: cut(bytes))
        try require(whole == pieces, "C1: another reply for the same bytes in pieces")
    }

    /// Words that are a command are the same command when they are written anew.
    static func commands(_ bytes: [UInt8]) throws {
        guard let text = String(validating: bytes, as: UTF8.self) else { return }
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            guard case .ledger(let command) = CommandParser.parse(RequestArguments(words)),
                let written = CommandWriter.words(command)
            else { continue }
            // What is missing is a zero, which the ledger refuses; written out, the parser does.
            if case .planWindow(let request) = command, request.fault != nil { continue }
            let again = CommandParser.parse(RequestArguments(written))
            try require(
                again == .ledger(command),
                "'\(line)' is written as '\(written.joined(separator: " "))', another command"
            )
        }
    }

    /// The pieces of bytes, as long as their own bytes say.
    private static func cut(_ bytes: [UInt8]) -> [[UInt8]] {
        var pieces: [[UInt8]] = []
        var start = 0
        while start < bytes.count {
            let end = min(start + 1 + Int(bytes[start] & 31), bytes.count)
            pieces.append(Array(bytes[start..<end]))
            start = end
        }
        return pieces
    }

    private static func decode(_ pieces: [[UInt8]]) -> [Decoded] {
        var decoder = RequestDecoder(limits: .known)
        var buffer = ByteBuffer()
        var decoded: [Decoded] = []
        for piece in pieces {
            decoder.releaseArguments()
            buffer.writeBytes(piece)
            next: while true {
                switch decoder.next(&buffer) {
                case .incomplete: break next
                case .request:
                    let arguments = decoder.arguments
                    decoded.append(
                        .request(
                            (0..<arguments.count).map { Array(buffer: arguments.bytes($0)) }
                        )
                    )
                case .refused(let sentence): decoded.append(.refused(sentence))
                case .violation(let violation):
                    return decoded + [.violation(violation.sentence)]
                }
            }
        }
        return decoded
    }

    private static func replies(in pieces: [[UInt8]]) -> [String] {
        var decoder = ReplyDecoder()
        var buffer = ByteBuffer()
        var replies: [String] = []
        for piece in pieces {
            buffer.writeBytes(piece)
            do throws(ReplyError) {
                while let reply = try decoder.next(&buffer) { replies.append("\(reply)") }
            } catch {
                return replies + ["\(error)"]
            }
        }
        return replies
    }
}
