// Other bytes from those of a corpus, for a short run without libFuzzer.

import TenureSimulation
internal import TenureTesting

/// Changes inputs as fuzzers do: bits, bytes, numbers at the edges, pieces of other inputs.
package struct Mutation {
    private static let edges: [UInt8] = [
        0, 1, 0x7f, 0x80, 0xff, 0x0a, 0x0d, 0x20, 0x2f, 0x30, 0x39,
    ]
    /// So long is an input at most.
    private static let bytesMax = 4_096

    private var generator: SeededGenerator

    /// Mutations that a seed chooses.
    package init(seed: UInt64) {
        generator = SeededGenerator(seed: seed)
    }

    /// One input made of those of a corpus.
    package mutating func input(from corpus: [[UInt8]]) -> [UInt8] {
        var bytes = corpus.randomElement(using: &generator) ?? []
        for _ in 0..<Int.random(in: 1...4, using: &generator) {
            change(&bytes, corpus)
        }
        return Array(bytes.prefix(Self.bytesMax))
    }

    private mutating func change(_ bytes: inout [UInt8], _ corpus: [[UInt8]]) {
        let at = bytes.isEmpty ? 0 : Int.random(in: 0..<bytes.count, using: &generator)
        switch Int.random(in: 0..<7, using: &generator) {
        case 0 where !bytes.isEmpty:
            bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        case 1 where !bytes.isEmpty:
            bytes[at] = Self.edges.randomElement(using: &generator) ?? 0
        case 2 where !bytes.isEmpty:
            bytes[at] = bytes[at] &+ UInt8.random(in: 0...255, using: &generator)
        case 3 where !bytes.isEmpty:
            bytes.removeSubrange(at..<min(at + length(), bytes.count))
        case 4:
            bytes.insert(contentsOf: generator.bytes(length()), at: at)
        case 5 where !bytes.isEmpty:
            let part = bytes[at..<min(at + length(), bytes.count)]
            bytes.insert(contentsOf: part, at: at)
        default:
            guard let other = corpus.randomElement(using: &generator), !other.isEmpty else {
                return
            }
            let from = Int.random(in: 0..<other.count, using: &generator)
            let part = other[from..<min(from + 4 * length(), other.count)]
            bytes.replaceSubrange(at..<min(at + part.count, bytes.count), with: part)
        }
    }

    private mutating func length() -> Int { Int.random(in: 1...16, using: &generator) }
}
