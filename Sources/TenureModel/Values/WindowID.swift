// The name of a planned drain.

/// Names a window for ever: the bits of the token that its frame could have given out.
///
/// It encodes the position of its making, so that windows are in the order of asking.
public struct WindowID: Hashable, Comparable, Sendable {
    /// The epoch and position of the frame that made it, as in a token.
    public let rawValue: UInt64

    /// The window with this number.
    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// Orders by making.
    public static func < (left: WindowID, right: WindowID) -> Bool {
        left.rawValue < right.rawValue
    }
}
