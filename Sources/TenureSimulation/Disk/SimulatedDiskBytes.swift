// Copies of memory for the simulated disk, which unoptimised builds do fast as well.

/// The bytes of a span as an array.
package func arrayOf(_ span: RawSpan) -> [UInt8] {
    // SAFETY: the copy is made inside the closure.
    unsafe span.withUnsafeBytes { unsafe arrayOf($0) }
}

private func arrayOf(_ source: UnsafeRawBufferPointer) -> [UInt8] {
    // SAFETY: as many bytes are initialized as the array is told of.
    unsafe [UInt8](unsafeUninitializedCapacity: source.count) { target, count in
        if let base = source.baseAddress, let start = target.baseAddress {
            unsafe UnsafeMutableRawPointer(start).copyMemory(from: base, byteCount: source.count)
        }
        count = source.count
    }
}

extension [UInt8] {
    /// A copy of a part.
    func part(_ range: Range<Int>) -> [UInt8] {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        // SAFETY: the line above is the bounds check.
        return unsafe withUnsafeBytes { unsafe arrayOf(.init(rebasing: $0[range])) }
    }

    /// Writes a part of `source` over the same place here.
    mutating func overwrite(_ range: Range<Int>, from source: [UInt8], at start: Int) {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        precondition(start >= 0 && start + range.count <= source.count)
        // SAFETY: the lines above are the bounds checks.
        unsafe withUnsafeMutableBytes { target in
            unsafe source.withUnsafeBytes { source in
                guard let to = target.baseAddress, let from = source.baseAddress else { return }
                unsafe (to + range.lowerBound)
                    .copyMemory(from: from + start, byteCount: range.count)
            }
        }
    }

    /// Makes the array as long as `size`, with zeros or less of it.
    mutating func resize(to size: Int) {
        if size > count {
            append(contentsOf: [UInt8](repeating: 0, count: size - count))
        } else {
            removeLast(count - size)
        }
    }
}
