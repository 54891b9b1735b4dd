// A directory that nobody serves: opened for reading, checked as a whole.

internal import SystemPackage
internal import TenureLog
internal import TenureModel
internal import TenureStorage

/// What an audit found.
struct AuditVerdict {
    /// Whether nothing is damaged.
    let isSound: Bool
    /// Everything that was looked at, and every problem.
    let document: Document
}

/// The directory of a ledger that is not served.
struct StoppedLedger {
    private let path: String

    /// The ledger in `path`.
    init(_ path: String) {
        self.path = path
    }

    /// The events from one position to another.
    func history(from first: Position, to last: Position) throws -> History {
        do throws(DiskError) {
            let disk = try HostDisk(root: path)
            guard try disk.contains("ledger.json", in: "") else {
                throw .system(.noSuchFileOrDirectory, .open, path: "ledger.json")
            }
            return History(reader: LogReader(disk: disk, ledgerID: nil), range: first...last)
        } catch {
            throw Failure(.damaged, "'\(path)' is no ledger that can be read: \(error)")
        }
    }

    /// Checks everything.
    func verify() throws -> AuditVerdict {
        throw Failure(.unavailable, "not yet")
    }
}
