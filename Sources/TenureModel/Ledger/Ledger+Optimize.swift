// Proposing moves: what would be better elsewhere, said to who may do it. Nothing moves here.
//
//   O2  Every move of a plan can be made as it stands: its GROW with the version of the plan gets
//       what the plan told, or is refused.
//   O3  When all moves of a plan are made and nothing else has changed, the measure of the pool is
//       what the plan told.
//
// A lease moves in two steps of its holder: GROW takes the new place while the work still runs in
// the old one, RELEASE gives the old one back when it does not any more. In between the lease holds
// both; whoever guards the new place sees the token of the growth.

extension LedgerState {
    mutating func optimize(
        _ request: OptimizeRequest,
        now: LedgerTime
    ) throws(RowFault) -> Decision {
        guard let slot = pools.index(forKey: request.pool) else {
            return Decision(.refused(noPool(request.pool)))
        }
        if let refusal = optimizeRefusal(request, poolAt: slot, now: now) {
            return Decision(.refused(refusal))
        }
        var after: LeaseID?
        switch Self.id(after: request.after, of: "plan") {
        case .success(let id): after = id.map { LeaseID(rawValue: $0) }
        case .failure(let refusal): return Decision(.refused(refusal))
        }
        // Numbers models, if it was not done yet, as a placement does.
        if request.goal == .fragmentation { prepareScores(slot) }
        let policy = pools.values[slot].pool.policy
        var search = MoveSearch(
            request,
            in: pools.values[slot].index,
            of: resources,
            learnt: policy
        )
        let (count, cursor) = try addMovable(to: &search, request, after: after, now: now)
        search.compare()
        let before = search.measure()
        let moves = try plan(&search, request, now: now)
        let gain = moves.reduce(0) { $0 + $1.gain }
        return shown(
            .map([
                .init("pool", .string(request.pool)), .init("goal", .string(request.goal.rawValue)),
                .init("before", .measure(before)), .init("after", .measure(before - gain)),
                .init("items", .list(moves.map { document(of: $0, poolAt: slot) })),
                .init("version", .id(facts.position)),
                .init("learntVersion", .count(UInt64(policy?.version ?? 0))),
                .init("leases", .count(count)), .init("cut", .bool(search.isCut)),
                .init("cursor", .optional(cursor.map { "\($0.rawValue)" })),
            ])
        )
    }

    private func optimizeRefusal(
        _ request: OptimizeRequest,
        poolAt slot: Int,
        now: LedgerTime
    ) -> Refusal? {
        guard (1...Limits.moves).contains(request.moves) else {
            return Refusal(.malformed, "MOVES \(request.moves) is not from 1 to \(Limits.moves)")
        }
        if request.goal == .fragmentation, !pools.values[slot].index.sharesDevices {
            return Refusal(
                .malformed,
                "pool \(request.pool) has no GPUs, one resource each, in at most "
                    + "\(DeviceScores.placesMax) places, by which fragmentation is measured; say "
                    + "FOR cost"
            )
        }
        return circuitRefusal(of: request.pool, now: now)
    }

    /// Adds the leases whose holders consent and which can grow at all; how many, and where to go
    /// on.
    private func addMovable(
        to search: inout MoveSearch,
        _ request: OptimizeRequest,
        after: LeaseID?,
        now: LedgerTime
    ) throws(RowFault) -> (count: Int, cursor: LeaseID?) {
        var rows = MergedLeases(state: leases, source: source, after: after)
        var last = after
        var count = 0
        for _ in 0..<Limits.pageScan {
            guard let lease = try rows.next() else { return (count, nil) }
            last = lease.id
            guard lease.terms.pool == request.pool, let consent = Consent(lease.terms.tags),
                lease.state == .held, lease.parent == nil, lease.subleases.isEmpty,
                growthRefusal(lease) == nil, try end(of: lease) > now
            else { continue }
            search.add(lease, consent)
            count += 1
        }
        return (count, last)
    }

    /// The moves that gain most and whose growth would be granted now (O2).
    private mutating func plan(
        _ search: inout MoveSearch,
        _ request: OptimizeRequest,
        now: LedgerTime
    ) throws(RowFault) -> [Move] {
        var moves: [Move] = []
        var tries = 0
        while moves.count < request.moves, let move = search.best() {
            guard tries < Limits.moves + request.moves else {
                search.isCut = true
                break
            }
            tries += 1
            guard let placements = try growth(by: move, request.withheld, now: now) else {
                search.ruleOut(move)
                continue
            }
            // What is left to others may be theirs no more when the holder moves.
            let alone =
                request.withheld.isEmpty ? placements : try growth(by: move, [:], now: now)
            if placements == move.placements.byResource, placements == alone {
                search.take(move)
                moves.append(move)
            } else {
                search.passOver(move)
            }
        }
        return moves
    }

    /// What the lease would get by growing as the move says; nothing when that is refused.
    private mutating func growth(
        by move: Move,
        _ withheld: [ResourceID: UInt64],
        now: LedgerTime
    ) throws(RowFault) -> [ResourceID: UInt64]? {
        guard let slot = pools.index(forKey: move.lease.terms.pool) else { return nil }
        var growth = GrowRequest(claims: move.claims)
        growth.node = pools.values[slot].index.places[move.to].name
        growth.withheld = withheld
        let reference = LeaseReference(lease: move.lease.id, token: move.lease.token)
        guard case .grown(let record)? = try grow(reference, growth, now: now).events.first else {
            return nil
        }
        return record.added.byResource
    }

    private func document(of move: Move, poolAt slot: Int) -> Document {
        let places = pools.values[slot].index.places
        let parts = views(of: move.parts)
        return .map([
            .init("lease", .id(move.lease.id.rawValue)),
            .init("tenant", .string(move.lease.terms.tenant)),
            .init("holder", .string(move.lease.terms.holder)),
            .init("from", .string(places[move.from].name)),
            .init("to", .string(places[move.to].name)),
            .init("gain", .measure(move.gain)),
            .init("claims", .string(move.claims.text)),
            .init(
                "parts",
                .string(
                    parts.map { "\($0.resource)=\(Quantity.text($0.amount, kind: $0.kind))" }
                        .joined(separator: ",")
                )
            ),
            .init("placements", .list(views(of: move.placements).map(\.document))),
        ])
    }
}

extension Document {
    /// A measure, as large as it gets where an integer can not tell it.
    fileprivate static func measure(_ value: Int128) -> Document {
        .integer(Int64(clamping: value))
    }
}
