// The data directory as one thing: whose it is, who has it open, what it is made of.
//
//   ledger.json   which ledger, which format (LedgerDocument.swift)
//   LOCK          held by the one process that has it open
//   log/          segments of the log        state/    the LMDB environment
//   archive/      retired segments           creating  only while the ledger is being made
//   repair-1/ …   what repairs have replaced or removed (LedgerRepair.swift)
//
//   D1  Nothing is used through a symbolic link, or that others own or may write to.
//   D2  While a writer has the directory, nobody else has it.
//   D3  A ledger is there whole, with ledger.json, or not at all.
//   D4  A writer stops when the directory is not where it was opened.
//
// Creation is in DataDirectory+Creation.swift.

internal import CTenureSystem
internal import Glibc
internal import SystemPackage
internal import TenureBase
package import TenureLog

/// An open data directory, whose lock goes with the last reference.
package final class DataDirectory: Sendable {
    /// How a directory is opened.
    package enum Access: Sendable {
        /// As the one writer.
        case exclusive
        /// To look at a ledger that nobody writes, making no file.
        case audit
        /// To copy what never changes while somebody may write.
        case copy
    }

    /// The names below the directory.
    package enum Name {
        static let lock = "LOCK"
        static let creating = "creating"
        /// Says that the directory is a copy that was never served.
        static let copied = "copied"
        /// There from the moment at which a state is put aside until the first opening after it.
        static let rebuilding = "rebuilding"
        /// There from the moment at which a repair gives history up until the next opening.
        static let repaired = "repaired"
        /// What begins the names of directories with what repairs have replaced or removed.
        static let repair = "repair-"
        /// How many of these are kept before a repair is refused.
        static let repairsMax = 100
        /// Locked by whoever makes a snapshot.
        static let snapshotLock = "snapshot.lock"
        /// What came with a bundle beside the ledger.
        static let bundle = "bundle"
        /// The stored state.
        package static let state = "state"
        static let stateFile = "state/data.mdb"
        static let stateLock = "state/lock.mdb"
        static let directories = [state, "log", "archive"]
        static let all =
            directories + [
                lock, creating, copied, rebuilding, repaired, snapshotLock, LedgerDocument.fileName,
            ]
    }

    /// Where it is.
    package let path: String
    /// The directory as a disk.
    package let disk: HostDisk
    /// Whose it is.
    package let ledger: LedgerID
    /// What an operator should know and need not act on now.
    package let warnings: [String]
    /// The sort of file system that it is on: local, overlay, or one that is unsafe by its name.
    package let fileSystem: String
    private let lock: LockHolder
    /// Where LOCK was taken, from the root of all paths: a process may change its directory.
    private let lockPath: String?

    init(
        _ path: String,
        _ disk: HostDisk,
        _ ledger: LedgerID,
        _ warnings: [String],
        _ lock: LockHolder,
        _ fileSystem: String
    ) {
        self.path = path
        self.disk = disk
        self.ledger = ledger
        self.warnings = warnings
        self.lock = lock
        self.fileSystem = fileSystem
        // SAFETY: the system allocates the result, which is copied and freed here.
        let resolved = unsafe realpath(path, nil)
        lockPath = unsafe resolved.map { unsafe "\(String(cString: $0))/\(Name.lock)" }
        unsafe free(resolved)
    }

    /// Why the directory is not the one any more that its path names; nothing while it is.
    ///
    /// It is while LOCK at its place is the one that was taken (D4): then it was not moved,
    /// deleted, replaced or unmounted, and nobody else can take another LOCK.
    package var displacement: StorageError? {
        guard let lockPath, let file = lock.file, HostDisk.names(lockPath, file) == false else {
            return nil
        }
        return .device(
            Trouble(
                "the directory was moved, deleted or replaced while it was in use",
                at: path,
                "bring it back, then start again"
            )
        )
    }

    /// Opens the directory of a ledger: lock, owner, permissions, file system, format.
    ///
    /// - Throws: `locked` when someone has it, `unsupported` when there is no ledger, a newer one
    ///   or a file system that is refused, `notPermitted`, or `damaged` without ledger.json.
    package static func open(
        at path: String,
        access: Access = .exclusive,
        allowUnsafeFileSystem: Bool = false
    ) throws(StorageError) -> DataDirectory {
        let disk = try openDisk(path)
        let (sentences, fileSystem) = try FileSystemPolicy.check(
            disk,
            at: path,
            allowUnsafe: allowUnsafeFileSystem || access != .exclusive
        )
        var warnings = sentences
        let names = try list(disk, path)
        try requireLedger(names, path)
        let lock = try takeLock(disk, path, access, names)
        let document = try readDocument(disk, path)
        try checkDirectories(path, names)
        warnings += warningsAbout(names)
        if access == .exclusive, names.contains(Name.creating) {
            try diskCall(path) { () throws(DiskError) in
                try disk.unlink(Name.creating)
                try disk.syncDirectory("")
            }
        }
        return DataDirectory(path, disk, document.ledger, warnings, lock, fileSystem)
    }

    static func openDisk(_ path: String) throws(StorageError) -> HostDisk {
        do throws(DiskError) {
            return try HostDisk(root: path)
        } catch {
            switch error.errno {
            case .noSuchFileOrDirectory: throw .unsupported(noLedger(at: path))
            case .notDirectory: throw .notPermitted(notDirectory(at: path))
            default: throw StorageError(error, in: path)
            }
        }
    }

    static func list(_ disk: HostDisk, _ path: String) throws(StorageError) -> [String] {
        do throws(DiskError) {
            return try disk.list("")
        } catch {
            throw StorageError(error, in: path)
        }
    }

    /// Takes LOCK; an audit takes it shared, and not at all where a copy came without it.
    static func takeLock(
        _ disk: HostDisk,
        _ path: String,
        _ access: Access,
        _ names: [String]
    ) throws(StorageError) -> LockHolder {
        if access == .copy { return LockHolder(nil) }
        if access == .audit, !names.contains(Name.lock) { return LockHolder(nil) }
        do throws(DiskError) {
            if let file = try lock(Name.lock, on: disk, shared: access == .audit) {
                return LockHolder(file)
            }
        } catch {
            // Nobody writes where nothing can be written.
            if access == .audit, error.errno == .readOnlyFileSystem { return LockHolder(nil) }
            throw StorageError(error, in: path)
        }
        throw .locked(
            Trouble(
                "another process has the ledger open",
                at: "\(path)/\(Name.lock)",
                "ask that process, stop it, or work on a copy or a snapshot"
            )
        )
    }

    /// Locks a file; nothing when another process has it.
    static func lock(
        _ name: String,
        on disk: any Disk,
        shared: Bool
    ) throws(DiskError) -> (any DiskFile)? {
        for attempt in 1...lockAttempts {
            if attempt > 1 { usleep(lockPauseMicroseconds) }
            do throws(DiskError) {
                return try disk.lock(name, shared: shared)
            } catch {
                guard error.errno == .wouldBlock else { throw error }
            }
        }
        return nil
    }

    /// How often LOCK is tried: a holder's child that is just being started has it for a moment
    /// longer than the holder, until it runs its own program.
    private static let lockAttempts = 20
    private static let lockPauseMicroseconds: UInt32 = 10_000

    private static func requireLedger(
        _ names: [String],
        _ path: String
    ) throws(StorageError) {
        if names.contains(LedgerDocument.fileName) { return }
        if names.allSatisfy({ $0 == Name.lock }) || names.contains(Name.creating) {
            throw .unsupported(noLedger(at: path))
        }
        throw .damaged(
            Trouble(
                "ledger.json is missing although the directory is not empty",
                at: path,
                "name a directory that is missing or empty for a new ledger, or restore"
                    + " ledger.json from a backup; nothing is started anew by itself"
            )
        )
    }

    private static func notDirectory(at path: String) -> Trouble {
        Trouble(
            "is not a directory, or is a symbolic link",
            at: path,
            "name the directory of the ledger itself"
        )
    }

    private static func noLedger(at path: String) -> Trouble {
        Trouble("there is no ledger", at: path, "create one first, or correct the path")
    }

    private static func readDocument(
        _ disk: HostDisk,
        _ path: String
    ) throws(StorageError) -> LedgerDocument {
        let bytes: [UInt8]
        do throws(DiskError) {
            let file = try disk.open(LedgerDocument.fileName, .readOnly)
            bytes = try file.readAll(
                limit: LedgerDocument.bytesMax,
                path: LedgerDocument.fileName
            )
        } catch {
            throw StorageError(error, in: path)
        }
        let place = "\(path)/\(LedgerDocument.fileName)"
        do throws(LedgerDocument.Fault) {
            return try LedgerDocument(reading: bytes)
        } catch {
            switch error {
            case .newerFormat(let format):
                throw .unsupported(
                    Trouble(
                        "the ledger has format \(format); this version knows "
                            + "\(LedgerDocument.format)",
                        at: place,
                        "use the version of the program that wrote it, or a later one"
                    )
                )
            case .malformed(let offset):
                throw .damaged(
                    Trouble("damaged at offset \(offset)", at: place, "restore it from a backup")
                )
            case .field(let name):
                throw .damaged(
                    Trouble("field '\(name)' is wrong", at: place, "restore it from a backup")
                )
            }
        }
    }

    private static func warningsAbout(_ names: [String]) -> [String] {
        var warnings = names.filter { name in
            !Name.all.contains(name) && name != Name.bundle && !name.hasPrefix("\(Name.state).")
                && !name.hasPrefix(Name.repair) && !name.hasPrefix(StateSnapshot.prefix)
        }.map { "'\($0)' is no part of a ledger; it is left alone" }
        if names.contains(Name.copied) { warnings.append("the directory is a copy of a ledger") }
        if tenure_effective_user() == 0 {
            warnings.append("the ledger is used as root; a user of its own is safer")
        }
        return warnings
    }
}

/// Keeps LOCK locked for as long as it lives.
final class LockHolder: @unchecked Sendable {
    // SAFETY: the file is only looked at, and closed once, in deinit.
    let file: (any DiskFile)?

    init(_ file: (any DiskFile)?) {
        self.file = file
    }

    deinit {
        file?.close()
    }
}

/// Runs calls of a disk, and tells failures as those of the directory `path`.
func diskCall<Value>(
    _ path: String,
    _ body: () throws(DiskError) -> Value
) throws(StorageError) -> Value {
    do throws(DiskError) {
        return try body()
    } catch {
        throw StorageError(error, in: path)
    }
}
