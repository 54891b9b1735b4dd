// What an audit says: findings with their places, and the figures of what was looked at.

package import TenureLog

/// One thing that an audit has found.
package struct Finding: Equatable, Sendable, CustomStringConvertible {
    /// How bad it is.
    package enum Severity: String, Equatable, Sendable {
        /// Something that was acknowledged is wrong or lost.
        case damage
        /// Something that an operator should look at; nothing acknowledged is concerned.
        case warning
        /// A fact about what could and could not be checked.
        case note
    }

    /// How bad it is.
    package let severity: Severity
    /// Which file or table, and where in it.
    package let place: String
    /// What is wrong, in a sentence.
    package let sentence: String

    package init(_ severity: Severity, at place: String, _ sentence: String) {
        self.severity = severity
        self.place = place
        self.sentence = sentence
    }

    /// One line.
    package var description: String { "\(severity.rawValue): \(place): \(sentence)" }
}

/// What the pages of a state are used for.
package struct PageCoverage: Equatable, Sendable {
    /// All pages in use by the newest transaction, free ones and the two metas included.
    package let total: UInt64
    /// Pages of trees and values, and the metas.
    package let live: UInt64

    /// Free pages, whose bytes nothing checks and nothing reads.
    package var notCovered: UInt64 { total > live ? total - live : 0 }
}

/// What an audit has looked at and found.
package struct VerifyReport: Equatable, Sendable {
    /// Which ledger, when ledger.json says so.
    package var ledger: LedgerID?
    /// What was found, in the order in which it was.
    package var findings: [Finding] = []
    /// The log, when it could be read.
    package var log: LogSummary?
    /// What the state says of itself, when it could be read.
    package var checkpoint: StoredCheckpoint?
    /// How many rows were checked.
    package var rows = RowCounts()
    /// What the pages of the state are used for, when their walk came to its end.
    package var pages: PageCoverage?
    /// Whether replaying the whole log gave the stored rows; nothing when that was not compared.
    package var replayAgrees: Bool?

    package init() {}

    /// Whether something that was acknowledged is wrong or lost.
    package var isDamaged: Bool { findings.contains { $0.severity == .damage } }

    /// The status with which the auditing process ends.
    package var exitCode: Int32 { isDamaged ? 65 : 0 }

    mutating func add(_ severity: Finding.Severity, at place: String, _ sentence: String) {
        findings.append(Finding(severity, at: place, sentence))
    }

    mutating func add(_ trouble: Trouble) {
        add(.damage, at: trouble.place, trouble.what)
    }
}
