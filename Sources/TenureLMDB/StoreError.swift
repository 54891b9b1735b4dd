// Why the store refused, and the one place that translates what LMDB and the kernel return.
//
// "Not found" is an answer, not an error: it never becomes a StoreError.

internal import CLMDB
internal import Glibc
package import SystemPackage

/// Why the store refused.
///
/// The transaction that saw it is over, and nothing of it was stored.
package enum StoreError: Error, Equatable, Sendable {
    /// The map has no room for another page: `Environment.growMap()`, then try again.
    case mapFull
    /// The device refused, or the file system is full.
    ///
    /// LMDB reports a full disk as `EIO`: look at the free space before believing it.
    case diskFullOrIO(Errno)
    /// The kernel refused for a reason that is neither the device nor its space.
    case system(Errno)
    /// The file contradicts itself. The sentence says what and where.
    case damaged(String)
    /// The library or the file is of a version that was never tested here.
    case versionMismatch(String)
    /// More pages changed in one transaction than LMDB can hold (512 MiB).
    case transactionTooLarge
    /// Every reader slot is taken: somebody leaks read transactions.
    case readersFull
    /// An earlier failure left the environment unusable: close it, and start again from the file.
    case environmentDead
    /// This process has the environment at this path open already.
    case alreadyOpen(path: String)
    /// Somebody held a transaction for as long as we were willing to wait.
    case busy
    /// A key must have 1 to 511 bytes.
    case invalidKey(byteCount: Int)
    /// The file has no table of this name, and this environment may not create one.
    case noSuchTable(String)
    /// LMDB refused the call itself; only a bug of ours leads here.
    case misuse(code: Int32)
}

extension StoreError {
    /// Translates a return code of LMDB, which is 0, one of its own, or an `errno`.
    static func check(_ code: Int32) throws(StoreError) {
        if code != MDB_SUCCESS { throw translating(code) }
    }

    /// As `check`, for calls that may find nothing: false when there was nothing.
    static func found(_ code: Int32) throws(StoreError) -> Bool {
        if code == MDB_NOTFOUND { return false }
        try check(code)
        return true
    }

    /// The error that stands for `code`, which is not success.
    static func translating(_ code: Int32) -> StoreError {
        switch code {
        case MDB_MAP_FULL: .mapFull
        case MDB_TXN_FULL: .transactionTooLarge
        case MDB_READERS_FULL: .readersFull
        case MDB_PANIC: .environmentDead
        case MDB_CORRUPTED: .damaged("LMDB found a page of a wrong type")
        case MDB_PAGE_NOTFOUND: .damaged("LMDB was sent to a page that is not there")
        case MDB_CURSOR_FULL: .damaged("a table is deeper than any tree can be")
        case MDB_PAGE_FULL: .damaged("a page has less room than its header says")
        case MDB_INVALID: .damaged("the file is not an LMDB environment")
        case MDB_INCOMPATIBLE: .damaged("a table has flags that no table of ours has")
        case MDB_MAP_RESIZED: .damaged("another process changed the size of the map")
        case MDB_VERSION_MISMATCH: .versionMismatch("the file has another data format")
        case EIO, ENOSPC, EDQUOT, EFBIG: .diskFullOrIO(Errno(rawValue: code))
        case 1...: .system(Errno(rawValue: code))
        default: .misuse(code: code)
        }
    }
}

extension StoreError: CustomStringConvertible {
    /// A sentence for the operator.
    package var description: String {
        switch self {
        case .mapFull: "the map of the state store is full"
        case .diskFullOrIO(let errno): "the disk is full or failed: \(errno)"
        case .system(let errno): "the kernel refused: \(errno)"
        case .damaged(let what): "the state store is damaged: \(what)"
        case .versionMismatch(let what): "the state store can not be used: \(what)"
        case .transactionTooLarge: "too many pages changed in one transaction"
        case .readersFull: "every reader slot of the state store is taken"
        case .environmentDead: "the state store failed earlier and must be opened anew"
        case .alreadyOpen(let path): "the state store at \(path) is open in this process already"
        case .busy: "transactions did not end in time"
        case .invalidKey(let count): "a key of \(count) bytes; 1 to 511 are possible"
        case .noSuchTable(let name): "the state store has no table \(name)"
        case .misuse(let code): "LMDB refused a call with code \(code)"
        }
    }
}
