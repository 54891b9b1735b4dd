// What clients make the daemon hold: requests that are not whole, and answers that are not read.
//
//   B1  While all connections together hold more than `ServerLimits.heldBytes`, nothing more is
//       read from one that holds more than `heldBytesKept`, and nothing more of it is decoded while
//       that much of its answers waits: the daemon is bounded, and who holds little is served as
//       before.
//   B2  As long as that is so, those of them whose clients do not move are closed, the largest
//       first.
//   B3  A connection whose client takes nothing of its answers for `ServerLimits.stalledTime` is
//       closed at any time. One that has nothing to take stays as long as it likes.

internal import Logging
internal import NIOCore
internal import Synchronization

/// What all connections of the daemon hold.
final class HeldBytes: Sendable {
    private let count = Atomic<Int>(0)
    /// Past it, who holds much is not read any more.
    let limit: Int

    init(limit: Int = ServerLimits.heldBytes) {
        self.limit = limit
    }

    /// How many bytes that is too many; negative where there is room.
    var excess: Int { count.load(ordering: .relaxed) - limit }

    /// Adds what a connection holds more than it did.
    func change(by difference: Int) {
        count.add(difference, ordering: .relaxed)
    }
}

/// What one connection holds, and since when its client has not moved.
struct Holding {
    /// What it holds, as of the last count.
    private(set) var bytes = 0
    /// What of that is in the sum of all connections.
    private var summed = 0
    /// Bytes that were ever handed to the channel.
    private var written = 0
    /// Those that the kernel had not taken of them, at the most.
    private(set) var unread = 0
    /// The same when the client was looked at last, and what it had taken then.
    private var last = (unread: 0, taken: 0)
    /// Since when the client has taken nothing, or had nothing to take.
    private var since = NIODeadline.now()

    /// So many bytes were handed to the channel.
    mutating func noteWritten(_ count: Int) {
        written += count
        unread += count
    }

    /// So many bytes of those wait in the channel.
    mutating func noteUnread(_ count: Int) {
        unread = count
    }

    /// Counts what is held beside the channel's; the sum of all is told of what is worth it.
    mutating func count(_ others: Int, exactly: Bool, in held: HeldBytes) {
        bytes = others + unread
        guard exactly || abs(bytes - summed) >= ServerLimits.heldBytesStep else { return }
        if bytes != summed { held.change(by: bytes - summed) }
        summed = bytes
    }

    /// Looks whether the client has taken something since the last look.
    ///
    /// With TLS more bytes wait than were written; what is written meanwhile then looks like the
    /// opposite of something taken, which the next look makes good.
    mutating func look(at now: NIODeadline) {
        let taken = written - unread
        if unread == 0 || unread < last.unread || taken > last.taken { since = now }
        last = (unread, taken)
    }

    /// Whether the client has taken nothing for that long, though there was something to take.
    func isStalled(for time: TimeAmount, at now: NIODeadline) -> Bool {
        unread > 0 && now > since + time
    }
}

extension Connection {
    /// Whether it holds so much that it is not read while there is too much in all (B1).
    var isPressed: Bool {
        holding.bytes > ServerLimits.heldBytesKept && hub.held.excess > 0
    }

    /// Whether its client has so much to read that nothing more is answered meanwhile (B1).
    var isChoked: Bool {
        isPressed
            && holding.unread + slots.heldBytes + output.readableBytes > ServerLimits.heldBytesKept
    }

    /// Counts what it holds now.
    ///
    /// The channel is asked only where it may have much, or `exactly` is: that costs more than most
    /// answers.
    func countHeld(exactly: Bool = false) {
        guard isAdmitted else { return }
        if exactly || holding.unread > ServerLimits.heldBytesKept { askChannel() }
        let arrived = input.readableBytes > 0 ? input.storageCapacity : 0
        let others = arrived + output.readableBytes + slots.heldBytes
        holding.count(others, exactly: exactly, in: hub.held)
    }

    private func askChannel() {
        guard let options = context?.channel.syncOptions,
            let unread = try? options.getOption(.bufferedWritableBytes)
        else { return }
        holding.noteUnread(unread)
    }

    /// It is over, and holds nothing.
    func releaseHeld() {
        input = ByteBuffer()
        output = ByteBuffer()
        holding.noteUnread(0)
        holding.count(0, exactly: true, in: hub.held)
    }

    /// Ends it when its client has not taken any of its answers for too long (B3).
    func sweepHeld(at now: NIODeadline) {
        countHeld(exactly: true)
        holding.look(at: now)
        switch phase {
        case .open, .finishing:
            guard holding.isStalled(for: ServerLimits.stalledTime, at: now) else { return }
            warn("closed a connection that does not read its answers")
            abort()
        case .new, .lingering, .closed: break
        }
    }

    /// Whether it can be closed to make room (B2).
    func isExpendable(at now: NIODeadline) -> Bool {
        guard holding.bytes > ServerLimits.heldBytesKept else { return false }
        let time = ServerLimits.stalledTimeInNeed
        return holding.isStalled(for: time, at: now)
            || requestBegan.map { now > $0 + time } ?? false
    }
}

extension LoopState {
    /// Closes those that hold most and do not move, until there is room (B2).
    func makeRoom(_ connections: some Collection<Connection>, at now: NIODeadline) {
        guard let held = connections.first?.hub.held, held.excess > 0 else { return }
        var excess = held.excess
        let expendable = connections.filter { $0.isExpendable(at: now) }
        for connection in expendable.sorted(by: { $0.holding.bytes > $1.holding.bytes }) {
            if excess <= 0 { return }
            excess -= connection.holding.bytes
            connection.warn(
                "closed a connection to make room: it holds much and does not read or send",
                ["bytes": "\(connection.holding.bytes)"]
            )
            connection.abort()
        }
    }
}
