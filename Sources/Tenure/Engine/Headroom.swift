// Room on the disk: new grants are refused before it is full, so that what frees always commits.
//
// The log has a prepared spare segment; below the low-water mark only renewals, releases, reclaim
// and checkpoints are served, and they have that segment and the mark's bytes to themselves.

internal import Glibc
internal import TenureLog
internal import TenureStorage

/// Looks at the free bytes of the file system from time to time.
struct Headroom {
    /// Below this many free bytes nothing new is granted: two segments and two large checkpoints.
    static let lowWaterBytes: UInt64 = 96 << 20
    /// How often a full disk is tried again before the writer gives up: for ten seconds.
    static let triesMax = 100
    /// The least time between two looks, in nanoseconds.
    private static let lookNanoseconds: UInt64 = 500_000_000

    private var lastLook: UInt64 = 0

    /// Whether it is time to look again.
    mutating func isDue(at boot: UInt64) -> Bool {
        guard lastLook == 0 || boot > lastLook + Self.lookNanoseconds else { return false }
        lastLook = max(boot, 1)
        return true
    }

    /// How long a group waits when checkpoints are behind.
    static let slowMicroseconds: UInt32 = 200
    /// How long the writer waits for room before it tries again.
    static let fullMicroseconds: UInt32 = 100_000

    /// Stops the writer for that long.
    func pause(microseconds: UInt32) {
        usleep(microseconds)
    }
}

extension LedgerCore {
    /// Refuses new grants below the low-water mark, and serves them again above it.
    func lookAtHeadroom() {
        guard headroom.isDue(at: clock.bootNanoseconds), let disk = directory?.disk else { return }
        // A file system that does not say how much is free is taken to have enough.
        guard let free = try? disk.freeBytes() else { return }
        let isLow = free < Headroom.lowWaterBytes
        if isReadOnly, !isLow { log.prepareReserve() }
        isReadOnly = isLow
    }
}
