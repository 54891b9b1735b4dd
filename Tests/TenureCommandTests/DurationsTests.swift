// Durations as people type and read them: what is one, and what it means in milliseconds.

import TenureCommand
import Testing

@Suite("Durations")
struct DurationsTests {
    /// One row per unit, combination and limit.
    @Test(
        arguments: [
            ("500ms", 500), ("30s", 30_000), ("5m", 300_000), ("2h", 7_200_000),
            ("7d", 604_800_000), ("1h30m", 5_400_000), ("1d2h3m4s5ms", 93_784_005), ("0s", 0),
            ("3660d", 316_224_000_000),
        ] as [(String, UInt64)]
    )
    func `a duration is a number with its unit, the larger unit first`(
        text: String,
        milliseconds: UInt64
    ) throws {
        #expect(try Durations.parse(text) == milliseconds)
    }

    @Test(arguments: [
        "", "30", "s", "30 s", "-1s", "+1s", "1.5s", "1S", "1w", "1s1m", "1s1s", "3661d",
        "18446744073709551615d", "99999999999999999999s", "1e3s", "٣s",
    ])
    func `what is no duration is refused`(text: String) {
        #expect(throws: Durations.Fault.self) { try Durations.parse(text) }
    }

    @Test(
        arguments: [
            (0, "0s"), (5, "5ms"), (1_005, "1s5ms"), (61_999, "1m1s"), (3_600_001, "1h"),
            (93_784_005, "1d2h"),
        ] as [(UInt64, String)]
    )
    func `what passes is shown in its two largest units`(milliseconds: UInt64, text: String) {
        #expect(Durations.rough(milliseconds) == text)
    }

    @Test(arguments: [0, 1, 999, 1_000, 59_999, 60_000, 90_061_001, 316_224_000_000] as [UInt64])
    func `what is printed can be typed back`(milliseconds: UInt64) throws {
        #expect(try Durations.parse(Durations.text(milliseconds)) == milliseconds)
    }
}
