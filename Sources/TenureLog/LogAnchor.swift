// What proves, kept elsewhere, that a history was not cut or changed.
//
// Seals chain all groups of a log; so who has one knows whether a log that goes on behind it is
// the one that it was taken of. A log that ends before it was cut. Within the log itself a cut can
// not be told from a history that never went on.

import SystemPackage
import TenureBase

/// A position, and the seal of the group that ended with it.
package struct LogAnchor: Hashable, Sendable, CustomStringConvertible {
    /// The last position of the history that it stands for.
    package let position: UInt64
    /// The seal of that history.
    package let seal: Seal

    /// The history up to a position.
    package init(position: UInt64, seal: Seal) {
        (self.position, self.seal) = (position, seal)
    }

    /// An anchor as it is written: the position, a colon, and the seal in hexadecimal digits.
    package init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let position = UInt64(parts[0]), let seal = Seal(String(parts[1]))
        else { return nil }
        self.init(position: position, seal: seal)
    }

    package var description: String { "\(position):\(seal)" }

    /// The newest anchor of a log that may be written meanwhile: of all but its last group.
    ///
    /// Only the last group may be on its way to the disk, so that a power cut takes nothing back of
    /// what this stands for.
    ///
    /// - Throws: `corrupt` when the last segment has no header, `newerFormat`, `otherLedger`, or
    ///   `device`.
    package static func newest(
        of ledger: LedgerID,
        on disk: any Disk
    ) throws(LogError) -> LogAnchor {
        for read in 1...readsMax {
            do throws(LogError) {
                return try newestOnce(of: ledger, on: disk)
            } catch {
                // It has just been moved to archive/: another is the last now.
                guard read < readsMax, case .device(let failure) = error, failure.isMissing else {
                    throw error
                }
            }
        }
        violated("the last read returns or throws")
    }

    /// How often the last segment is looked for that was moved meanwhile.
    private static let readsMax = 5

    private static func newestOnce(
        of ledger: LedgerID,
        on disk: any Disk
    ) throws(LogError) -> LogAnchor {
        let names: [SegmentName]
        do throws(DiskError) {
            names = try disk.list(LogPath.log).compactMap(SegmentName.init)
        } catch {
            throw .device(error)
        }
        guard let name = names.max() else {
            throw .device(.system(.noSuchFileOrDirectory, .list, path: LogPath.log))
        }
        let segment = try SegmentFile(name, path: name.inLog, on: disk, direct: true)
        var walk = SegmentWalk(try segment.header(of: ledger))
        let bytes = segment.bytes
        var anchor = LogAnchor(position: walk.place.position - 1, seal: walk.place.seal)
        while !walk.isAtEnd(of: bytes) {
            guard let group = try? walk.group(in: bytes) else { break }
            anchor = LogAnchor(position: walk.place.position - 1, seal: walk.place.seal)
            walk.advance(over: group)
        }
        return anchor
    }
}

extension Seal {
    /// The seal that 64 hexadecimal digits are.
    package init?(_ digits: String) {
        let digits = Array(digits.utf8)
        guard digits.count == 2 * Seal.byteCount else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: digits.count, by: 2) {
            let pair = String(decoding: digits[index...(index + 1)], as: UTF8.self)
            guard let byte = UInt8(pair, radix: 16), !pair.hasPrefix("+") else { return nil }
            bytes.append(byte)
        }
        self.init(bytes: bytes)
    }
}
