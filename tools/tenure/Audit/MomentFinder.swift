// Where a moment is in the history of one ledger.
//
// A wall time is looked for among all that the log says of the wall clock, before anything is
// replayed: a clock that was ahead and then set right has shown it later than a replay would stop.

internal import TenureLog
internal import TenureModel
internal import TenureStorage

/// Finds moments in a history.
struct MomentFinder {
    private let directory: DataDirectory
    private let base: ReplayBase
    private let isBesideData: Bool
    /// What the log says of the wall clock, once that is asked for.
    private var clock: WallClock?

    /// `isBesideData` when lines of data are written meanwhile.
    init(in directory: DataDirectory, from base: ReplayBase, isBesideData: Bool = false) {
        self.directory = directory
        self.base = base
        self.isBesideData = isBesideData
    }

    /// Where a moment is.
    ///
    /// - Throws: a failure when its history was pruned.
    mutating func find(_ moment: Moment) throws -> PastMoment {
        let found: PastMoment =
            switch moment {
            case .position(let position): .position(position)
            case .ledgerTime(let time): .time(time)
            case .wallTime(let wall): .time(try time(showing: wall))
            case .end: .end
            }
        try require(found)
        return found
    }

    /// Refuses a moment whose history was pruned.
    private func require(_ moment: PastMoment) throws {
        guard base.position > 0 else { return }
        let (first, time) = (base.position, base.facts.time)
        let isBefore =
            switch moment {
            case .position(let asked): asked < first
            case .time(let asked): asked < time
            case .end: false
            }
        guard isBefore else { return }
        throw Failure(
            .refused,
            "history up to position \(first), \(Durations.text(time.nanoseconds / 1_000_000)), was "
                + "pruned; a backup of before may have it"
        )
    }

    /// The ledger time behind what happened by a wall time; says so when there are several.
    private mutating func time(showing wall: UInt64) throws -> LedgerTime {
        let known: WallClock
        if let clock { known = clock } else { known = try readClock() }
        clock = known
        let times = known.ledgerTimes(showing: wall).map {
            Durations.text($0.nanoseconds / 1_000_000)
        }
        if times.count > 1, let last = times.last {
            Terminal.word(
                "tenure: the wall clock showed \(WallClock.text(of: wall)) \(times.count) times; "
                    + "meant is the last, ledger time \(last), and not "
                    + times.dropLast().suffix(Self.toldMax).joined(separator: " or ")
            )
        }
        return known.ledgerTime(at: wall)
    }

    /// How many times are told that are not meant.
    private static let toldMax = 3

    /// What all records say of the wall clock; read are segments without an index.
    private func readClock() throws -> WallClock {
        var clock = base.clock
        var last = base.position
        func note(_ landmark: SegmentIndex.Landmark) {
            // A segment may be there twice.
            guard landmark.position > last else { return }
            switch landmark.sort {
            case .opening(let wall), .wallClock(let wall): clock.note(wall, at: landmark.time)
            case .grace: return
            }
            last = landmark.position
        }
        var history = try History(
            directory,
            from: base,
            range: 1...(.max),
            isBesideData: isBesideData
        )
        // What is wrong with the log, the replay tells.
        try history.readRecords(
            from: base.position + 1,
            to: .max,
            passing: { index in
                for landmark in index.landmarks { note(landmark) }
                return true
            },
            admitting: { payload in
                [.opened, .wallClockSet].contains { EventCodec.has($0, in: payload) }
            },
            { record in
                for event in record.events {
                    SegmentIndex.Landmark(event, at: record.position, time: record.time).map(note)
                }
            }
        )
        return clock
    }
}

extension ReplayBase {
    /// What the wall clock showed at the last opening before.
    var clock: WallClock {
        var clock = WallClock()
        if let opening = facts.opening { clock.note(opening.wallNanoseconds, at: facts.openedAt) }
        return clock
    }
}
