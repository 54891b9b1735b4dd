// How many wrong secrets there were of late: in all, for each account and from each address.
//
// Three bounds, so that nobody keeps many others out for little: who guesses closes his own address
// first, then the account, and only many together close the door for all.

/// Counts wrong secrets.
struct FailureWindows {
    /// Which bound is reached.
    enum Bound: Sendable {
        /// That of the address.
        case peer
        /// That of the account.
        case account
        /// That of all.
        case all
    }

    private struct Window {
        var count = 0
        /// When it began, in seconds of the monotonic clock.
        var since: Int64

        func isOver(at now: Int64) -> Bool {
            now - ServerLimits.failureWindowSeconds >= since
        }
    }

    private var all: Window?
    /// As many at the most as `all` counts in its window.
    private var accounts: [String: Window] = [:]
    private var peers: [PeerAddress: Window] = [:]

    /// The bound that an attempt would go past, the narrowest first.
    func bound(_ account: String, _ peer: PeerAddress, at now: Int64) -> Bound? {
        func isFull(_ window: Window?, _ limit: Int) -> Bool {
            window.map { !$0.isOver(at: now) && $0.count >= limit } ?? false
        }
        if isFull(peers[counted(peer)], ServerLimits.failuresPerPeer) { return .peer }
        if isFull(accounts[account], ServerLimits.failuresPerAccount) { return .account }
        return isFull(all, ServerLimits.failuresPerWindow) ? .all : nil
    }

    /// Counts a wrong secret.
    mutating func note(_ account: String, _ peer: PeerAddress, at now: Int64) {
        notePeer(peer, at: now)
        Self.note(&all, at: now)
        if accounts.count >= ServerLimits.failuresPerWindow {
            accounts = accounts.filter { !$0.value.isOver(at: now) }
        }
        Self.note(&accounts[account], at: now)
    }

    /// Counts one that was not looked at, because another bound than its address's is reached.
    mutating func notePeer(_ peer: PeerAddress, at now: Int64) {
        if peers.count >= ServerLimits.failingPeers {
            peers = peers.filter { !$0.value.isOver(at: now) }
        }
        Self.note(&peers[counted(peer)], at: now)
    }

    /// As which an address is counted where there are too many.
    private func counted(_ peer: PeerAddress) -> PeerAddress {
        peers.count < ServerLimits.failingPeers || peers[peer] != nil ? peer : .unknown
    }

    private static func note(_ window: inout Window?, at now: Int64) {
        if window?.isOver(at: now) ?? true { window = Window(since: now) }
        window?.count += 1
    }
}
