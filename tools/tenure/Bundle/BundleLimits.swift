// Every bound of a bundle, with its unit and its reason.

internal import TenureLog
internal import TenureStorage

/// Bounds of what a bundle has, for those who write and who read one.
enum BundleLimits {
    /// Bytes of the manifest: about 160 for each member.
    static let manifest = 16 << 20
    /// Members: a segment and its index for each 16 MiB of log, 400 GB of it.
    static let members = 50_000
    /// Bytes of a file that is given along: of text, written by people.
    static let include = 1 << 20
    /// Files that are given along.
    static let includes = 64
    /// Openings that the manifest tells of, the last ones.
    static let told = 1_000
    /// Bytes of a member: more can not be written in the eleven octal digits of its header.
    static let member: UInt64 = 1 << 33 - 1
    /// Bytes of an index: more than the largest segment can have.
    static let index: UInt64 = 512 << 20
    /// Zeros at the ends of members that are not stored, in all: few bytes fill no disk.
    static let zeros: UInt64 = 4 << 30
    /// Bytes that are read and written at once.
    static let piece = 1 << 20

    /// The most bytes that the file of this name can have; nothing when no bundle has such a file.
    static func bytesMax(of name: String) -> UInt64? {
        guard TarHeader.isName(name) else { return nil }
        if name == LedgerDocument.fileName { return UInt64(LedgerDocument.bytesMax) }
        if name == "rebuilding" || name == "repaired" { return 0 }
        let parts = name.split(separator: "/").map(String.init)
        guard parts.count == 2 else { return nil }
        switch parts[0] {
        case "include": return UInt64(include)
        case LogPath.log: return bytesMax(ofLog: parts[1], isArchive: false)
        case LogPath.archive: return bytesMax(ofLog: parts[1], isArchive: true)
        default:
            let isState =
                parts[0] == "state" || parts[0].hasPrefix("state.kept-")
                || StateSnapshot(parts[0]) != nil
            return isState && parts[1] == "data.mdb" ? member : nil
        }
    }

    private static func bytesMax(ofLog name: String, isArchive: Bool) -> UInt64? {
        if SegmentName(name) != nil || (!isArchive && name.hasPrefix("cut-")) {
            return UInt64(LogLimits.segmentMaximum)
        }
        return isArchive && name.hasSuffix(".idx") ? index : nil
    }

    /// Whether zeros at the end of this file are left out: those that fill a segment of the log.
    static func isTrimmed(_ name: String) -> Bool { name.hasPrefix("\(LogPath.log)/") }
}
