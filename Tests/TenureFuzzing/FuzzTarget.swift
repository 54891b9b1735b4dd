// What is fuzzed: everything that reads bytes which somebody else wrote.
//
// A target takes any bytes and says what must hold whatever they are. It never traps; it throws
// where a rule does not hold. `tools/fuzz` builds it with libFuzzer, the ordinary tests run the
// corpora and some mutations of them.

/// A rule that does not hold for some bytes.
package struct BrokenRule: Error, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }
}

/// Throws when a rule does not hold.
func require(_ holds: Bool, _ rule: @autoclosure () -> String) throws {
    if !holds { throw BrokenRule(rule()) }
}

/// Something that reads bytes.
package enum FuzzTarget: String, CaseIterable, Sendable {
    /// Requests of a client, cut anywhere.
    case requests
    /// Replies of a daemon, cut anywhere.
    case replies
    /// The words of a command: claims, amounts, names and all options.
    case commands
    /// Commands and the time between them, decided and applied.
    case machine
    /// A segment of the log, read by an audit and opened.
    case segments
    /// A sound segment with some bytes changed and its checksums made to fit.
    case edits
    /// The payload of a frame: events.
    case events
    /// Rows of the state behind their checksum.
    case rows
    /// The small documents: ledger.json, an anchor, the index of a segment.
    case documents
    /// The policy: who may do what.
    case policies

    /// Reads `bytes`.
    ///
    /// - Throws: `BrokenRule` for what must hold and does not, or what must not be thrown.
    package func run(_ bytes: [UInt8]) throws {
        switch self {
        case .requests: try FuzzWire.requests(bytes)
        case .replies: try FuzzWire.replies(bytes)
        case .commands: try FuzzWire.commands(bytes)
        case .machine: try FuzzMachine.run(bytes)
        case .segments: try FuzzLog.segment(bytes)
        case .edits: try FuzzLog.edits(bytes)
        case .events: try FuzzRecords.events(bytes)
        case .rows: try FuzzRecords.rows(bytes)
        case .documents: try FuzzRecords.documents(bytes)
        case .policies: try FuzzPolicy.policy(bytes)
        }
    }
}
