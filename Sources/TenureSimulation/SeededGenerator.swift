// Random numbers that a seed repeats.

/// SplitMix64: small, fast, and the same on every machine.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// A generator whose numbers depend on the seed only.
    package init(seed: UInt64) {
        state = seed
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
        return word ^ (word >> 31)
    }

    /// Whether something happens that happens in `percent` of a hundred cases.
    package mutating func chance(_ percent: Int) -> Bool {
        Int.random(in: 0..<100, using: &self) < percent
    }

    /// So many random bytes.
    package mutating func bytes(_ count: Int) -> [UInt8] {
        let words = (0..<((count + 7) / 8)).map { _ in next() }
        // SAFETY: an integer has no padding.
        var bytes = unsafe arrayOf(words.span.bytes)
        bytes.removeLast(bytes.count - count)
        return bytes
    }
}
