// A ledger in a test: a state, its rows, a clock that the test moves, and the log of its events.
//
// Every command is decided and applied as the engine would, and after every step the invariants
// are recomputed from the rows: I2, I3, and that tokens strictly increase (I4).

import TenureModel
import Testing

/// A ledger whose time stands still until a test moves it.
struct World {
    /// One frame of the log.
    struct Frame: Equatable {
        let events: [Event]
        let time: LedgerTime
    }

    var state: LedgerState
    private(set) var now = LedgerTime(nanoseconds: 1_000_000_000)
    private(set) var log: [Frame] = []
    let rows: MemoryRows
    /// The version of the policy that grants are recorded with; the current one where it is `nil`.
    var policy: UInt16?
    private var lastToken = Token(rawValue: 0)
    /// Whether the invariants are recomputed after every step: O(leases).
    var checksEveryStep = true

    /// An empty ledger, or one with facts that would take long to come by.
    init(facts: LedgerFacts = LedgerFacts()) {
        rows = MemoryRows()
        rows.content.facts = facts
        state = LedgerState(resident: rows.content.resident, rows: rows)
    }

    /// Asks one thing and returns the answer.
    @discardableResult
    mutating func ask(
        _ command: Command,
        as caller: Caller = Caller(uid: 1000, isAdmin: false, generatedHolder: "made"),
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Answer {
        let before = state.position
        var decision = try state.decide(command, caller: caller, now: now)
        if let policy { decision.events = decision.events.map { $0.decided(underPolicy: policy) } }
        #expect(
            state.position == before,
            "M3: deciding moved the ledger",
            sourceLocation: sourceLocation
        )
        if case .acquire(let request) = command { state.note(request) }
        guard !decision.events.isEmpty else { return decision.answer }
        now = now.advanced(byNanoseconds: 1)
        // A frame has the time at which it was decided; the next one has a later one.
        let frame = Frame(
            events: decision.events,
            time: LedgerTime(nanoseconds: now.nanoseconds - 1)
        )
        log.append(frame)
        try state.apply(frame.events, at: before + 1, time: frame.time)
        noteToken(decision.answer, sourceLocation)
        if checksEveryStep {
            let fault = try state.invariantFault()
            #expect(fault == nil, sourceLocation: sourceLocation)
        }
        return decision.answer
    }

    private mutating func noteToken(_ answer: Answer, _ sourceLocation: SourceLocation) {
        let token: Token
        switch answer {
        case .grant(let grant) where !grant.replayed && grant.status != .planned:
            // A commit keeps the token of the reservation.
            if grant.token.position != state.position { return }
            token = grant.token
        case .session(let view):
            if view.token.position != state.position { return }
            token = view.token
        default: return
        }
        #expect(token > lastToken, "I4: tokens strictly increase", sourceLocation: sourceLocation)
        lastToken = token
    }

    /// Lets time pass.
    mutating func pass(milliseconds: UInt64 = 0, nanoseconds: UInt64 = 0) {
        now = now.advanced(byMilliseconds: milliseconds).advanced(byNanoseconds: nanoseconds)
    }

    /// Moves the clock to an instant, which must not be in the past.
    mutating func reach(_ time: LedgerTime) {
        #expect(time >= now, "M2: time only moves on")
        now = max(now, time)
    }

    /// Takes back what is due until nothing is left; returns how many frames it took.
    @discardableResult
    mutating func reclaim(sourceLocation: SourceLocation = #_sourceLocation) throws -> Int {
        let before = log.count
        var position = state.position
        repeat {
            position = state.position
            try ask(.housekeeping(.reclaim), sourceLocation: sourceLocation)
        } while state.position > position
        return log.count - before
    }

    /// Writes everything that changed into the store, as a checkpoint does.
    mutating func checkpoint() {
        rows.content.write(state.freeze())
        state.thaw()
    }

    /// Forgets everything in memory: opens at the last checkpoint and applies the log behind it.
    mutating func restart() throws {
        state = LedgerState(resident: rows.content.resident, rows: rows)
        for position in Int(state.position)..<log.count {
            let frame = log[position]
            try state.apply(frame.events, at: Position(position + 1), time: frame.time)
        }
    }

    /// The rows that a ledger has which was given the whole log at once.
    func replayed() throws -> StoreContent {
        let rows = MemoryRows()
        var fresh = LedgerState(resident: rows.content.resident, rows: rows)
        for (index, frame) in log.enumerated() {
            try fresh.apply(frame.events, at: Position(index + 1), time: frame.time)
        }
        rows.content.write(fresh.freeze())
        return rows.content
    }
}

// Short ways to ask for what most tests need.
extension World {
    /// Declares a pool and makes nothing of a refusal.
    mutating func declarePool(_ name: String = "pool", _ settings: PoolSetting...) throws {
        try ask(.setPool(name: name, settings: settings))
    }

    /// Declares a resource.
    mutating func declare(
        _ name: String,
        _ kind: Kind,
        _ capacity: UInt64,
        node: String? = nil,
        labels: [Label] = [],
        pool: String = "pool"
    ) throws {
        var request = ResourceRequest(
            name: name,
            pool: pool,
            kind: kind,
            capacity: capacity,
            node: node
        )
        request.labels = labels
        try ask(.setResource(request))
    }

    /// A pool of `nodes` hosts with `gpus` devices, 8 CPUs and 64 GiB each.
    static func hosts(_ nodes: Int, gpus: Int = 2, _ settings: PoolSetting...) throws -> World {
        var world = World()
        try world.ask(.setPool(name: "pool", settings: settings))
        for node in 0..<nodes {
            for gpu in 0..<gpus {
                try world.declare("n\(node)-g\(gpu)", .gpu, 1000, node: "n\(node)")
            }
            try world.declare("n\(node)-cpu", .cpu, 8000, node: "n\(node)")
            try world.declare("n\(node)-mem", .memory, 64 << 30, node: "n\(node)")
        }
        return world
    }

    /// A pool with one resource of `units` pieces.
    static func slots(_ units: UInt64, _ settings: PoolSetting...) throws -> World {
        var world = World()
        try world.ask(.setPool(name: "pool", settings: settings))
        try world.declare("slots", .slot, units)
        return world
    }

    /// Asks for a lease and expects a grant.
    mutating func granted(
        _ request: AcquireRequest,
        as caller: Caller = Caller(uid: 1000, isAdmin: false, generatedHolder: "made"),
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Grant {
        let answer = try ask(.acquire(request), as: caller, sourceLocation: sourceLocation)
        return try #require(answer.asGrant, "\(answer)", sourceLocation: sourceLocation)
    }

    /// Opens a session and expects that it is open.
    mutating func opened(
        ttl: UInt64? = nil,
        process: ProcessIdentity? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> SessionReference {
        let request = SessionRequest(ttlMilliseconds: ttl, process: process, holder: "job")
        let answer = try ask(.openSession(request), sourceLocation: sourceLocation)
        guard case .session(let view) = answer else {
            Issue.record("\(answer)", sourceLocation: sourceLocation)
            return SessionReference(session: SessionID(rawValue: 0), token: Token(rawValue: 0))
        }
        return view.reference
    }

    /// The fields of a read.
    mutating func read(
        _ query: Query,
        as caller: Caller = .embedder,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Document {
        let answer = try ask(.query(query), as: caller, sourceLocation: sourceLocation)
        guard case .document(let document) = answer else {
            Issue.record("\(answer)", sourceLocation: sourceLocation)
            return .null
        }
        return document
    }

    /// One count of a resource: `free`, `held`, `reserved`, `quarantined` or `debt`.
    mutating func count(_ field: String, of resource: String = "slots") throws -> Int64? {
        try read(.resource(resource))[field]?.asInteger
    }
}

extension Kind {
    /// A custom kind in whole units.
    static let slot = Kind("slot") ?? .gpu
}

extension AcquireRequest {
    /// A request for `amount` of one kind in one place.
    static func of(
        _ amount: UInt64,
        _ kind: Kind = .slot,
        pool: String = "pool",
        _ change: (inout AcquireRequest) -> Void = { _ in }
    ) -> AcquireRequest {
        let claim = Claim(amounts: [ClaimAmount(kind: kind, amount: amount)])
        var request = AcquireRequest(pool: pool, claims: [claim])
        request.ttlMilliseconds = 1_000
        change(&request)
        return request
    }
}

extension Claim {
    /// A claim written as `[count*]` and pairs.
    static func of(places: Int = 1, _ amounts: (Kind, UInt64)...) -> Claim {
        Claim(places: places, amounts: amounts.map { ClaimAmount(kind: $0.0, amount: $0.1) })
    }
}

extension Answer {
    /// The code when it is a refusal.
    var code: RefusalCode? {
        guard case .refused(let refusal) = self else { return nil }
        return refusal.code
    }

    /// The sentence when it is a refusal.
    var sentence: String {
        guard case .refused(let refusal) = self else { return "" }
        return refusal.message
    }

    /// The grant when it is one.
    var asGrant: Grant? {
        guard case .grant(let grant) = self else { return nil }
        return grant
    }

    /// How something ended when it did.
    var ending: Ending? {
        guard case .ended(let ending) = self else { return nil }
        return ending
    }

    /// The renewal when it is one.
    var renewal: Renewal? {
        guard case .renewed(let renewal) = self else { return nil }
        return renewal
    }
}

extension Grant {
    /// What it holds, as `resource=amount`.
    var parts: [String] { placements.map { "\($0.resource)=\($0.amount)" } }
}

extension Document {
    /// The number when it is one.
    var asInteger: Int64? {
        guard case .integer(let value) = self else { return nil }
        return value
    }

    /// The text when it is one.
    var asString: String? {
        guard case .string(let value) = self else { return nil }
        return value
    }

    /// The items of a list answer.
    var items: [Document] {
        guard case .list(let items) = self["items"] else { return [] }
        return items
    }
}

extension Event {
    /// The same as an earlier version of the policy would have recorded it.
    fileprivate func decided(underPolicy version: UInt16) -> Event {
        guard case .granted(let record) = self else { return self }
        let why = GrantReason(
            policyVersion: version,
            strategy: record.why.strategy,
            considered: record.why.considered,
            passedOver: record.why.passedOver
        )
        return .granted(
            GrantRecord(lease: record.lease, stored: record.stored, why: why, served: record.served)
        )
    }
}
