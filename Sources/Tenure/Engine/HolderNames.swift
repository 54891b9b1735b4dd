// Names for holders that have none.

/// A sequence of names that does not repeat before 2^64 of them.
///
/// One random number at the start, then a bijection of a counter: the finalizer of SplitMix64
/// (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014). A random
/// number for each name would be a system call for each grant. A name proves nothing, so that it
/// may be guessed.
struct HolderNames {
    private var counter = UInt64.random(in: .min ... .max)

    /// `h-` and 64 bits in hexadecimal.
    mutating func next() -> String {
        counter &+= 0x9e37_79b9_7f4a_7c15
        var bits = counter
        bits = (bits ^ (bits >> 30)) &* 0xbf58_476d_1ce4_e5b9
        bits = (bits ^ (bits >> 27)) &* 0x94d0_49bb_1331_11eb
        bits ^= bits >> 31
        return unsafe String(unsafeUninitializedCapacity: 18) { bytes in
            unsafe bytes[0] = UInt8(ascii: "h")
            unsafe bytes[1] = UInt8(ascii: "-")
            for index in 0..<16 {
                let digit = UInt8(truncatingIfNeeded: bits >> UInt64(60 - 4 * index)) & 15
                unsafe bytes[2 + index] =
                    digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
            }
            return 18
        }
    }
}
