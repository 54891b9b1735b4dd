// What is asked of a plan of moves, and how a holder consents to be in one.

/// Asks which leases of a pool would better be elsewhere.
public struct OptimizeRequest: Hashable, Sendable {
    /// What is to become less.
    public enum Goal: String, CaseIterable, Hashable, Sendable {
        /// What is free of devices and of no use to the requests that the pool has learnt.
        case fragmentation
        /// What all that is taken costs for an hour.
        case cost
    }

    /// The pool.
    public var pool: String
    /// What is to become less.
    public var goal: Goal
    /// At most so many moves, from 1 to `Limits.moves`.
    public var moves: Int
    /// Where the leases that a plan before looked at ended: its `cursor`.
    public var after: String?
    /// Whether the holders are told of their moves.
    public var isOffered = false
    /// What is free but promised to those who wait.
    package var withheld: [ResourceID: UInt64] = [:]

    /// A request for a plan of moves in `pool`.
    public init(
        pool: String,
        goal: Goal = .fragmentation,
        moves: Int = 10,
        after: String? = nil
    ) {
        self.pool = pool
        self.goal = goal
        self.moves = moves
        self.after = after
    }
}

/// What a holder agreed to with the tag `movable` of its lease.
enum Consent {
    /// To be asked to move to places that have the same labels.
    case alike
    /// To be asked to move anywhere in the pool.
    case anywhere

    /// What the tags of a lease say; nothing without consent.
    init?(_ tags: [Label]) {
        switch tags.first(where: { $0.name == "movable" })?.value {
        case "true": self = .alike
        case "any": self = .anywhere
        default: return nil
        }
    }
}

extension [Claim] {
    /// The claims as one argument of a command.
    package var text: String {
        map { claim in
            let amounts = claim.amounts.map { part in
                "\(part.kind.name)=\(Quantity.text(part.amount, kind: part.kind))"
                    + (part.most.map { "..\(Quantity.text($0, kind: part.kind))" } ?? "")
            }
            return (claim.places == 1 ? "" : "\(claim.places)*") + amounts.joined(separator: ",")
        }.joined(separator: "+")
    }
}
