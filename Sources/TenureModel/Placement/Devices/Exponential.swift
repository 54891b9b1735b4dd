// The exponential function without the C library, whose results differ in the last bit from one
// machine to another: prices that are learnt from the same requests are the same everywhere.

/// e to the power of `x`, to about one part in 10^15; 0 far below, infinite far above.
///
/// The argument is reduced to a power of two and a rest of at most ln(2)/2, for which the Taylor
/// series of 14 terms is exact to the last bits.
func exponential(_ x: Double) -> Double {
    if x < -708 { return 0 }
    if x > 709 { return .infinity }
    let exponent = (x / ln2).rounded()
    let rest = (x - exponent * ln2High) - exponent * ln2Low
    var sum = 1.0
    for term in stride(from: 14.0, through: 1.0, by: -1.0) { sum = 1 + sum * rest / term }
    return sum * Double(sign: .plus, exponent: Int(exponent), significand: 1)
}

private let ln2 = 0.693_147_180_559_945_3
/// The first 32 bits of ln(2), so that a whole multiple of it is exact, and what is left.
private let ln2High = 0.693_147_180_369_123_8
private let ln2Low = 1.908_214_929_270_587_7e-10
