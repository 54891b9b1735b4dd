// Why the data directory could not be made, opened, read or written.
//
// Every error names what is wrong, where, and what to do, and has the exit code of the process
// that met it (sysexits): 65 damaged, 73 not created, 74 the device, 75 locked, 77 not permitted,
// 78 not supported.

internal import SystemPackage
package import TenureLMDB
package import TenureLog
package import TenureModel

/// What is wrong, where, and what can be done.
package struct Trouble: Equatable, Sendable, CustomStringConvertible {
    /// What is wrong.
    package let what: String
    /// Which file or directory, and where in it.
    package let place: String
    /// What to do.
    package let remedy: String

    package init(_ what: String, at place: String, _ remedy: String) {
        self.what = what
        self.place = place
        self.remedy = remedy
    }

    /// One sentence for each.
    package var description: String { "\(place): \(what); \(remedy)" }
}

/// Why the data directory could not be used.
package enum StorageError: Error, Equatable, Sendable {
    /// Stored data is damaged or missing; nothing was changed.
    case damaged(Trouble)
    /// A ledger can not be created there.
    case notCreated(Trouble)
    /// The device or the kernel failed; the writer must stop.
    case device(Trouble)
    /// The disk is full; nothing was changed, and it may be tried again.
    case full(Trouble)
    /// Someone else has the ledger open.
    case locked(Trouble)
    /// Owner, permissions or links are not those of a ledger of ours.
    case notPermitted(Trouble)
    /// No ledger, a newer format, or a file system that is not supported.
    case unsupported(Trouble)

    /// What is wrong, where, and what can be done.
    package var trouble: Trouble {
        switch self {
        case .damaged(let trouble), .notCreated(let trouble), .device(let trouble),
            .full(let trouble), .locked(let trouble), .notPermitted(let trouble),
            .unsupported(let trouble):
            trouble
        }
    }

    /// The status with which a process that met this ends.
    package var exitCode: Int32 {
        switch self {
        case .damaged: 65
        case .notCreated: 73
        case .device, .full: 74
        case .locked: 75
        case .notPermitted: 77
        case .unsupported: 78
        }
    }
}

extension StorageError: CustomStringConvertible {
    package var description: String { trouble.description }
}

extension StorageError {
    /// What to do about damage of the log.
    static let keepRemedy = "keep a copy of the directory; 'tenure repair' tells what can be done"
    /// What to do about damage that a rebuild may mend.
    static let rebuildRemedy =
        "keep a copy of the directory, run 'tenure audit verify' on it, and rebuild the state "
        + "from a whole log with 'tenure serve --rebuild-state', or restore a backup"

    /// What a failure of the directory's file system means; `path` is that of the directory.
    package init(_ error: DiskError, in path: String) {
        switch error {
        case .system(let errno, let operation, let name):
            let place = name.isEmpty ? path : "\(path)/\(name)"
            self = .system(errno, "\(operation.rawValue) failed", at: place)
        case .refused(let refusal, let name):
            self = .notPermitted(
                Trouble(
                    refusal.sentence,
                    at: name.isEmpty || name.hasPrefix("/") ? path : "\(path)/\(name)",
                    "let the user who runs the ledger own it, with nobody else able to write"
                )
            )
        case .stopped:
            self = .device(Trouble("the disk has stopped", at: path, "start again"))
        }
    }

    /// What an error number means.
    static func system(_ errno: Errno, _ what: String, at place: String) -> StorageError {
        let trouble = { (remedy: String) in Trouble("\(what): \(errno)", at: place, remedy) }
        switch errno {
        case .noSpace, .diskQuotaExceeded:
            return .full(trouble("make room on the disk and try again"))
        case .permissionDenied, .notPermitted:
            return .notPermitted(trouble("run as the user who owns the ledger"))
        case .readOnlyFileSystem:
            return .notPermitted(trouble("mount the file system for writing"))
        case .noSuchFileOrDirectory:
            return .damaged(trouble("restore what is missing from a backup"))
        default:
            return .device(trouble("look at the kernel's log and at the disk, then start again"))
        }
    }

    /// What a failure of the log means; `path` is the directory.
    package init(_ error: LogError, in path: String) {
        let place = "\(path)/log"
        let trouble = { (remedy: String) in Trouble("\(error)", at: place, remedy) }
        switch error {
        case .device(let disk): self = StorageError(disk, in: path)
        case .failed: self = .device(trouble("stop and start again"))
        case .full: self = .full(trouble("make room on the disk and try again"))
        case .configuration: self = .unsupported(trouble("correct the configuration"))
        case .newerFormat:
            self = .unsupported(trouble("use a version of the program that knows it"))
        case .stateFromAnotherHistory, .endsBelowCheckpoint:
            self = .damaged(
                trouble("restore log and state from the same backup, or see 'tenure repair'")
            )
        default:
            self = .damaged(trouble(Self.keepRemedy))
        }
    }

    /// What a failure of the state store means; `freeBytes` is what the disk has left.
    package init(_ error: StoreError, in path: String, freeBytes: UInt64?) {
        let place = "\(path)/state"
        let trouble = { (remedy: String) in Trouble("\(error)", at: place, remedy) }
        // LMDB tells a full disk as an I/O error.
        let isFull = freeBytes.map { $0 < Self.lowWater } ?? false
        switch error {
        case .mapFull, .transactionTooLarge, .busy, .readersFull:
            self = .full(trouble("try again with a smaller checkpoint"))
        case .diskFullOrIO where isFull:
            self = .full(trouble("make room on the disk and try again"))
        case .diskFullOrIO(let errno), .system(let errno):
            self = .system(errno, "the state store failed", at: place)
        case .damaged, .noSuchTable: self = .damaged(trouble(Self.rebuildRemedy))
        case .versionMismatch:
            self = .unsupported(trouble("use the release of LMDB that the manual names"))
        case .alreadyOpen: self = .locked(trouble("open a ledger once in a process"))
        case .environmentDead, .invalidKey, .misuse:
            self = .device(trouble("stop and start again"))
        }
    }

    /// What a row that can not be had means at a place that can not go on without it.
    package init(_ fault: RowFault, in path: String) {
        switch fault {
        case .damaged(let what):
            self = .damaged(Trouble(what, at: "\(path)/state", Self.rebuildRemedy))
        case .unreadable(let what):
            self = .device(
                Trouble(what, at: "\(path)/state", "look at the disk, then start again")
            )
        }
    }

    /// Bytes: below this an I/O error of the state store counts as a full disk.
    static let lowWater: UInt64 = 64 << 20
}

extension DiskRefusal {
    fileprivate var sentence: String {
        switch self {
        case .notRegular: "is not a regular file"
        case .notDirectory: "is not a directory"
        case .otherOwner: "belongs to another user"
        case .severalLinks: "has more than one name (hard links)"
        case .writableByOthers: "can be written by its group or by everybody"
        case .pathLeadsOutside: "is or leads through a symbolic link"
        }
    }
}
