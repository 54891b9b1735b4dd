// What the engine needs of a log. A file log now; a replicated one may follow.
//
//   L1  Positions are consecutive from 1 on.
//   L2  `durablePosition` covers a frame only after a sync that returned success for all of it.
//   L3  At most one group is unsynced at any time.
//   L4  After a write or a sync failed nothing more is written and every call throws `failed`.

/// An ordered, durable record of everything that happened.
///
/// One thread at a time uses a log.
package protocol Log: AnyObject {
    /// The position that the next `append` returns; the first is 1.
    var nextPosition: UInt64 { get }

    /// The last position covered by a sync that succeeded.
    var durablePosition: UInt64 { get }

    /// Bytes of the group being gathered, header and seal included; 0 when nothing is.
    var gatheredBytes: Int { get }

    /// The seal of the last durable group: with `durablePosition`, what a checkpoint stores.
    var seal: Seal { get }

    /// Bytes of whole blocks written for groups since the checkpoint that the log was opened at.
    var writtenExtentBytes: UInt64 { get }

    /// Bytes of payloads written since the checkpoint that the log was opened at.
    var writtenContentBytes: UInt64 { get }

    /// Frames written since the checkpoint that the log was opened at.
    var writtenFrames: UInt64 { get }

    /// Bytes of groups that can be written before the disk has to give another segment.
    var reserveBytes: UInt64 { get }

    /// Whether a payload of this many bytes fits in the group being gathered.
    ///
    /// When it does not, `commit` first. A payload of up to `payloadLimit` bytes fits in an empty
    /// group.
    func hasRoom(forPayload bytes: Int) -> Bool

    /// The most bytes that a payload can have.
    var payloadLimit: Int { get }

    /// Adds a frame to the group being gathered, in memory, and returns its position.
    ///
    /// `hasRoom(forPayload:)` must hold.
    func append(time: UInt64, payload: borrowing [UInt8]) -> UInt64

    /// Writes the gathered group and makes it durable.
    ///
    /// With nothing gathered this writes an empty group, which confirms the one before; unless
    /// the last group was empty already.
    ///
    /// - Throws: `full` when another segment was needed and the disk has no room. Then nothing
    ///   was written, the group stays gathered, and the call may be repeated. Everything else
    ///   ends the log.
    func commit() throws(LogError)

    /// Moves segments whose last position is below `position` to the archive.
    func retire(through position: UInt64) throws(LogError)

    /// Prepares the next segment if none is prepared, when an earlier try found the disk full.
    func prepareReserve()
}

/// Where a stored state stands in the history of its log.
package struct LogCheckpoint: Equatable, Sendable {
    /// The position of the last frame that the state contains.
    package var position: UInt64
    /// The seal of the last group that was durable at that position.
    package var seal: Seal

    /// The state before the first frame.
    package static let none = LogCheckpoint(position: 0, seal: .zero)

    /// A state at `position`.
    package init(position: UInt64, seal: Seal) {
        self.position = position
        self.seal = seal
    }
}
