// The numbers that name things: positions, times, tokens, leases, sessions, resources.
//
// Each is a type of its own, so that the compiler tells a lease from a session and a position
// from a time. All are plain integers inside and cost nothing.

/// The place of a record in the log: 1, 2, 3 and so on; 0 is before the first.
public typealias Position = UInt64

/// Strictly increasing nanoseconds, stored in every record; the only time that decisions use.
public struct LedgerTime: Hashable, Comparable, Sendable {
    /// Nanoseconds since the ledger was created.
    public let nanoseconds: UInt64

    /// The time that many nanoseconds after the ledger was created.
    public init(nanoseconds: UInt64) {
        self.nanoseconds = nanoseconds
    }

    /// The instant the ledger was created.
    public static let zero = LedgerTime(nanoseconds: 0)

    /// Later than every instant that a ledger reaches; the deadline of what has none.
    public static let never = LedgerTime(nanoseconds: .max)

    /// The time `milliseconds` later, or `never` where that can not be told in 64 bits.
    public func advanced(byMilliseconds milliseconds: UInt64) -> LedgerTime {
        let (delta, overflow) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
        return overflow ? .never : advanced(byNanoseconds: delta)
    }

    /// The time `delta` nanoseconds later, or `never` where that can not be told in 64 bits.
    public func advanced(byNanoseconds delta: UInt64) -> LedgerTime {
        let (sum, overflow) = nanoseconds.addingReportingOverflow(delta)
        return overflow ? .never : LedgerTime(nanoseconds: sum)
    }

    /// Whole milliseconds from `earlier` to this time, rounded down, 0 when it is not later.
    public func milliseconds(since earlier: LedgerTime) -> UInt64 {
        nanoseconds > earlier.nanoseconds ? (nanoseconds - earlier.nanoseconds) / 1_000_000 : 0
    }

    /// Orders by time.
    public static func < (left: LedgerTime, right: LedgerTime) -> Bool {
        left.nanoseconds < right.nanoseconds
    }
}

/// A fencing token: the epoch in the high 16 bits, the log position of its frame in the low 48.
///
/// Tokens strictly increase over the life of a ledger (I4).
public struct Token: Hashable, Comparable, Sendable {
    /// Both parts in one integer; never 0, the highest bit never set.
    public let rawValue: UInt64

    /// The token with these bits.
    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// The token that a frame at `position` gives out in `epoch`.
    package init(epoch: UInt16, position: Position) {
        rawValue = UInt64(epoch) << 48 | position
    }

    /// Raised only when acknowledged history may be missing; from 1.
    public var epoch: UInt16 { UInt16(truncatingIfNeeded: rawValue >> 48) }

    /// The log position of the frame that gave this token.
    public var position: Position { rawValue & 0xffff_ffff_ffff }

    /// Orders by age.
    public static func < (left: Token, right: Token) -> Bool { left.rawValue < right.rawValue }
}

/// Names a lease or a reservation for ever: the first token it was granted with.
///
/// Because it encodes the position of its grant, an absent row with an id not above the last
/// token is known to have ended, without tombstones.
public struct LeaseID: Hashable, Comparable, Sendable {
    /// The bits of the token of the grant.
    public let rawValue: UInt64

    /// The lease with this number.
    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// Orders by grant.
    public static func < (left: LeaseID, right: LeaseID) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// Names a session for ever: the token it was opened with.
public struct SessionID: Hashable, Comparable, Sendable {
    /// The bits of the token of the opening.
    public let rawValue: UInt64

    /// The session with this number.
    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// Orders by opening.
    public static func < (left: SessionID, right: SessionID) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// The ledger's own number for a resource, given once and never used again.
public struct ResourceID: Hashable, Comparable, Sendable {
    /// From 1, in the order of declaration.
    public let rawValue: UInt32

    /// The resource with this number.
    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// Orders by declaration.
    public static func < (left: ResourceID, right: ResourceID) -> Bool {
        left.rawValue < right.rawValue
    }
}
