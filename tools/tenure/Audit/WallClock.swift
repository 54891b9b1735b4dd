// What the wall clock of a ledger's machine showed, told from the records that say so.
//
// Every opening says what it showed, and so does a record when it was set by a second or more, so
// that a wall time is told from the one before it. A clock that was set back shows times again.

internal import FoundationEssentials
package import TenureModel

/// What the wall clock showed whenever a ledger was opened, and when the clock was set.
package struct WallClock: Equatable, Sendable {
    private struct Sight: Equatable {
        let time: LedgerTime
        let wall: UInt64
    }

    /// In the order of their ledger times.
    private var sights: [Sight] = []

    /// The ledger has not been opened yet.
    package init() {}

    /// The clock showed `wall` nanoseconds since 1970 at `time`, which is later than all before.
    package mutating func note(_ wall: UInt64, at time: LedgerTime) {
        sights.append(Sight(time: time, wall: wall))
    }

    /// What an event at `time` says of the clock, if it does.
    package mutating func note(_ event: Event, at time: LedgerTime) {
        switch event {
        case .opened(let opening): note(opening.wallNanoseconds, at: time)
        case .wallClockSet(let wall): note(wall, at: time)
        default: break
        }
    }

    /// Nanoseconds since 1970 at a time of the ledger; nothing before its first opening.
    func nanoseconds(at time: LedgerTime) -> UInt64? {
        guard let sight = sights.last(where: { $0.time <= time }) else { return nil }
        let passed = time.nanoseconds - sight.time.nanoseconds
        let (sum, overflow) = sight.wall.addingReportingOverflow(passed)
        return overflow ? nil : sum
    }

    /// The last time of the ledger at which the clock showed this second, or had not passed it.
    ///
    /// `zero` when it has always shown more.
    package func ledgerTime(at nanoseconds: UInt64) -> LedgerTime {
        if let shown = ledgerTimes(showing: nanoseconds).last { return shown }
        // A clock that was set forward has not shown what it passed over.
        guard let index = sights.lastIndex(where: { $0.wall <= nanoseconds }) else { return .zero }
        return end(of: index, atMost: nanoseconds)
    }

    /// Until when the clock showed the second of `nanoseconds`, as far as that: every time it did.
    ///
    /// More than one where the clock was set back by seconds; the last sight goes on for ever.
    package func ledgerTimes(showing nanoseconds: UInt64) -> [LedgerTime] {
        let second: UInt64 = 1_000_000_000
        let first = nanoseconds - nanoseconds % second
        var ends: [LedgerTime] = []
        for (index, sight) in sights.enumerated() where sight.wall <= nanoseconds {
            let end = end(of: index, atMost: nanoseconds)
            let begin = sight.time.advanced(byNanoseconds: first - min(first, sight.wall))
            guard begin <= end else { continue }
            // One sight that goes on where the one before ends is no second time.
            if let last = ends.last, begin.nanoseconds - min(last, begin).nanoseconds <= second {
                ends.removeLast()
            }
            ends.append(end)
        }
        return ends
    }

    /// The last time of a sight, before the next one, at which it does not show more than this.
    private func end(of index: Int, atMost nanoseconds: UInt64) -> LedgerTime {
        let sight = sights[index]
        let time = sight.time.advanced(byNanoseconds: nanoseconds - sight.wall)
        guard index + 1 < sights.count else { return time }
        return min(time, LedgerTime(nanoseconds: max(sights[index + 1].time.nanoseconds, 1) - 1))
    }

    /// The wall time, in UTC to the second; nothing before the first opening.
    package func text(at time: LedgerTime) -> String? {
        nanoseconds(at: time).map(Self.text(of:))
    }

    /// Nanoseconds since 1970, in UTC to the second.
    static func text(of nanoseconds: UInt64) -> String {
        let seconds = Double(nanoseconds / 1_000_000_000)
        return Date(timeIntervalSince1970: seconds).formatted(.iso8601)
    }
}
