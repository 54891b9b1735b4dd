// What came of a replay.

package import TenureModel

/// What one run did.
package struct ReplayOutcome: Sendable {
    /// Requests that were granted.
    package var granted = 0
    /// Those of them that had waited.
    package var grantedAfterWaiting = 0
    /// How long these had waited, in seconds of the trace.
    package var waited: [UInt64] = []
    /// Requests that were refused, by code: how many, and the first sentence of each.
    package var refused: [RefusalCode: (count: Int, first: String)] = [:]
    /// Leases that were released.
    package var released = 0
    /// How often the ledger was dropped and opened again.
    package var crashes = 0
    /// The time spent in the ledger, without opening it.
    package var elapsed = Duration.zero
    /// What a request waited for its answer, where it was answered at once.
    package var acquires = Latencies()
    /// What a release waited for its answer.
    package var releases = Latencies()
    /// The use of each kind over the trace.
    package var use = UseOverTime()
    /// Devices that were free while somebody waited for one, averaged over time.
    package var idle = IdleWhileWanted()
    /// Of who got what where.
    package var decisions = DecisionDigest()
    /// Of the ledger at the end.
    package var state = ""
    /// What the ledger says of itself at the end.
    package var figures = Document.null
    /// Bytes of records written.
    package var logBytes: UInt64 = 0

    /// Refusals that are no answer to what was asked: malformed, too much at once, not known.
    package var errors: Int {
        [RefusalCode.malformed, .busy, .unknown].reduce(0) { $0 + (refused[$1]?.count ?? 0) }
    }

    /// Everything that was asked of the ledger.
    package var operations: Int {
        granted + released + refused.values.reduce(0) { $0 + $1.count }
    }
}

/// FNV-1a over decisions; finds differences, withstands no forger.
package struct DecisionDigest: Hashable, Sendable {
    private var state: UInt64 = 0xcbf2_9ce4_8422_2325

    /// The digest of nothing.
    package init() {}

    /// One more decision.
    package mutating func add(_ decision: String) {
        for byte in decision.utf8 { step(byte) }
        step(0)
    }

    private mutating func step(_ byte: UInt8) {
        state = (state ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
    }

    /// Sixteen hexadecimal digits.
    package var text: String {
        let digits = String(state, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
