// The scrub of an open ledger: slices in the pauses of the state's thread, one pass per interval.
//
// A slice is short, so that a checkpoint that falls due waits for no more than that; the writer
// never waits for one. A slice reads at most 128 rows, each below 1 KiB: well below a millisecond
// from memory. One every 20 ms is 6,400 rows or about 1 MB a second, so that a pass takes one
// percent of a core and no share of a disk that anybody could notice; ten million rows are seen in
// half an hour.
//
//   G1  Slices and checkpoints run on one thread, one after the other.
//   G2  A pass follows every checkpoint, so that it compares the digest however long it takes.

internal import Synchronization
internal import TenureLog
internal import TenureModel
internal import TenureStorage

/// How fast a state is scrubbed, and how often; times are in nanoseconds.
struct ScrubPace: Sendable {
    /// From the end of one pass to the begin of the next.
    var interval: UInt64
    /// From the opening to the first pass, unless the interval is shorter: a start has more
    /// urgent things to read.
    var firstPass: UInt64 = 60_000_000_000
    /// From one slice to the next.
    var pause: UInt64 = 20_000_000
    /// The most rows of one slice.
    var sliceRows = 128
}

/// What was scrubbed since the opening.
struct ScrubCounters: Sendable {
    /// Passes over all rows.
    var passes: UInt64 = 0
    /// Rows that were verified, those of a pass at work included.
    var rows: UInt64 = 0
    /// When the last pass ended, in seconds of the wall clock; 0 before the first.
    var lastPassUnixSeconds: UInt64 = 0
    /// How long it took.
    var lastPassMilliseconds: UInt64 = 0
}

/// Scrubs the state of one ledger on the state's thread; its figures are for everybody.
package final class BackgroundScrub: Sendable {
    private struct State {
        /// Whose rows are scrubbed; nothing when it is over, so that the store can be closed.
        var store: (any StateStore)?
        /// Made with the first slice, because a store's reader belongs to a thread.
        var scrubber: StateScrubber?
        /// When the next slice is due, on `CLOCK_BOOTTIME`.
        var due: UInt64
        /// When the pass at work began; nothing between two.
        var began: UInt64?
    }

    private let pace: ScrubPace
    private let clock: any LedgerClock
    private let onFailure: @Sendable (StorageError) -> Void
    private let state: Mutex<State>
    private let counters = Mutex(ScrubCounters())

    /// A scrub of `store` that begins its first pass after a while.
    ///
    /// `onFailure` is called at most once, on the state's thread; it is the end of the scrub.
    init(
        _ store: any StateStore,
        pace: ScrubPace,
        clock: any LedgerClock,
        onFailure: @escaping @Sendable (StorageError) -> Void
    ) {
        self.pace = pace
        self.clock = clock
        self.onFailure = onFailure
        let due = clock.bootNanoseconds &+ min(pace.interval, pace.firstPass)
        state = Mutex(State(store: store, due: due))
    }

    /// What was scrubbed so far; waits for nothing.
    var figures: ScrubCounters { counters.withLock { $0 } }

    /// Scrubs a slice if one is due.
    ///
    /// - Returns: After how many nanoseconds to call again; nothing when never.
    func advance() -> UInt64? {
        let outcome = state.withLock { state -> Result<UInt64?, StorageError> in
            guard let store = state.store else { return .success(nil) }
            let now = clock.bootNanoseconds
            guard now >= state.due else { return .success(state.due - now) }
            do throws(StorageError) {
                let pause = try slice(of: store, &state, now)
                state.due = clock.bootNanoseconds &+ pause
                return .success(pause)
            } catch {
                state.store = nil
                state.scrubber = nil
                return .failure(error)
            }
        }
        switch outcome {
        case .success(let pause): return pause
        case .failure(let error):
            onFailure(error)
            return nil
        }
    }

    /// Writes a checkpoint, which a pass at work follows (G2).
    func commit(
        _ changes: FrozenChanges,
        seal: Seal,
        to store: any StateStore
    ) -> Result<Void, StorageError> {
        state.withLock { state in
            do throws(StorageError) {
                let frontier = state.scrubber?.frontier
                let figures = try store.commit(changes, seal: seal, frontier: frontier)
                state.scrubber?.follow(figures, to: store.checkpoint)
                return .success(())
            } catch {
                return .failure(error)
            }
        }
    }

    /// Ends it and gives its reader back, after the slice at work.
    func end() {
        state.withLock { state in
            state.store = nil
            state.scrubber = nil
        }
    }

    /// Verifies one slice and tells how long to pause.
    private func slice(
        of store: any StateStore,
        _ state: inout State,
        _ now: UInt64
    ) throws(StorageError) -> UInt64 {
        let scrubber: StateScrubber
        if let known = state.scrubber {
            scrubber = known
        } else {
            scrubber = try StateScrubber(store)
            state.scrubber = scrubber
        }
        let began = state.began ?? now
        state.began = began
        let before = scrubber.verified
        let ended: ScrubFigures?
        do throws(RowFault) {
            ended = try scrubber.step(pace.sliceRows)
            guard ended?.comparedDigest != false else {
                // Every checkpoint was followed, so the row is not the one that was written last.
                throw .damaged("table meta: the checkpoint row is stale")
            }
        } catch {
            throw StorageError(error, in: "found by the scrub: the ledger")
        }
        counters.withLock { $0.rows += scrubber.verified - before }
        guard ended != nil else { return pace.pause }
        state.began = nil
        let reading = clock.read()
        counters.withLock { counters in
            counters.passes += 1
            counters.lastPassUnixSeconds = reading.wallNanoseconds / 1_000_000_000
            counters.lastPassMilliseconds = (reading.bootNanoseconds &- began) / 1_000_000
        }
        return max(pace.interval, pace.pause)
    }
}
