// What is planned ahead in a day: bookings, windows, moves, and revocations of many.
//
// Each is asked alone, when nothing else is to be done, so that what it does can be told.
// CampaignDay+PlanChecks.swift has what is held against it.

import TenureLog
import TenureModel
import TenureSimulation
import TenureTesting

@testable import Tenure
@testable import TenureModel

extension CampaignDay {
    private static let minute: UInt64 = 60_000

    /// A move whose holder has both places.
    struct Move {
        let lease: LeaseID
        /// What the lease gives back when the work has moved.
        let old: [Part]
        /// What it gives back when the holder thinks better of it.
        let new: [Part]
        /// What the lease had before, by resource.
        let before: [String: UInt64]
        /// What it has in between.
        let grown: [String: UInt64]
    }

    /// Plans something, or does what was planned.
    mutating func plan() throws {
        let plans = terms.plans
        var sorts: [(inout CampaignDay) throws -> Void] = []
        if plans.hasBookings { sorts += [{ try $0.book() }, { try $0.book() }] }
        if plans.hasWindows { sorts.append { try $0.planDrain() } }
        if plans.hasMoves { sorts += [{ try $0.move() }, { try $0.move() }] }
        if plans.hasRevocations, planner.chance(30) { sorts.append { try $0.revokeMany() } }
        guard !sorts.isEmpty else { return }
        try sorts[Int.random(in: 0..<sorts.count, using: &planner)](&self)
    }

    private mutating func number(_ range: ClosedRange<UInt64>) -> UInt64 {
        UInt64.random(in: range, using: &planner)
    }

    private mutating func among<Value>(_ values: [Value]) -> Value {
        values[Int.random(in: 0..<values.count, using: &planner)]
    }

    // MARK: Bookings

    private mutating func book() throws {
        if planner.chance(20), let id = booked.randomElement(using: &planner) {
            _ = try work([.cancelBooking(id)])
            return
        }
        asked += 1
        var amounts = [ClaimAmount(kind: .cpu, amount: number(1...6) * 1_000)]
        if planner.chance(60) {
            let gpu = ClaimAmount(kind: .gpu, amount: among([500, 1_000, 2_000]))
            amounts = planner.chance(50) ? [gpu] : amounts + [gpu]
        }
        var request = AcquireRequest(
            pool: among(CampaignTerms.pools),
            claims: [Claim(places: planner.chance(20) ? 2 : 1, amounts: amounts)]
        )
        request.tenant = among(CampaignTerms.tenants)
        request.holder = "b\(asked)"
        request.priority = among(Priority.allCases)
        if planner.chance(30) { request.requestID = "b\(asked)" }
        if planner.chance(15) { request.selector = [Label(name: "model", value: "y")] }
        var start = number(Self.minute...(planner.chance(70) ? 60 : 240) * Self.minute)
        if planner.chance(40), let other = try promised() {
            (request.pool, request.claims, request.selector) = (other.pool, other.claims, [])
            start = other.milliseconds + number(1...terms.life)
        }
        let booking = BookingRequest(
            request,
            startMilliseconds: start,
            lengthMilliseconds: number(Self.minute...terms.life)
        )
        let dates = try promisedDates()
        _ = try work([.book(booking)])
        try checkKept(dates, after: "BOOK")
    }

    /// What is promised to somebody who waits, and in how long.
    private mutating func promised() throws -> (
        pool: String, claims: [Claim], milliseconds: UInt64
    )? {
        let core = try scene.core
        let pool = among(CampaignTerms.pools)
        for (head, promise) in try core.promises(in: pool) {
            guard let date = promise?.date else { continue }
            return (pool, head.request.claims, date.milliseconds(since: core.now))
        }
        return nil
    }

    // MARK: Drains

    private mutating func planDrain() throws {
        switch number(0...9) {
        case 0...4:
            let length = number(Self.minute...terms.life)
            var request = WindowRequest(
                .node(among(CampaignTerms.nodes)),
                startMilliseconds: number(Self.minute...120 * Self.minute),
                lengthMilliseconds: length
            )
            if planner.chance(70) { request.subject = .resource(try someResource()) }
            if planner.chance(50) { request.byMilliseconds = number(1...(length - 1)) }
            _ = try work([.planWindow(request)])
        case 5:
            guard let id = windows.randomElement(using: &planner) else { return }
            _ = try work([.cancelWindow(id)])
        case 6...7:
            var request = NodeRequest(node: among(CampaignTerms.nodes), state: .draining)
            if planner.chance(50) { request.pool = among(CampaignTerms.pools) }
            request.byMilliseconds = number(1...terms.life)
            _ = try work([.setNodeState(request)])
            tally.hit(.nodeDrained)
        default:
            let requests = CampaignTerms.nodes.map { NodeRequest(node: $0, state: .active) }
            _ = try work(requests.map { .setNodeState($0) })
        }
    }

    /// The name of a resource, now and then of one that is booked.
    private mutating func someResource() throws -> String {
        let state = try scene.core.state
        let booking = state.bookings.inOrder.randomElement(using: &planner)
        if planner.chance(60), let id = booking?.placements.first?.resource,
            let resource = state.resource(id)
        {
            return resource.name
        }
        return "\(among(CampaignTerms.pools))-\(among(CampaignTerms.nodes))-gpu"
    }

    // MARK: Revocations

    private mutating func revokeMany() throws {
        asked += 1
        var request = RevokeRequest(reason: "all of them, \(asked)")
        switch number(0...4) {
        case 0: request.filter.tenant = among(CampaignTerms.tenants)
        case 1: request.filter.holder = try someHolder()
        case 2: request.node = among(CampaignTerms.nodes)
        case 3: request.tags = [Label(name: "app", value: among(["a", "b", "a|b"]))]
        default: request.filter.pool = among(CampaignTerms.pools)
        }
        if planner.chance(50) { request.filter.pool = among(CampaignTerms.pools) }
        request.isDry = planner.chance(20)
        let meant = request.isDry ? [] : try leases(meantBy: request)
        heard = []
        _ = try work([.revokeAll(request)])
        checkRevoked(meant, by: request)
    }

    private mutating func someHolder() throws -> String {
        let id = held.keys.sorted().randomElement(using: &planner)
        guard let id, let lease = try scene.core.state.lease(id) else { return "nobody" }
        return lease.terms.holder
    }

    // MARK: Moves

    /// Gives one of the two places of a move back, or begins one.
    private mutating func move() throws {
        if let move = moving {
            moving = nil
            return try finish(move)
        }
        let request = OptimizeRequest(pool: among(CampaignTerms.pools), goal: .cost)
        guard case .document(let plan) = try scene.core.ask(.query(.optimize(request))),
            case .list(let items)? = plan["items"], case .id(let version)? = plan["version"],
            let item = items.randomElement(using: &planner), let told = ToldMove(item),
            let lease = held[told.lease]?.grant
        else { return }
        var growth = GrowRequest(claims: told.claims)
        growth.node = told.node
        growth.plan = version
        let dates = try promisedDates()
        let isAlone = try scene.core.waiting.isEmpty && !scene.core.hasBookings
        let before = try placements(of: told.lease)
        let number = try work([.grow(lease.reference, growth)])
        guard let number = number.first, case .grant = scene.answers[number] else {
            tally.hit(.moveHeldBack)
            // Nobody is there for whom it could be held back.
            if isAlone { fault("O2: a move can not be made: \(told)") }
            return
        }
        tally.hit(.moveBegun)
        try checkFirstKept(dates, after: "a move")
        try checkGrown(told, before)
        moving = Move(
            lease: told.lease,
            old: told.old,
            new: told.places.map { Part(resource: $0.key, quantity: "\($0.value)m") },
            before: before,
            grown: before.merging(told.places, uniquingKeysWith: +)
        )
    }

    private mutating func finish(_ move: Move) throws {
        guard let grant = held[move.lease]?.grant else { return }
        let isMade = planner.chance(80)
        let now = try placements(of: move.lease)
        let number = try work([
            .release(grant.reference, parts: isMade ? move.old : move.new)
        ])
        guard let number = number.first, case .ended = scene.answers[number] else { return }
        tally.hit(isMade ? .moveMade : .moveGivenUp)
        try checkFinished(move, isMade: isMade, from: now, by: grant.reference)
    }
}

/// A move as a plan tells it.
struct ToldMove {
    let lease: LeaseID
    let node: String
    let claims: [Claim]
    /// What is given back behind it.
    let old: [Part]
    /// What the lease gets, by resource.
    let places: [String: UInt64]

    init?(_ item: Document) {
        guard case .id(let lease)? = item["lease"], case .string(let node)? = item["to"],
            case .string(let claims)? = item["claims"], case .string(let parts)? = item["parts"],
            case .list(let placements)? = item["placements"]
        else { return nil }
        self.lease = LeaseID(rawValue: lease)
        self.node = node
        self.claims = claims.split(separator: "+").map { Self.claim(String($0)) }
        old = parts.split(separator: ",").map { part in
            let words = part.split(separator: "=").map(String.init)
            return Part(resource: words[0], quantity: words[1])
        }
        var places: [String: UInt64] = [:]
        for placement in placements {
            guard case .string(let resource)? = placement["resource"],
                case .integer(let amount)? = placement["amount"]
            else { return nil }
            places[resource, default: 0] += UInt64(amount)
        }
        self.places = places
    }

    private static func claim(_ text: String) -> Claim {
        let words = text.split(separator: "*")
        let amounts = words[words.count - 1].split(separator: ",").compactMap { part in
            let words = part.split(separator: "=").map(String.init)
            return Kind(words[0]).flatMap { kind in
                (try? Quantity.parse(words[1], kind: kind)).map {
                    ClaimAmount(kind: kind, amount: $0)
                }
            }
        }
        return Claim(places: words.count > 1 ? Int(words[0]) ?? 1 : 1, amounts: amounts)
    }
}
