// The two clocks of the front: when a secret ends is told by people, how fast it is guessed by us.

internal import Glibc

/// What time it is.
enum WallClock {
    /// Seconds since 1970, as the host has them.
    static var seconds: Double {
        let time = read(CLOCK_REALTIME)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1_000_000_000
    }

    /// Seconds that only go on.
    static var monotonicSeconds: Int64 { Int64(read(CLOCK_MONOTONIC).tv_sec) }

    private static func read(_ clock: clockid_t) -> timespec {
        var time = timespec()
        // SAFETY: the kernel fills the structure during the call; both clocks are always there.
        _ = unsafe clock_gettime(clock, &time)
        return time
    }
}
