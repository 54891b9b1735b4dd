// Room on the disk: new grants are refused before it is full, so that what frees always commits.
//
// The log has a prepared spare segment; below the low-water mark only renewals, releases, reclaim
// and checkpoints are served, and they have that segment and the mark's bytes to themselves.

internal import Glibc
internal import TenureLog
internal import TenureStorage

/// Looks at the directory and its file system from time to time.
struct Headroom {
    /// Below this many free bytes nothing new is granted: two segments and two large checkpoints.
    static let lowWaterBytes: UInt64 = 96 << 20
    /// The mark of this ledger.
    var lowWaterBytes = Self.lowWaterBytes
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
    ///
    /// - Throws: when the directory is gone from where it was opened. What is synced to files that
    ///   nobody finds again is lost, and must not be acknowledged.
    func lookAtDirectory() throws(LedgerFailure) {
        guard headroom.isDue(at: clock.bootNanoseconds), let directory else { return }
        if let error = directory.displacement { throw LedgerFailure(error) }
        // A file system that does not say how much is free is taken to have enough.
        guard let free = try? directory.disk.freeBytes() else { return }
        let isLow = free < headroom.lowWaterBytes
        if isReadOnly, !isLow { log.prepareReserve() }
        isReadOnly = isLow
    }
}
