// A command written as words and read again is the same command.

import NIOCore
import TenureModel
import TenureWire
import Testing

@Suite("Round trip")
struct RoundTripTests {
    private static let lease = LeaseReference(
        lease: LeaseID(rawValue: 281_474_976_710_661),
        token: Token(rawValue: .max >> 1)
    )
    private static let session = SessionReference(
        session: SessionID(rawValue: 7),
        token: Token(rawValue: 9)
    )

    private static var fullRequest: AcquireRequest {
        var request = AcquireRequest(
            pool: "p",
            claims: [
                Claim(places: 2, amounts: [.init(kind: .gpu, amount: 1_500)]),
                Claim(amounts: [
                    .init(kind: .memory, amount: 3 << 30), .init(kind: .network, amount: 1_000_000),
                ]),
            ]
        )
        request.tenant = "a/b"
        request.holder = "h"
        request.ttlMilliseconds = 1
        request.maxLifetimeMilliseconds = Limits.millisecondsMax
        request.waitMilliseconds = 30_000
        request.priority = .critical
        request.requestID = "id with spaces"
        request.strategy = .firstFit
        request.selector = [Label(name: "k", value: "a|b"), Label(name: "l", value: "x=y")]
        request.tags = [Label(name: "t", value: "")]
        request.purpose = "why \"not\""
        return request
    }

    private static var ranged: AcquireRequest {
        var request = AcquireRequest(
            pool: "p",
            claims: [
                Claim(places: 2, amounts: [.init(kind: .gpu, amount: 1_000, most: 4_000)]),
                Claim(amounts: [.init(kind: .cpu, amount: 500, most: 1_500)]),
            ]
        )
        request.fallbackPools = ["q", "a/b"]
        request.maxCost = 12_345
        request.within = "rack"
        request.near = [
            Affinity(Label(name: "app", value: "db")),
            Affinity(Label(name: "app", value: "me@home"), level: "zone"),
        ]
        request.away = [Affinity(Label(name: "app", value: "you@home"))]
        request.plan = 17
        return request
    }

    private static var anywhere: AcquireRequest {
        AcquireRequest(pool: "*", claims: [Claim(amounts: [.init(kind: .cpu, amount: 1)])])
    }

    private static var reservation: AcquireRequest {
        var request = AcquireRequest(
            pool: "p",
            claims: [Claim(amounts: [.init(kind: .cpu, amount: 1)])]
        )
        request.holdMilliseconds = 5
        request.session = SessionID(rawValue: 3)
        return request
    }

    private static var plan: AcquireRequest {
        var request = reservation
        request.planOnly = true
        return request
    }

    private static var growth: GrowRequest {
        var request = GrowRequest(claims: reservation.claims)
        request.node = "n1"
        request.selector = fullRequest.selector
        request.strategy = .bestFit
        request.requestID = "id"
        return request
    }

    private static var growthByPlan: GrowRequest {
        var request = GrowRequest(claims: reservation.claims)
        request.node = "n1"
        request.plan = 31
        return request
    }

    private static var offered: OptimizeRequest {
        var request = OptimizeRequest(pool: "p", goal: .cost, moves: 3, after: "7")
        request.isOffered = true
        return request
    }

    private static var revocation: RevokeRequest {
        var request = RevokeRequest(reason: "node is on fire")
        request.filter = LeaseFilter(pool: "p", tenant: "a/b", holder: "h")
        request.node = "n1"
        request.tags = fullRequest.tags
        request.after = "7"
        request.isDry = true
        return request
    }

    private static var sublease: SubleaseRequest {
        var request = SubleaseRequest(parts: [
            Part(resource: "gpu0", quantity: "500m"), Part(resource: "m", quantity: "1.5Gi"),
        ])
        request.tenant = "a/b"
        request.holder = "h"
        request.ttlMilliseconds = 5
        request.requestID = "id"
        request.tags = fullRequest.tags
        request.purpose = "why"
        return request
    }

    private static func handOver(ttl: UInt64?, _ session: SessionID?) -> HandOverRequest {
        var request = HandOverRequest(holder: "h")
        request.ttlMilliseconds = ttl
        request.session = session
        request.requestID = "id"
        return request
    }

    private static var resource: ResourceRequest {
        var request = ResourceRequest(
            name: "r/1",
            pool: "p",
            kind: .disk,
            capacity: 1 << 40,
            node: "n"
        )
        request.labels = [Label(name: "a", value: "b")]
        request.cost = 1_250
        request.force = true
        return request
    }

    private static var booking: BookingRequest {
        var request = fullRequest
        request.maxLifetimeMilliseconds = nil
        request.strategy = nil
        request.waitMilliseconds = nil
        return BookingRequest(request, startMilliseconds: 60_000, lengthMilliseconds: 7_000)
    }

    private static var queued: AcquireRequest {
        var request = AcquireRequest(
            pool: "p",
            claims: [Claim(amounts: [.init(kind: .gpu, amount: 1)])]
        )
        request.requestID = "r"
        request.queueMilliseconds = 60_000
        return request
    }

    private static var bare: ResourceRequest {
        var request = ResourceRequest(name: "r", pool: "p", kind: .gpu, capacity: 0)
        request.labels = []
        request.cost = 0
        return request
    }

    private static let bareQuota = QuotaRequest(tenant: "a", kind: .gpu)

    private static var shares: QuotaRequest {
        var request = QuotaRequest(tenant: "a", kind: .gpu, limit: 8_000)
        request.guarantee = 4_500
        request.borrowing = .amount(500)
        request.lending = .amount(0)
        request.weight = 0
        return request
    }

    private static var limits: TenantRequest {
        var request = TenantRequest(tenant: "a/b")
        request.leases = .amount(5)
        request.rate = .unlimited
        request.burst = 7
        return request
    }

    private static var unbound: QuotaRequest {
        var request = QuotaRequest(tenant: "a", kind: .gpu)
        request.borrowing = .unlimited
        request.lending = .unlimited
        return request
    }

    private static let commands: [Command] = [
        .acquire(
            AcquireRequest(pool: "p", claims: [Claim(amounts: [.init(kind: .gpu, amount: 1)])])
        ),
        .acquire(fullRequest), .acquire(reservation), .acquire(plan),
        .acquire(queued), .cancelTicket(TicketID(rawValue: 12)),
        .query(.ticket(TicketID(rawValue: 12))), .query(.tickets(TicketFilter(), page: Page())),
        .query(
            .tickets(TicketFilter(pool: "p", tenant: "t"), page: Page(limit: 2, after: "7"))
        ),
        .book(booking), .cancelBooking(TicketID(rawValue: 13)),
        .query(.booking(TicketID(rawValue: 13))),
        .query(
            .bookings(TicketFilter(pool: "p", tenant: "t"), page: Page(limit: 2, after: "7"))
        ),
        .acquire(ranged), .acquire(anywhere),
        .commit(lease, parts: nil),
        .commit(
            lease,
            parts: [Part(resource: "a=b", quantity: "1")].dropLast() + [
                Part(resource: "gpu0", quantity: "500m"), Part(resource: "m", quantity: "1.5Gi"),
            ]
        ),
        .cancel(lease), .renew(lease, ttlMilliseconds: nil), .renew(lease, ttlMilliseconds: 5),
        .release(lease, parts: nil),
        .release(lease, parts: [Part(resource: "gpu0", quantity: "1")]),
        .grow(lease, GrowRequest(claims: fullRequest.claims)), .grow(lease, growth),
        .grow(lease, growthByPlan), .query(.optimize(OptimizeRequest(pool: "p"))),
        .query(.optimize(offered)),
        .sublease(lease, SubleaseRequest(parts: [Part(resource: "g", quantity: "1")])),
        .sublease(lease, sublease), .handOver(lease, HandOverRequest()),
        .handOver(lease, handOver(ttl: 5, nil)),
        .handOver(lease, handOver(ttl: nil, SessionID(rawValue: 4))),
        .revoke(lease.lease, reason: "node is on fire"), .check(lease),
        .revokeAll(revocation), .revokeAll(RevokeRequest(reason: "why")),
        .openSession(SessionRequest(ttlMilliseconds: 5, holder: "h")),
        .keepSession(session), .closeSession(session),
        .setPool(name: "p", settings: []),
        .setPool(
            name: "p",
            settings: [
                .strategy(.bestFit), .ttlDefault(1), .ttlMin(2), .ttlMax(3), .maxLifetime(0),
                .lockDelay(5), .restartGrace(6), .tier(7), .breakerFailures(8), .breakerRefusals(9),
                .breakerWindow(10), .breakerOpen(11), .breakerProbes(12),
                .weightCost(8), .weightPerformance(9), .weightUtilisation(10),
            ]
        ),
        .deletePool(name: "p"), .setResource(resource), .setResource(bare),
        .setResourceState(name: "r", state: .active),
        .setResourceState(name: "r", state: .cordoned),
        .setResourceState(name: "r", state: .draining),
        .setResourceState(name: "r", state: .draining, byMilliseconds: 60_000),
        .setNodeState(NodeRequest(node: "n", state: .cordoned)),
        .setNodeState(NodeRequest(node: "n", pool: "p", state: .active)),
        .setNodeState(NodeRequest(node: "n", pool: "p", state: .draining, byMilliseconds: 5)),
        .planWindow(
            WindowRequest(.resource("r"), startMilliseconds: 5, lengthMilliseconds: 6)
        ),
        .planWindow(
            WindowRequest(
                .node("n", pool: "p"),
                startMilliseconds: 5,
                lengthMilliseconds: 6,
                byMilliseconds: 2,
                reason: "new fan"
            )
        ),
        .cancelWindow(WindowID(rawValue: 13)), .query(.window(WindowID(rawValue: 13))),
        .query(.windows(pool: "p", page: Page(limit: 2, after: "7"))),
        .deleteResource(name: "r"),
        .setQuota(tenant: "a/b", kind: .gpu, limit: 8_000),
        .setQuota(tenant: "a", kind: .memory, limit: 0),
        .setQuota(tenant: "a", kind: .cpu, limit: Limits.amountMax), .setQuota(bareQuota),
        .setQuota(shares), .setQuota(unbound),
        .deleteQuota(tenant: "a", kind: .gpu), .setTenant(limits),
        .setBudget(BudgetRequest(tenant: "a")),
        .setBudget(BudgetRequest(tenant: "a/b", limit: 12_500, windowMilliseconds: 60_000)),
        .deleteBudget("a"), .query(.budget("a")), .query(.budgets(below: nil)),
        .query(.budgets(below: "a")),
        .setTenant(TenantRequest(tenant: "a")), .deleteTenant("a"), .query(.tenant("a")),
        .query(.tenants(below: nil)), .query(.tenants(below: "a")),
        .query(.pool("p")), .query(.pools), .query(.resource("r")),
        .query(.resources(pool: nil, page: Page())),
        .query(.resources(pool: "p", page: Page(limit: 7, after: "r"))),
        .query(.breakers(pool: nil, page: Page())),
        .query(.breakers(pool: "p", page: Page(limit: 7, after: "pool:a"))),
        .report(lease, Report(hasFailed: false)),
        .report(lease, Report(hasFailed: true, resource: "gpu0", reason: "xid 79")),
        .resetBreaker(.pool("p")), .resetBreaker(.resource("gpu0")),
        .query(.quota(tenant: "a", kind: .gpu)), .query(.quotas(tenant: nil)),
        .query(.quotas(tenant: "a")), .query(.usage(tenant: "a")), .query(.lease(lease.lease)),
        .query(.leases(LeaseFilter(), page: Page())),
        .query(
            .leases(
                LeaseFilter(pool: "p", tenant: "t", holder: "h"),
                page: Page(limit: 1, after: "5")
            )
        ),
        .query(.session(session.session)), .query(.request(id: "x", tenant: "default")),
        .query(.request(id: "x y", tenant: "t")), .query(.status),
    ]

    @Test(arguments: commands.indices)
    func `a command written and parsed is the same command`(index: Int) throws {
        let command = Self.commands[index]
        let words = try #require(CommandWriter.words(command))
        #expect(CommandParser.parse(RequestArguments(words)) == .ledger(command), "\(words)")
        // And through bytes.
        var decoder = RequestDecoder(limits: .known)
        var buffer = ByteBuffer(bytes: request(words))
        #expect(decoder.next(&buffer) == .request)
        #expect(CommandParser.parse(decoder.arguments) == .ledger(command))
    }

    @Test
    func `what the ledger asks of itself has no words`() {
        #expect(CommandWriter.words(.housekeeping(.reclaim)) == nil)
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func `random requests survive the round trip`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let kinds: [Kind] = [.cpu, .memory, .gpu, .network, .disk]
        var request = AcquireRequest(pool: "p", claims: [])
        for _ in 0..<Int.random(in: 1...3, using: &generator) {
            let chosen = kinds.shuffled(using: &generator).prefix(2)
            let amounts = chosen.map { kind in
                ClaimAmount(kind: kind, amount: UInt64.random(in: 1...(1 << 50), using: &generator))
            }
            request.claims.append(
                Claim(places: Int.random(in: 1...5, using: &generator), amounts: amounts)
            )
        }
        if Bool.random(using: &generator) { request.ttlMilliseconds = 1 + generator.next() % 1_000 }
        request.priority = Priority.allCases.randomElement(using: &generator) ?? .normal
        let words = try #require(CommandWriter.words(.acquire(request)))
        #expect(CommandParser.parse(RequestArguments(words)) == .ledger(.acquire(request)))
    }
}
