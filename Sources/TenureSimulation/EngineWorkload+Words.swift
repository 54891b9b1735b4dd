// Random work in the ledger's words, and its answers in those of the reference.

package import TenureModel

extension EngineWorkload {
    /// An action as a command, with the tokens that the book knows.
    package static func command(
        _ action: ReferenceLedger.Action,
        of book: ReferenceLedger
    ) -> Command {
        let reference = { (id: UInt64) in
            LeaseReference(
                lease: LeaseID(rawValue: id),
                token: Token(rawValue: book.token(of: id))
            )
        }
        switch action {
        case .acquire(let ask): return .acquire(request(ask))
        case .renew(let id, let ttl): return .renew(reference(id), ttlMilliseconds: ttl)
        case .release(let id, let parts): return .release(reference(id), parts: Self.parts(parts))
        case .cancel(let id): return .cancel(reference(id))
        case .commit(let id, let parts): return .commit(reference(id), parts: Self.parts(parts))
        case .grow(let id, let place):
            return .grow(reference(id), GrowRequest(claims: [claim(place)]))
        case .handOver(let id, let holder, let ttl):
            var request = HandOverRequest(holder: holder)
            request.ttlMilliseconds = ttl
            return .handOver(reference(id), request)
        case .leaseLimit(let tenant, let limit):
            var request = TenantRequest(tenant: tenant)
            request.leases = limit.map { .amount($0) } ?? .unlimited
            return .setTenant(request)
        case .service(let name, let isActive):
            return .setResourceState(name: name, state: isActive ? .active : .cordoned)
        case .revoke(let id): return .revoke(LeaseID(rawValue: id), reason: "on request")
        case .openSession(let holder, let ttl):
            return .openSession(SessionRequest(ttlMilliseconds: ttl, holder: holder))
        case .keep(let id): return .keepSession(session(id))
        case .close(let id): return .closeSession(session(id))
        case .capacity, .quota: return setting(action)
        case .stale(let id):
            // Another's token, or nobody's: not this lease's in any case.
            let reference = LeaseReference(
                lease: LeaseID(rawValue: id),
                token: Token(rawValue: id % 2 == 0 || !book.isFirst(id) ? id - 1 : id + 1)
            )
            return .release(reference, parts: nil)
        }
    }

    private static func setting(_ action: ReferenceLedger.Action) -> Command {
        switch action {
        case .capacity(let name, let amount, let force):
            let thing = things[name]
            var request = ResourceRequest(
                name: name,
                pool: thing?.pool ?? "",
                kind: thing?.kind == "gpu" ? .gpu : .cpu,
                capacity: amount,
                node: thing?.node
            )
            request.force = force
            return .setResource(request)
        case .quota(let tenant, let kind, let limit):
            let kind: Kind = kind == "gpu" ? .gpu : .cpu
            guard let limit else { return .deleteQuota(tenant: tenant, kind: kind) }
            return .setQuota(tenant: tenant, kind: kind, limit: limit)
        default: return .query(.status)
        }
    }

    private static func session(_ id: UInt64) -> SessionReference {
        SessionReference(session: SessionID(rawValue: id), token: Token(rawValue: id))
    }

    private static func parts(_ parts: [String: UInt64]?) -> [Part]? {
        parts?.sorted { $0.key < $1.key }.map { Part(resource: $0.key, quantity: "\($0.value)m") }
    }

    private static func claim(_ place: [String: UInt64]) -> Claim {
        Claim(
            amounts: place.sorted { $0.key < $1.key }.map { kind, amount in
                ClaimAmount(kind: kind == "gpu" ? .gpu : .cpu, amount: amount)
            }
        )
    }

    package static func request(_ ask: ReferenceLedger.Ask) -> AcquireRequest {
        var request = AcquireRequest(pool: ask.pool, claims: ask.places.map(claim))
        request.tenant = ask.tenant
        request.holder = ask.holder
        request.session = ask.session.map { SessionID(rawValue: $0) }
        request.ttlMilliseconds = ask.session == nil ? ask.ttl : nil
        request.holdMilliseconds = ask.hold
        request.maxLifetimeMilliseconds = ask.lifetime
        request.requestID = ask.request
        // Some are large, so that groups of the log have several blocks.
        if ask.holder.hasSuffix("7") {
            request.tags = (0..<24).map {
                Label(name: "tag-\($0)", value: String(repeating: "v", count: 200))
            }
        }
        return request
    }

    /// An answer as the reference has it.
    package static func reply(_ answer: Answer) -> ReferenceLedger.Reply {
        switch answer {
        case .grant(let grant):
            return .granted(
                lease: grant.lease.rawValue,
                token: grant.token.rawValue,
                reserved: grant.status == .reserved,
                parts: sums(grant.placements),
                ttl: grant.ttlMilliseconds,
                replayed: grant.replayed
            )
        case .renewed(let renewal): return .renewed(ttl: renewal.ttlMilliseconds)
        case .ended(let ending):
            if ending.status == .reduced { return .reduced(sums(ending.placements)) }
            return .ended(before: ending.status == .alreadyEnded)
        case .session(let view):
            return .session(
                view.session.rawValue,
                token: view.token.rawValue,
                ttl: view.ttlMilliseconds
            )
        case .document, .queued: return .done
        case .refused(let refusal): return .refused(refusal.code.rawValue)
        }
    }

    private static func sums(_ placements: [PlacementView]) -> [String: UInt64] {
        placements.reduce(into: [:]) { $0[$1.resource, default: 0] += $1.amount }
    }
}
