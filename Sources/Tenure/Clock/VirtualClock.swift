// A clock that stands still until it is set: for simulation and for traces in their own time.

internal import Synchronization

/// A clock that its owner moves.
package final class VirtualClock: LedgerClock {
    private let state: Mutex<ClockReading>

    /// A clock that shows `reading`.
    package init(
        _ reading: ClockReading = ClockReading(
            bootID: "virtual",
            bootNanoseconds: 1_000_000_000,
            wallNanoseconds: 1_000_000_000
        )
    ) {
        state = Mutex(reading)
    }

    package func read() -> ClockReading { state.withLock { $0 } }

    package var bootNanoseconds: UInt64 { state.withLock { $0.bootNanoseconds } }

    /// Moves all clocks on.
    package func advance(byNanoseconds delta: UInt64) {
        state.withLock {
            $0.bootNanoseconds &+= delta
            $0.wallNanoseconds &+= delta
        }
    }

    /// Moves the wall clock alone, in either direction.
    package func stepWall(toNanoseconds wall: UInt64) {
        state.withLock { $0.wallNanoseconds = wall }
    }

    /// A new boot: another id, and a boot time from zero.
    package func reboot(bootID: String) {
        state.withLock {
            $0.bootID = bootID
            $0.bootNanoseconds = 0
        }
    }
}
