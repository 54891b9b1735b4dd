// What the tests of the wire share: bytes from text, all requests of a stream, a seeded generator.

import NIOCore
import TenureModel
import TenureWire

/// A generator that gives the same numbers for the same seed (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}

/// What a decoder said, with the words copied out.
enum Decoded: Equatable {
    case request([String])
    case refused(String)
    case violation(String, isCrossProtocol: Bool)
}

/// Everything that `chunks`, arriving one after the other, decode to; nothing follows a violation.
func decodeAll(_ chunks: [[UInt8]], limits: RequestLimits = .known) -> [Decoded] {
    var decoder = RequestDecoder(limits: limits)
    var buffer = ByteBuffer()
    var result: [Decoded] = []
    for chunk in chunks {
        buffer.writeBytes(chunk)
        while true {
            let outcome = decoder.next(&buffer)
            switch outcome {
            case .incomplete: break
            case .request:
                let words = (0..<decoder.arguments.count).map { index in
                    String(buffer: decoder.arguments.bytes(index))
                }
                result.append(.request(words))
                continue
            case .refused(let sentence):
                result.append(.refused(sentence))
                continue
            case .violation(let violation):
                result.append(
                    .violation(violation.sentence, isCrossProtocol: violation.isCrossProtocol)
                )
                return result
            }
            break
        }
    }
    return result
}

/// Everything that `text` decodes to when it arrives at once.
func decodeAll(_ text: String, limits: RequestLimits = .known) -> [Decoded] {
    decodeAll([Array(text.utf8)], limits: limits)
}

/// The bytes of a request.
func request(_ words: [String]) -> [UInt8] {
    var buffer = ByteBuffer()
    RequestEncoder.write(words, to: &buffer)
    return Array(buffer.readableBytesView)
}

/// What the words, separated by spaces, parse to.
func parse(_ line: String) -> ParsedRequest {
    CommandParser.parse(RequestArguments(line.split(separator: " ").map(String.init)))
}

/// The sentence with which the words are refused; nothing when they are not.
func refusal(_ words: [String]) -> String? {
    guard case .refused(let refusal) = CommandParser.parse(RequestArguments(words)) else {
        return nil
    }
    return refusal.code == .malformed ? refusal.message : "\(refusal.code): \(refusal.message)"
}
