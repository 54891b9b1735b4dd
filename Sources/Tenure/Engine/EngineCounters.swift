// What the engine has done since it was opened, for operators.

internal import TenureLog
package import TenureModel
internal import TenureStorage

/// How the opening went.
package struct OpeningFigures: Sendable {
    /// The label of the recovery table.
    var label: String
    /// What was found, a sentence each.
    var sentences: [String]
    /// Records applied after the checkpoint.
    var replayed: UInt64
    /// Why acknowledged history may be missing, when it may be.
    var missingHistory: String?
    /// Identity of the ledger.
    var ledger: String
}

/// Counts since the opening.
struct EngineCounters {
    private(set) var granted: UInt64 = 0
    private(set) var grown: UInt64 = 0
    private(set) var renewed: UInt64 = 0
    private(set) var released: UInt64 = 0
    private(set) var reclaimed: UInt64 = 0
    private(set) var syncs: UInt64 = 0
    private(set) var syncNanoseconds: UInt64 = 0
    private(set) var syncNanosecondsMax: UInt64 = 0
    var decided: UInt64 = 0
    var refused: UInt64 = 0
    /// Tokens that this ledger can not have given out yet.
    var newerTokens: UInt64 = 0
    var gaps: UInt64 = 0

    mutating func count(_ events: [Event]) {
        for event in events {
            switch event {
            case .granted, .subleased: granted += 1
            case .grown: grown += 1
            case .renewed, .sessionKept: renewed += 1
            case .released: released += 1
            case .reclaimed(let leases, _, _): reclaimed += UInt64(leases.count)
            default: break
            }
        }
    }

    mutating func synced(nanoseconds: UInt64) {
        syncs += 1
        syncNanoseconds &+= nanoseconds
        syncNanosecondsMax = max(syncNanosecondsMax, nanoseconds)
    }
}

extension LedgerCore {
    /// Counts, sizes and positions, as fields.
    package func figures() -> Document {
        .map(engineFigures + cacheFigures + scrubFigures)
    }

    private var engineFigures: [Document.Field] {
        let load = checkpoint.meter.load(log, rows: state.scatteredRows())
        return [
            .init("ledger", .string(figuresAtOpening.ledger)),
            .init("fileSystem", .string(directory?.fileSystem ?? "none")),
            .init("recovery", .string(figuresAtOpening.label)),
            .init("recoveryReplayedRecords", .count(figuresAtOpening.replayed)),
            .init("position", .id(state.position)),
            .init("durablePosition", .id(log.durablePosition)),
            .init("checkpointPosition", .id(store.checkpoint.position)),
            .init("epoch", .integer(Int64(state.facts.epoch))),
            .init("readOnly", .bool(isReadOnly)),
            .init("leases", .count(state.facts.leases)),
            .init("sessions", .count(state.facts.sessions)),
            .init("storedAnswers", .count(state.facts.storedAnswers)),
            .init("commandsDecided", .count(counters.decided)),
            .init("commandsRefused", .count(counters.refused)),
            .init("newerTokensRefused", .count(counters.newerTokens)),
            .init("granted", .count(counters.granted)),
            .init("grown", .count(counters.grown)),
            .init("renewed", .count(counters.renewed)),
            .init("released", .count(counters.released)),
            .init("reclaimed", .count(counters.reclaimed)),
            .init("waiting", .count(waiting.count)),
            .init("queued", .count(state.queuedCount)),
            .init("booked", .count(state.bookings.count)),
            .init("windows", .count(state.windows.count)),
            .init("bookingsBegun", .count(bookings.begun)),
            .init("bookingsMoved", .count(bookings.moved)),
            .init("bookingsLost", .count(bookings.lost)),
            .init("waitsGranted", .count(waits.granted)),
            .init("waitsPassed", .count(waits.passed)),
            .init("ticketsQueued", .count(waits.queued)),
            .init("ticketsCancelled", .count(waits.cancelled)),
            .init("waitsTimedOut", .count(waits.timedOut)),
            .init("waitMillisecondsMax", .count(waits.longestMilliseconds)),
            .init("waitLooks", .count(waits.looks)),
            .init("gaps", .count(counters.gaps)),
            .init("syncs", .count(counters.syncs)),
            .init(
                "syncMicrosecondsMean",
                .count(counters.syncs == 0 ? 0 : counters.syncNanoseconds / counters.syncs / 1000)
            ),
            .init("syncMicrosecondsMax", .count(counters.syncNanosecondsMax / 1000)),
            .init("checkpoints", .count(checkpoint.finished)),
            .init("checkpointsPostponed", .count(checkpoint.postponed)),
            .init("overlayRows", .count(state.changedRows)),
            .init("logBytesSinceCheckpoint", .count(load.extentBytes)),
            .init("logContentBytes", .count(log.writtenContentBytes)),
            .init("logExtentBytes", .count(log.writtenExtentBytes)),
            .init("logReserveBytes", .count(log.reserveBytes)),
        ]
    }

    private var cacheFigures: [Document.Field] {
        let cached = cache.figures
        let bids = state.scoreFigures
        let lookups = cached.hits + cached.misses
        return [
            .init("cacheHits", .count(cached.hits)), .init("cacheMisses", .count(cached.misses)),
            .init("cacheAbsences", .count(cached.absences)),
            .init("overlayHits", .count(state.overlayHits)),
            .init(
                "cacheHitPermille",
                .count(lookups == 0 ? 0 : cached.hits * 1000 / lookups)
            ),
            .init(
                "rowHitPermille",
                .count(
                    lookups + state.overlayHits == 0
                        ? 0
                        : (cached.hits + state.overlayHits) * 1000
                            / (lookups + state.overlayHits)
                )
            ),
            .init("cacheRows", .count(cached.rows)), .init("cacheBytes", .count(cached.bytes)),
            .init("cacheEvictions", .count(cached.evictions)),
            .init("bidsRemembered", .count(bids.remembered)),
            .init("bidsComputed", .count(bids.computed)),
        ]
    }

    private var scrubFigures: [Document.Field] {
        let scrubbed = runner.scrub?.figures ?? ScrubCounters()
        return [
            .init("scrubPasses", .count(scrubbed.passes)),
            .init("scrubRows", .count(scrubbed.rows)),
            .init("scrubLastPassUnixSeconds", .count(scrubbed.lastPassUnixSeconds)),
            .init("scrubLastPassMilliseconds", .count(scrubbed.lastPassMilliseconds)),
        ]
    }
}
