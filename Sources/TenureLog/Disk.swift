// What the log and the data directory need of a file system, on paths below one root directory.
//
// A path has one or two components: "ledger.json", "log/spare.tmp". The engine can not tell a
// host's file system from the simulated one; both keep the same promises:
//
//   D1  What was written is durable after `syncData` or `sync` returned, not before.
//   D2  A name that was created, renamed or removed is durable after `syncDirectory` of every
//       directory concerned returned, not before; nothing else orders anything.
//   D3  After a failed sync the cached bytes of a file may differ from the stored ones; only a
//       file of `openDirect` shows the stored ones.

package import SystemPackage

/// What was being done when the disk failed.
package enum DiskOperation: String, Equatable, Sendable {
    case close
    case create
    case dropCache
    case facts
    case list
    case lock
    case makeDirectory
    case open
    case openDirect
    case read
    case rename
    case sync
    case syncData
    case syncDirectory
    case truncate
    case unlink
    case write
}

/// Why a file or directory is not touched although the system would let us.
package enum DiskRefusal: String, Equatable, Sendable {
    /// It is a FIFO, a device, a socket or a symbolic link.
    case notRegular
    /// A directory was expected.
    case notDirectory
    /// It belongs to another user than the one we run as.
    case otherOwner
    /// It has more than one name, so someone else may write to it.
    case severalLinks
    /// Its group or everybody may write to it.
    case writableByOthers
    /// The path is absolute, has empty or `..` components, or leads through a symbolic link.
    case pathLeadsOutside
}

/// Why an operation of a disk did not succeed.
package enum DiskError: Error, Equatable, Sendable {
    /// The system refused with an error number.
    case system(Errno, DiskOperation, path: String)
    /// The facts of a file are not those of one that we made.
    case refused(DiskRefusal, path: String)
    /// The simulated machine has stopped; a host's disk never throws this.
    case stopped

    /// Whether the disk, or the user's part of it, is full.
    package var isFull: Bool {
        guard case .system(let errno, _, _) = self else { return false }
        return errno == .noSpace || errno == .diskQuotaExceeded
    }

    /// Whether there is nothing of that name.
    package var isMissing: Bool { errno == .noSuchFileOrDirectory }

    /// The error number, where the system gave one.
    package var errno: Errno? {
        guard case .system(let errno, _, _) = self else { return nil }
        return errno
    }
}

extension DiskError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .system(let errno, let operation, let path):
            "\(operation.rawValue) of '\(path)' failed: \(errno)"
        case .refused(let refusal, let path):
            "'\(path)' is refused: \(refusal.rawValue)"
        case .stopped:
            "the simulated machine has stopped"
        }
    }
}

/// How a file is opened.
package enum DiskAccess: Equatable, Sendable {
    case readOnly
    case readWrite
    /// Past the page cache, where the file system knows that: what is written does not queue
    /// behind the cached bytes of other files. Offset, count and address of every read and write
    /// must then be multiples of 4,096.
    case readWriteDirect
}

/// A file system below one root directory.
package protocol Disk: AnyObject, Sendable {
    /// Makes a new file that only the owner can read and write, open for both.
    ///
    /// - Throws: `EEXIST` when the name is taken.
    func create(_ path: String) throws(DiskError) -> any DiskFile

    /// Opens a file that exists, after a look at whose it is.
    func open(_ path: String, _ access: DiskAccess) throws(DiskError) -> any DiskFile

    /// Opens a file for reads that go past the page cache.
    ///
    /// Offset, count and address of a read must then be multiples of 4,096.
    func openDirect(_ path: String) throws(DiskError) -> any DiskFile

    /// Opens a file, making it when there is none, and locks it until it is closed.
    ///
    /// - Throws: `EWOULDBLOCK` when another process holds the lock.
    func lock(_ path: String, shared: Bool) throws(DiskError) -> any DiskFile

    /// Gives a file another name; without `replacing`, `EEXIST` when that name is taken.
    func rename(_ from: String, to: String, replacing: Bool) throws(DiskError)

    /// Removes a name.
    func unlink(_ path: String) throws(DiskError)

    /// The names in a directory, sorted; the root directory is "".
    func list(_ directory: String) throws(DiskError) -> [String]

    /// Makes a directory that only the owner can use.
    func makeDirectory(_ path: String) throws(DiskError)

    /// Makes what was created, renamed and removed in a directory durable.
    func syncDirectory(_ path: String) throws(DiskError)

    /// How many bytes an unprivileged process can still write.
    func freeBytes() throws(DiskError) -> UInt64
}

extension Disk {
    /// Whether a directory has an entry of this name.
    package func contains(_ name: String, in directory: String) throws(DiskError) -> Bool {
        try list(directory).contains(name)
    }

    /// Removes a name that may not be there.
    package func unlinkIfPresent(_ path: String) throws(DiskError) {
        do throws(DiskError) {
            try unlink(path)
        } catch {
            if !error.isMissing { throw error }
        }
    }
}

/// An open file; closed when the last reference goes.
package protocol DiskFile: AnyObject {
    /// Reads as many bytes as fit; fewer only at the end of the file.
    func read(into buffer: inout MutableRawSpan, at offset: UInt64) throws(DiskError) -> Int

    /// Writes all bytes, or throws with an unknown part of them written.
    func write(_ bytes: RawSpan, at offset: UInt64) throws(DiskError)

    /// How many bytes the file has.
    func size() throws(DiskError) -> UInt64

    /// Cuts the file, or lengthens it with a hole.
    func truncate(to size: UInt64) throws(DiskError)

    /// Makes the bytes durable, and the size where it is needed to read them.
    ///
    /// A call that throws must never be repeated: the second one may succeed without the bytes.
    func syncData() throws(DiskError)

    /// As `syncData`, with all the facts about the file.
    func sync() throws(DiskError)

    /// Asks the system to forget the clean pages that it holds of this file.
    func dropCache() throws(DiskError)

    /// Closes the file; closing again does nothing.
    func close()
}

extension DiskFile {
    /// Reads exactly the bytes from `offset` on that the file has, at most `limit`.
    package func readAll(limit: Int, path: String) throws(DiskError) -> [UInt8] {
        let size = try size()
        guard size <= UInt64(max(limit, 0)) else { throw .system(.fileTooLarge, .read, path: path) }
        var bytes = [UInt8](repeating: 0, count: Int(size))
        var span = bytes.mutableSpan
        // SAFETY: every bit pattern is a valid byte.
        var raw = unsafe span.mutableBytes
        let count = try read(into: &raw, at: 0)
        bytes.removeLast(bytes.count - count)
        return bytes
    }
}
