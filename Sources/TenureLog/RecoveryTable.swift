// The decision about the end of the log, as a table over observed facts.
//
// Looked at is the first offset x of a segment at which no valid group starts. Exactly one
// unsynced group is in the file at any time; therefore anything valid behind x is proof that
// what x had was durable, and a torn group can only be the last.
//
//   label  facts                                                   decision
//   T5     the segment can not be read                             stop; never the end of the log
//   T1     zeros from x to the end, in the last segment            clean: go on at x
//          or behind a sealed group
//   T2     a valid group header behind x                           damage: refuse
//   T3     the position expected at x is known to be acknowledged  damage: refuse
//   T4     not the last segment, or sealed                         damage: refuse
//   T6     otherwise                                               torn: keep the bytes, cut, go on
//
// The first row that fits decides. What is left in doubt is damage to exactly the last
// acknowledged group before an idle group was written: it looks like T6, and the report says so.

/// What recovery has seen at the first place without a valid group.
package struct TailFacts: Equatable, Sendable {
    /// The segment could not be read to its end.
    package var isUnreadable = false
    /// Every byte from the place to the end of the segment is zero.
    package var isZeroToEnd = false
    /// A header that belongs to a later group of this segment lies behind the place.
    package var hasGroupBehind = false
    /// The position expected at the place is at or below one known to be acknowledged.
    package var isAcknowledged = false
    /// No other segment follows.
    package var isLastSegment = false
    /// The group before the place seals the segment.
    package var isSealed = false

    /// The facts when nothing has been seen.
    package init() {}
}

/// What recovery decides about the end of a segment.
package enum TailVerdict: String, CaseIterable, Sendable {
    /// Nothing was in flight, or it left no trace.
    case clean = "T1"
    /// Damage, because a later group was written.
    case groupBehind = "T2"
    /// Damage, because the place was acknowledged.
    case acknowledged = "T3"
    /// Damage, because nothing was in flight here.
    case notTheTail = "T4"
    /// The device does not give the bytes.
    case unreadable = "T5"
    /// The group in flight was not stored as a whole.
    case torn = "T6"

    /// The first row of the table that fits the facts.
    package init(_ facts: TailFacts) {
        self =
            if facts.isUnreadable {
                .unreadable
            } else if facts.isZeroToEnd && (facts.isLastSegment || facts.isSealed) {
                .clean
            } else if facts.hasGroupBehind {
                .groupBehind
            } else if facts.isAcknowledged {
                .acknowledged
            } else if !facts.isLastSegment || facts.isSealed {
                .notTheTail
            } else {
                .torn
            }
    }

    /// Whether the log can be opened for writing.
    package var opens: Bool { self == .clean || self == .torn }
}
