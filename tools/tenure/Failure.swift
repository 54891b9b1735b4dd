// How the command ends when it does not end well: one sentence to stderr and one exit code.
//
// The codes are those of sysexits.h, so that a script or a service manager can tell "the ledger
// said no" from "there is no ledger" without reading words.

internal import TenureModel
internal import TenureStorage

/// Why the process ends with something else than 0.
package enum ExitStatus: Int32, CaseIterable, Sendable {
    case refused = 1
    case usage = 64
    case damaged = 65
    case unavailable = 69
    case software = 70
    case system = 71
    case cannotCreate = 73
    case inputOutput = 74
    case locked = 75
    case permission = 77
    case configuration = 78

    /// What it means and what to do.
    package var meaning: String {
        switch self {
        case .refused: "the ledger said no; stderr says 'tenure: CODE sentence'"
        case .usage: "the command line is wrong; nothing was sent"
        case .damaged: "the data is damaged, or a file that was given is not what it should be"
        case .unavailable: "no daemon (journal, command) answers, or it closed the connection"
        case .software: "a rule of the program's own does not hold; please report what it says"
        case .system: "the system has no room for a thread or a descriptor that the daemon needs"
        case .cannotCreate: "a file, directory or socket can not be created"
        case .inputOutput: "the disk failed; nothing after the failure was acknowledged"
        case .locked: "another process serves this ledger or this socket"
        case .permission: "a file, socket or directory may not be used, or should not be"
        case .configuration: "options or environment contradict each other or this version"
        }
    }
}

/// A sentence for people and a code for programs.
package struct Failure: Error, Equatable, CustomStringConvertible {
    /// How the process ends.
    package let status: Int32
    /// What happened, where, and what to do.
    package let sentence: String

    /// A failure with one of our codes.
    package init(_ status: ExitStatus, _ sentence: String) {
        self.status = status.rawValue
        self.sentence = sentence
    }

    /// A failure whose code another module has chosen.
    package init(code: Int32, _ sentence: String) {
        status = code
        self.sentence = sentence
    }

    package var description: String { sentence }
}

/// What `body` does with a data directory.
///
/// - Throws: a failure with the code and the sentence of what the directory said.
func usingDirectory<Value>(_ body: () throws(StorageError) -> Value) throws -> Value {
    do throws(StorageError) {
        return try body()
    } catch {
        throw Failure(code: error.exitCode, error.description)
    }
}
