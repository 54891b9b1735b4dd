// Counts the transactions of one environment, and keeps them out while the map is replaced.
//
//   L1  No transaction is live while the map is replaced or the environment is closed.
//
// One atomic word: the number of live transactions, and two flags above it. Entering costs one
// addition; only who meets a flag looks twice.

internal import Glibc
internal import Synchronization
internal import TenureBase

/// How many transactions of an environment are live, and whether more may begin.
final class LiveTransactions: Sendable {
    private static let remapping = 1 << 61
    private static let closed = 1 << 62

    private let state = Atomic<Int>(0)

    /// Counts one more transaction in; waits while the map is being replaced.
    @inline(__always)
    func enter() {
        let before = state.add(1, ordering: .acquiring).oldValue
        if before >= Self.remapping { enterLater() }
    }

    /// Counts a transaction out.
    @inline(__always)
    func leave() {
        let after = state.subtract(1, ordering: .releasing).newValue
        invariant(after >= 0, "L1: more transactions ended than began")
    }

    /// How many transactions are live.
    var count: Int { state.load(ordering: .acquiring) & (Self.remapping - 1) }

    /// Runs `body` with no transaction live, or returns nil when they do not end in time.
    func whileNoneIsLive(
        _ body: () throws(StoreError) -> Void
    ) throws(StoreError) -> Bool {
        let before = state.bitwiseOr(Self.remapping, ordering: .acquiringAndReleasing).oldValue
        invariant(before < Self.remapping, "L1: the map is replaced by one thread at a time")
        defer { state.bitwiseAnd(~Self.remapping, ordering: .acquiringAndReleasing) }
        for _ in 0..<Self.patience {
            if count == 0 {
                try body()
                return true
            }
            usleep(Self.pause)
        }
        return false
    }

    /// Lets no further transaction begin, ever.
    ///
    /// Answers false when that was so already.
    func close() -> Bool {
        let before = state.bitwiseOr(Self.closed, ordering: .acquiringAndReleasing).oldValue
        if before & Self.closed != 0 { return false }
        invariant(before == 0, "L1: the environment is closed while transactions are live")
        return true
    }

    /// How long a replacement of the map waits for readers: 20,000 pauses of 100 µs, two seconds.
    private static let patience = 20_000
    private static let pause: UInt32 = 100

    private func enterLater() {
        while true {
            let before = state.subtract(1, ordering: .releasing).oldValue
            invariant(before & Self.closed == 0, "L1: the environment is used after its end")
            usleep(Self.pause)
            if state.add(1, ordering: .acquiring).oldValue < Self.remapping { return }
        }
    }
}
