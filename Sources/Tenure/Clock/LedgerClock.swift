// The clocks of the host, and how ledger time is made of them.
//
// Within a boot ledger time advances by CLOCK_BOOTTIME, which counts suspend. Over a reboot only
// the wall clock can tell how long it took: an estimate, never negative, capped and marked. A jump
// of the wall clock while the ledger runs changes nothing but that estimate.

internal import CTenureSystem
internal import Glibc
internal import TenureModel

/// What the clocks show.
package struct ClockReading: Hashable, Sendable {
    /// Names the boot of the host.
    package var bootID: String
    /// `CLOCK_BOOTTIME`, in nanoseconds.
    package var bootNanoseconds: UInt64
    /// The wall clock, in nanoseconds since 1970.
    package var wallNanoseconds: UInt64

    package init(bootID: String, bootNanoseconds: UInt64, wallNanoseconds: UInt64) {
        self.bootID = bootID
        self.bootNanoseconds = bootNanoseconds
        self.wallNanoseconds = wallNanoseconds
    }
}

/// Where time comes from.
package protocol LedgerClock: AnyObject, Sendable {
    /// All clocks at once.
    func read() -> ClockReading
    /// `CLOCK_BOOTTIME` alone, in nanoseconds.
    var bootNanoseconds: UInt64 { get }
}

/// The clocks of this host.
package final class HostClock: LedgerClock {
    private let bootID: String

    /// The clocks of the boot that is running.
    package init() {
        bootID = HostFacts.bootID
    }

    package func read() -> ClockReading {
        ClockReading(
            bootID: bootID,
            bootNanoseconds: bootNanoseconds,
            wallNanoseconds: Self.nanoseconds(CLOCK_REALTIME)
        )
    }

    package var bootNanoseconds: UInt64 { Self.nanoseconds(CLOCK_BOOTTIME) }

    private static func nanoseconds(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        // SAFETY: the kernel fills the structure that lives on our stack.
        unsafe clock_gettime(clock, &time)
        let seconds = UInt64(max(time.tv_sec, 0))
        return seconds &* 1_000_000_000 &+ UInt64(max(time.tv_nsec, 0))
    }
}

/// Turns readings into ledger time.
struct TimeLine {
    /// Downtime that is believed at the most over a reboot, in nanoseconds: 30 days.
    static let downtimeMaxNanoseconds: UInt64 = 30 * 86_400_000_000_000

    private let openedAt: LedgerTime
    private let openedAtBoot: UInt64
    /// Whether the downtime before this opening is an estimate.
    let isEstimate: Bool

    /// Continues after the last record of `facts`.
    init(after facts: LedgerFacts, reading: ClockReading) {
        openedAtBoot = reading.bootNanoseconds
        guard let opening = facts.opening else {
            openedAt = facts.time.advanced(byNanoseconds: 1)
            isEstimate = false
            return
        }
        let sameBoot =
            opening.bootID == reading.bootID && reading.bootNanoseconds >= opening.bootNanoseconds
        isEstimate = !sameBoot
        let elapsed: UInt64
        if sameBoot {
            elapsed = reading.bootNanoseconds - opening.bootNanoseconds
        } else {
            // The last record's wall time, as far as it is known: that of the opening plus what
            // ledger time has passed since.
            let ran = facts.time.nanoseconds - facts.openedAt.nanoseconds
            let lastWall = opening.wallNanoseconds &+ ran
            let down =
                reading.wallNanoseconds > lastWall ? reading.wallNanoseconds - lastWall : 0
            elapsed = ran &+ min(down, Self.downtimeMaxNanoseconds)
        }
        let now = facts.openedAt.advanced(byNanoseconds: elapsed)
        openedAt = max(now, facts.time.advanced(byNanoseconds: 1))
    }

    /// The ledger time at a reading of `CLOCK_BOOTTIME`, always after `last`.
    func time(at bootNanoseconds: UInt64, after last: LedgerTime) -> LedgerTime {
        let passed = bootNanoseconds > openedAtBoot ? bootNanoseconds - openedAtBoot : 0
        return max(openedAt.advanced(byNanoseconds: passed), last.advanced(byNanoseconds: 1))
    }

    /// What `CLOCK_BOOTTIME` shows when it is `time`, for those who sleep until then.
    func bootNanoseconds(at time: LedgerTime) -> UInt64 {
        guard time > openedAt else { return openedAtBoot }
        let passed = time.nanoseconds - openedAt.nanoseconds
        let (sum, overflow) = openedAtBoot.addingReportingOverflow(passed)
        return overflow ? .max : sum
    }
}
