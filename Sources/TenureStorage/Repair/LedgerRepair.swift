// Repairing a ledger that refuses to open: a plan that can be read, and its carrying out.
//
// What is damaged gets back what it had where that can be proved: from a copy of the ledger, or
// because one bit was flipped (LogMending.swift). Only what is beyond that is given up, and only
// when the caller says so: the history is cut before the damage, what is behind goes to the
// evidence, and the ledger goes on in a new epoch.
//
//   P1  A plan changes nothing. Carrying one out changes nothing that it does not tell.
//   P2  What is replaced or removed is kept: `repair-1/`, `repair-2/` … and `state.kept-1` …
//   P3  Nothing of a log that can be opened is given up, and no state that fits it.
//   P4  When history was given up the next opening raises the epoch: the mark that says so is
//       durable before anything is cut.
//
// The ledger is locked meanwhile. A crash leaves a ledger that is refused as before, or opens; in
// both cases another plan tells what there is to do.

internal import TenureBase
package import TenureLog
internal import TenureModel

/// What can be done for the state of a ledger.
package enum StateRepair: Equatable, Sendable {
    /// It is sound, and the log goes on from it.
    case sound
    /// It is put aside and made anew from the log, when the ledger is opened next.
    case remade(why: String)
    /// It can not be used, and the log does not go back to where one could be made from.
    case lost(why: String)
}

/// What can be done for a ledger.
package struct RepairPlan: Equatable, Sendable {
    /// What is done for the log.
    package let log: LogMendingPlan
    /// What goes on behind the state, when the log before it can not be opened.
    package let continuation: LogContinuation?
    /// What is done for the state.
    package let state: StateRepair
    /// What is forgotten, when the log must be cut.
    package let lost: LostHistory?

    /// Whether there is nothing to do.
    package var isSound: Bool { log.isSound && continuation == nil && state == .sound }

    /// Where the ledger's past ends for good, when the log must be cut.
    package var cut: LogBreak? { continuation.map(\.cut) ?? log.cut }

    /// The first position from which on the log is written anew, or not at all.
    fileprivate var firstReplaced: Position? {
        continuation.map { $0.checkpoint.position + 1 } ?? log.cut?.position
    }

    /// Whether something that was acknowledged is given up.
    package var losesChanges: Bool { cut != nil }

    /// Whether this makes a ledger that opens.
    package var helps: Bool { if case .lost = state { false } else { true } }
}

/// A repair of one directory, which is locked as long as this is kept.
package struct LedgerRepair {
    private let directory: DataDirectory
    private let copy: DataDirectory?
    private let runner: StateScanRunner?

    /// A repair of the ledger at `path`, with what the copy of it at `source` has.
    ///
    /// - Throws: `locked`, `notPermitted`, `unsupported` also when the copy is of another ledger,
    ///   `damaged` without ledger.json, or `device`.
    package init(
        at path: String,
        from source: String? = nil,
        runner: StateScanRunner?
    ) throws(StorageError) {
        // What is on an unsafe file system is repaired there.
        directory = try DataDirectory.open(at: path, allowUnsafeFileSystem: true)
        self.runner = runner
        guard let source else {
            copy = nil
            return
        }
        let other = try DataDirectory.open(at: source, access: .copy)
        guard other.ledger == directory.ledger else {
            throw .unsupported(
                Trouble(
                    "is ledger \(other.ledger), not \(directory.ledger)",
                    at: source,
                    "name a copy of the ledger that is to be repaired"
                )
            )
        }
        copy = other
    }

    /// What can be done; changes nothing.
    package func plan() throws(StorageError) -> RepairPlan {
        let scan = try StateScanResult.of(directory.path, directory.ledger, runner)
        let stored = scan.findings.isEmpty ? scan.checkpoint : nil
        if let stored {
            let checkpoint = LogCheckpoint(position: stored.position, seal: stored.seal)
            let log = try logPlan(for: checkpoint)
            if log.hasCheckpoint {
                return RepairPlan(
                    log: log,
                    continuation: nil,
                    state: .sound,
                    lost: try lost(behind: log.cut)
                )
            }
            if let continuation = try continuation(behind: checkpoint) {
                return RepairPlan(
                    log: log,
                    continuation: continuation,
                    state: .sound,
                    lost: try lost(behind: continuation.cut)
                )
            }
        }
        // Nothing but the log tells what the state was.
        let log = try logPlan(for: nil)
        let why =
            stored.map { "the log does not have position \($0.position), at which it was stored" }
            ?? scan.findings.first.map { "\($0.place): \($0.sentence)" }
            ?? "it has no checkpoint"
        let base = try startOfReplay(of: log)
        let isWhole =
            base.map { log.firstPosition <= $0 && log.cut?.position ?? .max > $0 } ?? false
        return RepairPlan(
            log: log,
            continuation: nil,
            state: isWhole ? .remade(why: why) : .lost(why: why),
            lost: try lost(behind: log.cut)
        )
    }

    /// Does what a plan of now says; `report` is kept beside the evidence.
    ///
    /// - Returns: The names of what was kept, below the directory.
    /// - Throws: `full` or `device`; it may be repeated with another plan.
    package func carryOut(
        _ plan: RepairPlan,
        report: [String]
    ) throws(StorageError) -> [String] {
        invariant(plan.helps, "P1: a plan that does not help is not carried out")
        var kept: [String] = []
        if !plan.log.isSound || plan.continuation != nil {
            let evidence = try makeEvidence(report)
            kept.append(evidence)
            try dropIndexes(of: plan.log.setAside.map(\.segment))
            if let first = plan.firstReplaced { try prepareCut(at: first) }
            do throws(LogError) {
                try mending.carryOut(plan.log, plan.continuation, keeping: evidence)
            } catch {
                throw StorageError(error, in: directory.path)
            }
        }
        if case .remade = plan.state, let state = try StateRebuild.begin(directory) {
            kept.append(state)
        }
        return kept
    }

    private var mending: LogMending {
        LogMending(of: directory.ledger, on: directory.disk, from: copy?.disk)
    }

    private func logPlan(
        for checkpoint: LogCheckpoint?
    ) throws(StorageError) -> LogMendingPlan {
        do throws(LogError) {
            return try mending.plan(for: checkpoint)
        } catch {
            throw StorageError(error, in: directory.path)
        }
    }

    private func continuation(
        behind checkpoint: LogCheckpoint
    ) throws(StorageError) -> LogContinuation? {
        do throws(LogError) {
            return try mending.continuation(behind: checkpoint)
        } catch {
            throw StorageError(error, in: directory.path)
        }
    }

    /// The first position that must be there to make the state anew; nothing where it can not be.
    private func startOfReplay(of log: LogMendingPlan) throws(StorageError) -> Position? {
        if log.firstPosition == 1 { return 1 }
        return try StateSnapshot.newest(in: directory).map { $0.position + 1 }
    }

    /// What is behind a cut, as far as it can be read.
    private func lost(behind cut: LogBreak?) throws(StorageError) -> LostHistory? {
        guard let cut else { return nil }
        var lost = LostHistory(from: cut.position)
        let reader = LogReader(disk: directory.disk, ledgerID: directory.ledger)
        do throws(LogError) {
            _ = try reader.read(
                from: cut.position,
                frame: { (frame) throws(LogError) in
                    guard let decoded = try? EventCodec.decode(frame.payload) else { return }
                    lost.take(decoded.events, at: frame.position)
                },
                problem: { _ in }
            )
        } catch {
            throw StorageError(error, in: directory.path)
        }
        return lost
    }

    /// Makes the directory of what is kept, with the report in it, durable.
    private func makeEvidence(_ report: [String]) throws(StorageError) -> String {
        let names = try DataDirectory.list(directory.disk, directory.path)
        let free = (1...DataDirectory.Name.repairsMax)
            .map { "\(DataDirectory.Name.repair)\($0)" }
            .first { !names.contains($0) }
        guard let free else {
            throw .notCreated(
                Trouble(
                    "\(DataDirectory.Name.repairsMax) repairs are kept",
                    at: directory.path,
                    "remove the oldest of them"
                )
            )
        }
        try diskCall(directory.path) { () throws(DiskError) in
            let disk = directory.disk
            try disk.makeDirectory(free)
            let file = try disk.create("\(free)/report.txt")
            let text = Array((report.joined(separator: "\n") + "\n").utf8)
            // SAFETY: bytes have no padding that could be read uninitialised.
            try file.write(unsafe text.span.bytes, at: 0)
            try file.sync()
            file.close()
            try disk.syncDirectory(free)
            try disk.syncDirectory("")
        }
        return free
    }

    /// P4, and the indexes of segments that will not be as they were.
    private func prepareCut(at position: Position) throws(StorageError) {
        let segments = try diskCall(directory.path) { () throws(DiskError) in
            let disk = directory.disk
            if try !disk.contains(DataDirectory.Name.repaired, in: "") {
                try disk.create(DataDirectory.Name.repaired).sync()
                try disk.syncDirectory("")
            }
            let names = try disk.list(LogPath.archive) + disk.list(LogPath.log)
            return Set(names.compactMap(SegmentName.init)).sorted()
        }
        let first = segments.lastIndex { $0.firstPosition < position } ?? 0
        try dropIndexes(of: Array(segments[first...]))
    }

    private func dropIndexes(of segments: [SegmentName]) throws(StorageError) {
        guard !segments.isEmpty else { return }
        try diskCall(directory.path) { () throws(DiskError) in
            for name in segments { try directory.disk.unlinkIfPresent(name.index) }
            try directory.disk.syncDirectory(LogPath.archive)
        }
    }
}
