// Durations as people write them on a command line: `500ms`, `30s`, `5m`, `2h`, `7d`, `1h30m`.
//
// The protocol counts milliseconds; a bare number is refused here, because nobody remembers
// whether it meant seconds. What is printed can be typed back.

internal import TenureModel

/// Reads and writes durations.
package enum Durations {
    /// Why a text is no duration.
    package struct Fault: Error, Equatable, CustomStringConvertible {
        /// What is wrong and how to say it.
        package let description: String
    }

    /// Unit and its milliseconds, the largest first; `m` must come after `ms` is ruled out.
    private static let units: [(suffix: String, milliseconds: UInt64)] = [
        ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1),
    ]

    /// The milliseconds that `text` means: numbers with units, the larger unit first.
    ///
    /// - Throws: a sentence with the remedy.
    package static func parse(_ text: String) throws -> UInt64 {
        var rest = Substring(text)
        var total: UInt64 = 0
        var above = UInt64.max
        repeat {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            let letters = rest.dropFirst(digits.count).prefix { $0.isASCII && $0.isLetter }
            guard let number = UInt64(digits), !letters.isEmpty,
                let unit = units.first(where: { $0.suffix == letters })?.milliseconds,
                unit < above
            else { throw malformed }
            let (part, overflow) = number.multipliedReportingOverflow(by: unit)
            guard !overflow, part <= Limits.millisecondsMax,
                total + part <= Limits.millisecondsMax
            else { throw Fault(description: "the longest duration is 3660d") }
            total += part
            above = unit
            rest = rest.dropFirst(digits.count + letters.count)
        } while !rest.isEmpty
        return total
    }

    private static let malformed = Fault(
        description: "a duration needs a unit, such as 500ms, 30s, 5m, 2h, 7d or 1h30m"
    )

    /// The two largest units of a duration, for what changes while one looks at it.
    package static func rough(_ milliseconds: UInt64) -> String {
        guard let largest = units.firstIndex(where: { milliseconds >= $0.milliseconds }) else {
            return "0s"
        }
        let finest = units[min(largest + 1, units.count - 1)].milliseconds
        return text(milliseconds - milliseconds % finest)
    }

    /// The duration that `milliseconds` are, exactly; can be typed back.
    package static func text(_ milliseconds: UInt64) -> String {
        if milliseconds == 0 { return "0s" }
        var rest = milliseconds
        var text = ""
        for (suffix, unit) in units where rest >= unit {
            text += "\(rest / unit)\(suffix)"
            rest %= unit
        }
        return text
    }
}
