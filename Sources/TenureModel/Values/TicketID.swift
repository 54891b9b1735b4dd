// The name of a place in the queue.

/// Names a queued request for ever: the bits of the token that its frame could have given out.
///
/// It encodes the position of the queueing, so that tickets are in the order of asking.
public struct TicketID: Hashable, Comparable, Sendable {
    /// The epoch and position of the frame that queued it, as in a token.
    public let rawValue: UInt64

    /// The ticket with this number.
    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// Orders by queueing.
    public static func < (left: TicketID, right: TicketID) -> Bool {
        left.rawValue < right.rawValue
    }
}
