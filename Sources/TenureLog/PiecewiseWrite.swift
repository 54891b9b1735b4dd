// Writing much to one file while another file of the same device must be synced often.
//
// A device takes one flush after the other: behind a sync of 16 MiB the log's group waited 10 ms.
// So whoever writes much in the background writes a piece, syncs it, and leaves the device to
// others for a while.

import Glibc

/// How a writer of many pieces shares the device with the log.
package enum WritePace {
    /// With a pause after each piece.
    case gentle
    /// Without, for who is waited for.
    case immediate
}

extension DiskFile {
    /// Makes the piece just written durable, then leaves the device to others.
    package func finishPiece(_ pace: WritePace) throws(DiskError) {
        try syncData()
        if pace == .gentle { usleep(LogLimits.pieceMicroseconds) }
    }
}
