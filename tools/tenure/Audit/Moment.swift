// Moments of a ledger's history as people name them: a position, a ledger time, or a wall time.
//
// The ledger decides by its own time. Every opening says what the wall clock showed, and so does a
// record when that was set by a second or more, so that a wall time is told from the one before it.

internal import ArgumentParser
internal import FoundationEssentials
package import TenureModel

/// A point of a ledger's history.
package enum Moment: Equatable, Sendable {
    /// Behind the record at a position.
    case position(Position)
    /// Behind everything that happened by a time of the ledger.
    case ledgerTime(LedgerTime)
    /// Behind everything that happened by a time of the wall clock, in nanoseconds since 1970.
    case wallTime(UInt64)
    /// Behind the last record.
    case end

    /// How a moment is said, for the help of commands.
    static let words = """
        A moment is a position (4711), a ledger time as 'audit log' prints it (2h30m), a wall time \
        (2026-11-22T10:30:00Z), or 'end': behind all that happened by then. Before the first \
        record there is an empty ledger; behind the last one nothing more has happened. Wall times \
        are those that the clock of the ledger's machine showed.
        """

    package init?(argument: String) {
        if argument == "end" {
            self = .end
        } else if let position = Position(argument) {
            guard position > 0 else { return nil }
            self = .position(position)
        } else if let milliseconds = try? Durations.parse(argument) {
            // All that is printed as this time.
            self = .ledgerTime(
                LedgerTime.zero.advanced(byMilliseconds: milliseconds)
                    .advanced(byNanoseconds: 999_999)
            )
        } else if let date = try? Date(argument, strategy: .iso8601) {
            let seconds = date.timeIntervalSince1970
            guard seconds >= 0, seconds < Self.secondsMax else { return nil }
            // All that is printed as this second.
            self = .wallTime(UInt64(seconds) * 1_000_000_000 + 999_999_999)
        } else {
            return nil
        }
    }

    /// Beyond this a time has no nanoseconds in 64 bits.
    private static let secondsMax = 18_000_000_000.0

    /// Whether a record happened by then.
    func includes(_ record: PastRecord) -> Bool {
        switch self {
        case .position(let last): record.position <= last
        case .ledgerTime(let last): record.time <= last
        case .wallTime(let last):
            record.clock.nanoseconds(at: record.time).map { $0 <= last } ?? true
        case .end: true
        }
    }

    /// Whether a record at this place can not be included, whatever it says.
    func excludes(_ position: Position, _ time: LedgerTime) -> Bool {
        switch self {
        case .position(let last): position > last
        case .ledgerTime(let last): time > last
        case .wallTime, .end: false
        }
    }

    /// The last position that can be meant.
    var lastPosition: Position { if case .position(let last) = self { last } else { .max } }
}

extension Moment: ExpressibleByArgument {}

/// Tells which records are behind a moment: all from the first on that the moment does not include,
/// also where a clock that was set back seems to bring it again.
struct MomentPassing {
    let moment: Moment
    /// Whether a record was behind it.
    private(set) var isPassed = false

    init(of moment: Moment) { self.moment = moment }

    /// Whether this record, the next one, is behind the moment.
    mutating func isPassed(by record: PastRecord) -> Bool {
        if !isPassed { isPassed = !moment.includes(record) }
        return isPassed
    }
}

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

    /// The last time of the ledger at which the clock did not show more than this.
    package func ledgerTime(at nanoseconds: UInt64) -> LedgerTime {
        guard let index = sights.lastIndex(where: { $0.wall <= nanoseconds }) else { return .zero }
        let sight = sights[index]
        let time = sight.time.advanced(byNanoseconds: nanoseconds - sight.wall)
        // A clock that was set forward has not shown what it passed over.
        guard let next = sights.dropFirst(index + 1).first else { return time }
        return min(time, LedgerTime(nanoseconds: max(next.time.nanoseconds, 1) - 1))
    }

    /// The wall time, in UTC to the second; nothing before the first opening.
    package func text(at time: LedgerTime) -> String? {
        nanoseconds(at: time).map { nanoseconds in
            let seconds = Double(nanoseconds / 1_000_000_000)
            return Date(timeIntervalSince1970: seconds).formatted(.iso8601)
        }
    }
}
