// Amounts as people write them: Kubernetes quantities without exponents.
//
// `500m`, `2`, `32Gi`, `1.5`. An amount is an integer in the base unit of its kind; what is finer
// than that unit is refused, and so is what does not fit.

/// Reads and writes amounts.
public enum Quantity {
    /// Why a text is no amount of a kind.
    public enum Fault: Error, Equatable, Sendable {
        /// Not digits, at most one point, and one suffix.
        case malformed
        /// Finer than the base unit of the kind.
        case finerThanBaseUnit
        /// More than `Limits.amountMax` base units.
        case tooLarge
        /// Nothing is asked for.
        case zero
    }

    /// The amount in base units that `text` means for `kind`.
    ///
    /// - Throws: why it is none; the remedy is in `Fault`'s cases.
    public static func parse(_ text: String, kind: Kind) throws(Fault) -> UInt64 {
        let bytes = Array(text.utf8)
        let digits = bytes.prefix { ($0 >= 0x30 && $0 <= 0x39) || $0 == 0x2e }
        guard let scale = suffixes[String(decoding: bytes[digits.count...], as: UTF8.self)],
            digits.count <= 40
        else { throw .malformed }
        // In 128 bits: a thousand times `E` is more than 64 hold.
        let numerator = UInt128(scale.0) * (kind.baseUnit == .milli ? 1000 : 1)
        let amount = try scaled(digits, numerator: numerator, denominator: scale.1)
        if amount == 0 { throw .zero }
        return amount
    }

    /// The shortest quantity that means `amount` of `kind`.
    public static func text(_ amount: UInt64, kind: Kind) -> String {
        switch kind.baseUnit {
        case .milli:
            return amount % 1000 == 0 ? "\(amount / 1000)" : "\(amount)m"
        case .bytes:
            for (index, suffix) in ["Ti", "Gi", "Mi", "Ki"].enumerated() {
                let unit: UInt64 = 1 << UInt64(40 - 10 * index)
                if amount >= unit, amount % unit == 0 { return "\(amount / unit)\(suffix)" }
            }
            return "\(amount)"
        case .bitsPerSecond:
            for (unit, suffix) in [(1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")] {
                let unit = UInt64(unit)
                if amount >= unit, amount % unit == 0 { return "\(amount / unit)\(suffix)" }
            }
            return "\(amount)"
        case .units:
            return "\(amount)"
        }
    }

    /// `digits` with at most one point, times `numerator`, over `denominator`, exactly.
    private static func scaled(
        _ digits: ArraySlice<UInt8>,
        numerator: UInt128,
        denominator: UInt64
    ) throws(Fault) -> UInt64 {
        var value: UInt128 = 0
        var divisor = UInt128(denominator)
        var seenPoint = false
        var seenDigit = false
        for byte in digits {
            if byte == 0x2e {
                if seenPoint { throw .malformed }
                seenPoint = true
                continue
            }
            seenDigit = true
            let digit = UInt128(byte - 0x30)
            // A trailing zero behind the point changes nothing, whatever it would be finer than.
            guard value < 1 << 80, divisor < 1 << 80 else { throw .tooLarge }
            value = value * 10 + digit
            if seenPoint { divisor *= 10 }
        }
        guard seenDigit else { throw .malformed }
        let (product, overflow) = value.multipliedReportingOverflow(by: numerator)
        if overflow { throw .tooLarge }
        guard product % divisor == 0 else { throw .finerThanBaseUnit }
        let amount = product / divisor
        guard amount <= UInt128(Limits.amountMax) else { throw .tooLarge }
        return UInt64(amount)
    }

    /// Suffix to numerator and denominator.
    private static let suffixes: [String: (UInt64, UInt64)] = [
        "": (1, 1), "m": (1, 1000),
        "k": (1_000, 1), "M": (1_000_000, 1), "G": (1_000_000_000, 1),
        "T": (1_000_000_000_000, 1), "P": (1_000_000_000_000_000, 1),
        "E": (1_000_000_000_000_000_000, 1),
        "Ki": (1 << 10, 1), "Mi": (1 << 20, 1), "Gi": (1 << 30, 1), "Ti": (1 << 40, 1),
        "Pi": (1 << 50, 1), "Ei": (1 << 60, 1),
    ]
}
