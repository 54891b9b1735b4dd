// Reading the lines of a state scan, wherever they come from.

package import TenureLog
internal import TenureModel

/// What the lines of a scan say.
package struct StateScanResult: Equatable, Sendable {
    /// The checkpoint row, when it is right.
    package var checkpoint: StoredCheckpoint?
    /// How many rows each table has.
    package var rows = RowCounts()
    /// The sum over the right rows of each table.
    package var digests: [RowTable: StateDigest] = [:]
    /// What the pages are used for, when the walk over them came to its end.
    package var pages: PageCoverage?
    /// What is damaged.
    package var findings: [Finding] = []
    /// Where the scan was last.
    package private(set) var last = "the first pages"
    /// Whether the scan came to its end.
    package private(set) var isComplete = false

    private let ledger: LedgerID

    package init(ledger: LedgerID) {
        self.ledger = ledger
    }

    /// Takes in one line; one that is no line of a scan is damage too.
    package mutating func take(_ line: String) {
        let parts = line.split(separator: " ", maxSplits: 1).map(String.init)
        guard let word = parts.first else { return }
        let rest = parts.count > 1 ? parts[1] : ""
        switch word {
        case "at": last = rest
        case "end": isComplete = true
        case "table": takeTable(rest)
        case "pages": takePages(rest)
        case "damage":
            let fields = rest.split(separator: "\t", maxSplits: 1).map(String.init)
            let place = fields.first ?? "state"
            let sentence = fields.count > 1 ? fields[1] : "is damaged"
            findings.append(Finding(.damage, at: "state: \(place)", sentence))
        case "checkpoint":
            var codec = RowCodec(ledger: ledger)
            checkpoint = try? codec.decodeCheckpoint(bytes(rest))
        default: findings.append(Finding(.damage, at: "state", "the scan said '\(line)'"))
        }
    }

    /// Notes that the child that scanned is gone before it was done.
    mutating func end(_ how: String) {
        findings.append(
            Finding(.damage, at: "state: at or near \(last)", "the scan of the state \(how)")
        )
    }

    private mutating func takeTable(_ text: String) {
        let fields = text.split(separator: " ")
        guard fields.count == 3,
            let table = RowTable.allCases.first(where: { $0.name == fields[0] }),
            let count = UInt64(fields[1]), let sum = UInt128(fields[2], radix: 16)
        else { return }
        rows[table] = count
        digests[table] = StateDigest(sum: sum)
    }

    private mutating func takePages(_ text: String) {
        let counts = text.split(separator: " ").compactMap { UInt64($0) }
        guard counts.count == 2 else { return }
        pages = PageCoverage(total: counts[0], live: counts[1])
    }

    private func bytes(_ hexadecimal: String) -> [UInt8] {
        let digits = hexadecimal.compactMap(\.hexDigitValue)
        return stride(from: 0, to: digits.count - digits.count % 2, by: 2).map {
            UInt8(digits[$0] << 4 | digits[$0 + 1])
        }
    }
}

extension StateScanResult {
    /// What a scan of a state in the directory `path` finds, in a child process if there is one.
    ///
    /// - Throws: `device` when no child can be started.
    static func of(
        _ path: String,
        _ ledger: LedgerID,
        _ runner: StateScanRunner?,
        name: String = DataDirectory.Name.state
    ) throws(StorageError) -> StateScanResult {
        if let runner { return try runner.run(path: path, ledger: ledger, name: name) }
        var result = StateScanResult(ledger: ledger)
        StateScan.run(path: path, ledger: ledger, name: name) { result.take($0) }
        return result
    }
}
