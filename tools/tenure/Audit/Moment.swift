// Moments of a ledger's history as people name them: a position, a ledger time, or a wall time.
//
// The ledger decides by its own time, and so its past is replayed by that: a wall time becomes a
// ledger time first (MomentFinder.swift).

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
        are those that the clock of the ledger's machine showed; of one that it showed more than \
        once the last is meant, and that is said. Where history was pruned, a moment before its \
        snapshot is refused.
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
}

extension Moment: ExpressibleByArgument {}

/// A place in the history of one ledger, by its own order.
enum PastMoment: Equatable {
    /// Behind the record at a position.
    case position(Position)
    /// Behind everything that happened by a time.
    case time(LedgerTime)
    /// Behind the last record.
    case end

    /// Whether a record at this place happened by then.
    func includes(_ position: Position, _ time: LedgerTime) -> Bool {
        switch self {
        case .position(let last): position <= last
        case .time(let last): time <= last
        case .end: true
        }
    }

    /// The last position that can be meant.
    var lastPosition: Position { if case .position(let last) = self { last } else { .max } }
}
