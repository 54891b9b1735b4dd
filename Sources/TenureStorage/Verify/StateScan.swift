// The scan of every page and every row of a stored state.
//
// LMDB follows page numbers that a damaged file gives it, out of its map if need be. So it has no
// part in this: PageWalk.swift reads the file and believes nothing in it. The scan runs in a child
// process all the same, because one that runs out of memory must not take the audit with it. What
// it finds comes back as lines of text, each flushed as it is written, so that a child that was
// killed has said where it was:
//
//   checkpoint <hexadecimal value of the checkpoint row>
//   at <table> <rows so far> <hexadecimal key>
//   damage <place> TAB <sentence>
//   table <name> <rows> <digest>
//   pages <all> <in use>
//   end
//
//   V1  Every page has one place (P1 to P5); every row is verified and decoded; counts and digest
//       are the checkpoint's.
//   V2  Nothing is written, locked or created.

internal import Glibc
internal import TenureBase
internal import TenureLMDB
package import TenureLog
internal import TenureModel

/// Scans a stored state and tells about it line by line.
package struct StateScan {
    /// How many rows lie between two lines that say where the scan is.
    private static let stepRows: UInt64 = 1_000
    /// How many damaged rows of one table are told one by one.
    private static let damagedRowsMax: UInt64 = 100

    private let ledger: LedgerID
    private let emit: (String) -> Void
    private var codec: RowCodec

    private init(_ ledger: LedgerID, _ emit: @escaping (String) -> Void) {
        self.ledger = ledger
        self.emit = emit
        codec = RowCodec(ledger: ledger)
    }

    /// What the child process runs: scans a state of the directory `path`, and writes its lines
    /// to standard output.
    ///
    /// - Returns: The status with which the child ends.
    package static func runAsChild(
        path: String,
        ledger: LedgerID,
        name: String = DataDirectory.Name.state
    ) -> Int32 {
        // A core of a process that maps the whole state would be as large as it.
        var limit = rlimit(rlim_cur: 0, rlim_max: 0)
        _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit)
        run(path: path, ledger: ledger, name: name) { line in
            let bytes = Array((line + "\n").utf8)
            var written = 0
            while written < bytes.count {
                // SAFETY: the kernel reads within the array during the call only.
                let count = unsafe bytes[written...].withUnsafeBytes { part in
                    unsafe write(1, part.baseAddress, part.count)
                }
                if count <= 0 { exit(74) }
                written += count
            }
        }
        return 0
    }

    /// Scans `state/`, or another one, of the directory `path` and gives its lines to `emit`.
    package static func run(
        path: String,
        ledger: LedgerID,
        name: String = DataDirectory.Name.state,
        emit: @escaping (String) -> Void
    ) {
        var scan = StateScan(ledger, emit)
        let later = RowTable.further.map(\.name)
        do throws(StoreError) {
            let walk = try PageWalk(
                directory: "\(path)/\(name)",
                tables: RowTable.allCases.map(\.name).filter { !later.contains($0) },
                others: later,
                fault: { place, sentence in emit("damage \(place)\t\(sentence)") }
            )
            scan.scan(walk)
        } catch {
            emit("damage state\t\(error)")
        }
        emit("end")
    }

    private mutating func scan(_ walk: PageWalk) {
        let checkpoint = readCheckpoint(walk)
        var digest = StateDigest()
        for table in RowTable.counted {
            let (rows, sum) = scan(table, walk, checkpoint)
            digest.add(RowHash(value: sum.sum))
            if let checkpoint, rows != checkpoint.counts[table] {
                let counted = checkpoint.counts[table]
                damage(table.name, "has \(rows) rows, the checkpoint counts \(counted)")
            }
        }
        if let checkpoint, checkpoint.digest != digest {
            damage(
                "state",
                "the rows have digest \(digest), the checkpoint says \(checkpoint.digest): "
                    + "rows are lost, stale or from another checkpoint"
            )
        }
        let pages = walk.finish()
        emit("pages \(pages.total) \(pages.live)")
    }

    private mutating func readCheckpoint(_ walk: PageWalk) -> StoredCheckpoint? {
        var found: [RawRow] = []
        walk.rows(of: RowTable.meta.name) { found.append(RawRow(key: $0, value: $1)) }
        guard found.count == 1, let value = found.first?.value,
            found.first?.key == StoredCheckpoint.keyBytes
        else {
            damage("meta", "has \(found.count) rows instead of the checkpoint row")
            return nil
        }
        do throws(RowFault) {
            let checkpoint = try codec.decodeCheckpoint(value)
            emit("checkpoint \(hexadecimal(value))")
            return checkpoint
        } catch {
            damage("meta", "the checkpoint row is damaged, or of another ledger")
            return nil
        }
    }

    /// Scans one table; damage of one row does not end it.
    private mutating func scan(
        _ table: RowTable,
        _ walk: PageWalk,
        _ checkpoint: StoredCheckpoint?
    ) -> (rows: UInt64, digest: StateDigest) {
        var rows: UInt64 = 0
        var damaged: UInt64 = 0
        var digest = StateDigest()
        emit("at \(table.name) 0")
        walk.rows(of: table.name) { key, value in
            let row = RawRow(key: key, value: value)
            rows += 1
            if rows % Self.stepRows == 0 {
                emit("at \(table.name) \(rows) \(hexadecimal(row.key))")
            }
            if let hash = check(table, row, checkpoint, &damaged) { digest.add(hash) }
        }
        if damaged > Self.damagedRowsMax {
            damage(table.name, "\(damaged) rows are damaged in all")
        }
        emit("table \(table.name) \(rows) \(digest)")
        return (rows, digest)
    }

    /// V1 for one row; its hash when it is right.
    private mutating func check(
        _ table: RowTable,
        _ row: RawRow,
        _ checkpoint: StoredCheckpoint?,
        _ damaged: inout UInt64
    ) -> RowHash? {
        var fault: String?
        do throws(RowFault) {
            try codec.check(table, key: row.key, value: row.value)
        } catch {
            fault = error.sentence
        }
        let position = RowCodec.position(of: row.value) ?? 0
        if fault == nil, let checkpoint, position > checkpoint.position {
            fault = "last changed at \(position), behind the checkpoint"
        }
        guard let fault else {
            return codec.verify(table, key: row.key, value: row.value)
        }
        damaged += 1
        if damaged <= Self.damagedRowsMax {
            damage("\(table.name) \(hexadecimal(row.key))", fault)
        }
        return nil
    }

    private func damage(_ place: String, _ sentence: String) {
        emit("damage \(place)\t\(sentence)")
    }
}

extension RowFault {
    /// What is wrong.
    package var sentence: String {
        switch self {
        case .damaged(let sentence), .unreadable(let sentence): sentence
        }
    }
}
