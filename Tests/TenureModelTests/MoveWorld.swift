// Plans of moves in a test: asked for, read, and made by the holders.

import TenureModel
import Testing

/// A plan as its answer tells it.
struct TestedPlan: Equatable {
    /// One move.
    struct Move: Equatable {
        let lease: LeaseID
        let from: String
        let to: String
        let gain: Int64
        let claims: String
        let parts: String
        let placements: [String]
    }

    let before: Int64
    let after: Int64
    let moves: [Move]
    let version: Position
    let leases: Int64
    let isCut: Bool

    /// The tag of consent to places that are alike.
    static let movable = [Label(name: "movable", value: "true")]

    init?(_ answer: Document) {
        guard let before = answer["before"]?.asInteger, let after = answer["after"]?.asInteger,
            case .id(let version)? = answer["version"], let leases = answer["leases"]?.asInteger,
            case .bool(let isCut)? = answer["cut"]
        else { return nil }
        (self.before, self.after, self.version) = (before, after, version)
        (self.leases, self.isCut) = (leases, isCut)
        moves = answer.items.compactMap(Move.init)
    }
}

extension TestedPlan.Move {
    init?(_ item: Document) {
        guard case .id(let lease)? = item["lease"], let from = item["from"]?.asString,
            let to = item["to"]?.asString, let gain = item["gain"]?.asInteger,
            let claims = item["claims"]?.asString, let parts = item["parts"]?.asString,
            case .list(let placements)? = item["placements"]
        else { return nil }
        self.lease = LeaseID(rawValue: lease)
        (self.from, self.to, self.gain) = (from, to, gain)
        (self.claims, self.parts) = (claims, parts)
        self.placements = placements.map { part in
            "\(part["resource"]?.asString ?? "")=\(part["amount"]?.asInteger ?? 0)"
        }
    }

    /// What the holder says to take the new place.
    func growth(_ version: Position?) throws -> GrowRequest {
        let claims = try claims.split(separator: "+").map { claim in
            Claim(
                amounts: try claim.split(separator: ",").map { pair in
                    let words = pair.split(separator: "=").map(String.init)
                    let kind = try #require(Kind(words[0]))
                    return ClaimAmount(
                        kind: kind,
                        amount: try Quantity.parse(words[1], kind: kind)
                    )
                }
            )
        }
        var request = GrowRequest(claims: claims)
        request.node = to
        request.plan = version
        return request
    }

    /// What the holder says to give the old one back.
    var leaving: [Part] {
        parts.split(separator: ",").map { pair in
            let words = pair.split(separator: "=").map(String.init)
            return Part(resource: words[0], quantity: words[1])
        }
    }
}

extension World {
    /// Lets the pool learn that these are what is asked for, each as often as the others.
    @discardableResult
    mutating func learn(
        _ requests: [AcquireRequest],
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> LearntPolicy {
        for index in 0..<60 { state.note(requests[index % requests.count]) }
        let learning = state.takeLearning()
        let task = try #require(learning, sourceLocation: sourceLocation)
        let policy = task.learn()
        try ask(.housekeeping(.learnt(pool: task.pool, policy)))
        return policy
    }

    /// A plan for one pool.
    mutating func plan(
        pool: String = "pool",
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> TestedPlan {
        try plan(OptimizeRequest(pool: pool), sourceLocation: sourceLocation)
    }

    /// A plan; asking for it changes nothing.
    mutating func plan(
        _ request: OptimizeRequest,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> TestedPlan {
        let before = state.position
        let answer = try read(.optimize(request), sourceLocation: sourceLocation)
        #expect(state.position == before, sourceLocation: sourceLocation)
        return try #require(TestedPlan(answer), "\(answer)", sourceLocation: sourceLocation)
    }

    /// Makes a move as its holder would; returns the lease as it grew.
    ///
    /// O2: what it grows by is what the plan told.
    mutating func make(
        _ move: TestedPlan.Move,
        of lease: Grant,
        _ version: Position,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Grant {
        let growth = try move.growth(version)
        let answer = try ask(.grow(lease.reference, growth), sourceLocation: sourceLocation)
        let grown = try #require(answer.asGrant, "\(answer)", sourceLocation: sourceLocation)
        let added = grown.parts.filter { !lease.parts.contains($0) }
        #expect(added.sorted() == move.placements.sorted(), sourceLocation: sourceLocation)
        let left = try ask(.release(grown.reference, parts: move.leaving))
        #expect(left.ending?.status == .reduced, sourceLocation: sourceLocation)
        return grown
    }
}
