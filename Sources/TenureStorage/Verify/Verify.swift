// The audit of a directory that nobody writes: a closed ledger, or a copy of one.
//
//   A1  ledger.json, owner, permissions: as for opening
//   A2  every page and row of the state, in a child process                StateScan.swift
//   A3  every byte of archive/ and log/, every record decoded              LogReader
//   A4  the verdict that a start would come to: the log's end, and whether the state fits it
//   A5  with a state to replay into: the whole log gives the stored rows, byte for byte (I6), and
//       they agree with each other (I2, I3, N1 to N3)
//
// Nothing is written. What can not be checked is said, as a note: the bytes of free pages, and a
// history that does not go back to the first record. The table of what owns each byte, and what
// finds a flipped bit in it, is in the documentation's page Invariants.

internal import TenureBase
package import TenureLog
package import TenureModel

/// Audits a data directory.
package enum Verify {
    /// Audits the directory at `path`.
    ///
    /// - Parameters:
    ///   - path: The directory.
    ///   - runner: The child process for the state; without one the state is scanned here.
    ///   - replayed: A state before the first record; it gets every record up to the checkpoint.
    ///   - anchor: What was kept elsewhere of the history; it must be of this one.
    ///   - reading: Is told the position of each record that is read, and whose directory it is.
    /// - Returns: What was looked at and found.
    /// - Throws: `locked`, `notPermitted`, `unsupported` or `device` when there was no audit;
    ///   damage is in the report.
    package static func run(
        at path: String,
        runner: StateScanRunner?,
        replayed: (any ReplayedState)? = nil,
        anchor: LogAnchor? = nil,
        reading: (DataDirectory) -> (Position) -> Void = { _ in { _ in } }
    ) throws(StorageError) -> VerifyReport {
        var report = VerifyReport()
        let directory: DataDirectory
        do throws(StorageError) {
            directory = try DataDirectory.open(at: path, access: .audit)
        } catch {
            guard case .damaged(let trouble) = error else { throw error }
            report.add(trouble)
            return report
        }
        report.ledger = directory.ledger
        for warning in directory.warnings { report.add(.note, at: path, warning) }
        let scan = try scanState(directory, runner, &report)
        let base = try base(of: directory, runner, &report)
        if let replayed, case .snapshot? = base, let base {
            replayed.begin(from: try base.makeState(in: path))
        }
        var log = LogReading(
            replayed,
            behind: base?.position ?? 0,
            until: scan.checkpoint?.position,
            anchor: anchor
        )
        try log.read(directory, &report, reading(directory))
        judgeOpening(directory, scan, &report)
        if let replayed { try compare(replayed, over: base, with: scan, log, &report) }
        return report
    }

    /// A2 for a snapshot, and from where on the history can be replayed; nothing when from nowhere.
    private static func base(
        of directory: DataDirectory,
        _ runner: StateScanRunner?,
        _ report: inout VerifyReport
    ) throws(StorageError) -> ReplayBase? {
        if let snapshot = try StateSnapshot.newest(in: directory) {
            let scan = try StateScanResult.of(
                directory.path,
                directory.ledger,
                runner,
                name: snapshot.name
            )
            report.findings += scan.findings.map {
                Finding($0.severity, at: "\(snapshot.name)/\($0.place)", $0.sentence)
            }
            if let fault = try directory.fault(ofSnapshot: scan, at: snapshot.position) {
                if scan.findings.isEmpty { report.add(.damage, at: snapshot.name, fault) }
                return try directory.hasSegment(from: 1) ? .empty : nil
            }
        }
        do throws(StorageError) {
            return try ReplayBase(of: directory)
        } catch {
            // What keeps the history from being replayed is told where it is compared.
            guard case .damaged = error else { throw error }
            return nil
        }
    }

    private static func scanState(
        _ directory: DataDirectory,
        _ runner: StateScanRunner?,
        _ report: inout VerifyReport
    ) throws(StorageError) -> StateScanResult {
        let scan = try StateScanResult.of(directory.path, directory.ledger, runner)
        report.findings += scan.findings
        report.checkpoint = scan.checkpoint
        report.rows = scan.rows
        report.pages = scan.pages
        if let pages = report.pages, pages.notCovered > 0 {
            report.add(
                .note,
                at: "state/data.mdb",
                "\(pages.notCovered) of \(pages.total) pages are free; what is left in them is "
                    + "not checked, and nothing reads it"
            )
        }
        return scan
    }

    /// A4: opens the log at the checkpoint on a disk that forgets every change.
    private static func judgeOpening(
        _ directory: DataDirectory,
        _ scan: StateScanResult,
        _ report: inout VerifyReport
    ) {
        guard let checkpoint = scan.checkpoint else { return }
        do throws(LogError) {
            let opened = try FileLog.open(
                on: DryDisk(directory.disk),
                ledgerID: directory.ledger,
                configuration: LogConfiguration(spare: .synchronous),
                checkpoint: LogCheckpoint(
                    position: checkpoint.position,
                    seal: checkpoint.seal
                ),
                replay: { (_) throws(LogError) in }
            )
            report.add(
                .note,
                at: "log",
                "a start would apply \(opened.1.replayedFrames) records behind position "
                    + "\(checkpoint.position) (\(opened.1.verdict.rawValue))"
            )
        } catch {
            let known = report.findings.contains { finding in
                finding.severity == .damage && finding.place.hasPrefix("log")
            }
            // Damage that the reading of the log has told is not told twice.
            if case .corrupt = error, known { return }
            report.add(.damage, at: "log", "\(error)")
        }
    }

    /// A5: compares table by table, and the facts.
    private static func compare(
        _ replayed: any ReplayedState,
        over base: ReplayBase?,
        with scan: StateScanResult,
        _ reading: LogReading,
        _ report: inout VerifyReport
    ) throws(StorageError) {
        guard let checkpoint = scan.checkpoint, let base, reading.isWhole else {
            report.add(
                .note,
                at: "state",
                "not compared with the log, which can not be replayed from the first record, or a "
                    + "snapshot, to the checkpoint"
            )
            return
        }
        let rows: FrozenChanges
        do throws(RowFault) {
            if let fault = try replayed.fault() {
                report.add(.damage, at: "log", "position \(checkpoint.position): \(fault)")
            }
            rows = try replayed.rows()
        } catch {
            report.add(.damage, at: "log", "the replayed state failed: \(error.sentence)")
            return
        }
        var differences = try compare(rows, over: base, with: scan, checkpoint, &report)
        if rows.facts != checkpoint.facts {
            differences += 1
            report.add(
                .damage,
                at: "state: meta",
                "replaying the log gives other facts: \(rows.facts), stored are "
                    + "\(checkpoint.facts)"
            )
        }
        report.replayAgrees = differences == 0
    }

    /// I6 for the rows; how many tables differ.
    private static func compare(
        _ rows: FrozenChanges,
        over base: ReplayBase,
        with scan: StateScanResult,
        _ checkpoint: StoredCheckpoint,
        _ report: inout VerifyReport
    ) throws(StorageError) -> Int {
        if case .snapshot(let snapshot, let store) = base {
            // Which table it is can not be told: the digest is that of all rows.
            let replayed = try StoredCheckpoint.of(rows, over: store)
            if replayed.digest == checkpoint.digest, replayed.counts == checkpoint.counts {
                return 0
            }
            report.add(
                .damage,
                at: "state",
                "replaying the log from \(snapshot.name) to position \(checkpoint.position) gives "
                    + "other rows than the stored ones"
            )
            return 1
        }
        let (digests, counts) = StateDigest.tables(of: rows, ledger: checkpoint.ledger)
        var differences = 0
        for table in RowTable.counted {
            let stored = scan.digests[table] ?? StateDigest()
            let same = (digests[table] ?? StateDigest()) == stored
            if same, counts[table] == scan.rows[table] { continue }
            differences += 1
            report.add(
                .damage,
                at: "state: \(table.name)",
                "replaying the log to position \(checkpoint.position) gives \(counts[table]) rows, "
                    + "stored are \(scan.rows[table]), and they differ"
            )
        }
        return differences
    }
}
