// Callers that may act for some tenants only: what they name, and what they touch.

import TenureModel
import Testing

@Suite("Tenant scope")
struct TenantScopeTests {
    private static let vision = Caller(
        uid: 1,
        isAdmin: false,
        tenants: TenantScope(["research/vision"]),
        generatedHolder: "made"
    )

    @Test(arguments: [
        ("research", "research", true), ("research", "research/vision/a", true),
        ("research", "researches", false), ("research/vision", "research", false),
        ("research/vision", "research/visions", false), ("a", "", false),
    ])
    func `a path covers itself and what is below it`(path: String, tenant: String, isIn: Bool) {
        #expect(TenantScope([path]).covers(tenant) == isIn)
        #expect(TenantScope(["zz", path]).covers(tenant) == isIn)
        #expect(!TenantScope.none.covers(tenant))
    }

    /// P1, for each command that names a tenant.
    @Test
    func `P1: what names another tenant is refused, and its own is not`() throws {
        var world = try World.slots(9)
        for (tenant, isIn) in [
            ("research", false), ("default", false), ("research/vision", true),
            ("research/vision/a", true),
        ] {
            let request = AcquireRequest.of(1) { $0.tenant = tenant }
            var plan = request
            plan.planOnly = true
            var reserve = request
            reserve.holdMilliseconds = 1_000
            let booking = BookingRequest(
                request,
                startMilliseconds: 1_000,
                lengthMilliseconds: 1_000
            )
            let commands: [Command] = [
                .acquire(request), .acquire(plan), .acquire(reserve), .book(booking),
                .query(.request(id: "r", tenant: tenant)),
            ]
            for command in commands {
                let isRefused = try world.ask(command, as: Self.vision).code == .notPermitted
                #expect(isRefused == !isIn, "\(tenant): \(command)")
            }
        }
    }

    /// P2, for each command that names a lease: tokens can be guessed, so they are given here.
    @Test
    func `P2: nothing of another tenant's lease changes, whatever the token`() throws {
        var world = try World.slots(9)
        let lease = try world.granted(.of(1) { $0.tenant = "research" })
        let held = try world.granted(
            .of(1) {
                $0.tenant = "research"
                $0.holdMilliseconds = 60_000
            }
        )
        let position = world.state.position
        let commands: [Command] = [
            .renew(lease.reference, ttlMilliseconds: nil), .release(lease.reference, parts: nil),
            .commit(held.reference, parts: nil), .cancel(held.reference),
            .grow(lease.reference, GrowRequest(claims: [.of((.slot, 1))])),
            .handOver(lease.reference, HandOverRequest()),
            .report(lease.reference, Report(hasFailed: true)),
            .sublease(
                lease.reference,
                SubleaseRequest(parts: [Part(resource: "slots", quantity: "1")])
            ),
        ]
        for command in commands {
            #expect(try world.ask(command, as: Self.vision).code == .notPermitted, "\(command)")
        }
        #expect(world.state.position == position)
        // A token proves the right to ask whether it is good.
        #expect(try world.ask(.check(lease.reference), as: Self.vision).code == nil)
        // Others may, as before.
        #expect(try world.ask(.release(lease.reference, parts: nil)).code == nil)
        let own = try world.granted(.of(1) { $0.tenant = "research/vision/a" }, as: Self.vision)
        #expect(try world.ask(.release(own.reference, parts: nil), as: Self.vision).code == nil)
    }

    @Test
    func `P2: tickets and bookings of another tenant are not its to cancel`() throws {
        var world = try World.slots(1)
        let same = Caller(uid: 1, isAdmin: false, generatedHolder: "made")
        let booking = BookingRequest(
            .of(1) { $0.tenant = "research" },
            startMilliseconds: 60_000,
            lengthMilliseconds: 1_000
        )
        _ = try world.ask(.book(booking), as: same)
        let id = TicketID(rawValue: Token(epoch: 1, position: world.state.position).rawValue)
        // The same user, who has lost the tenant meanwhile.
        #expect(try world.ask(.cancelBooking(id), as: Self.vision).code == .notPermitted)
        #expect(try world.ask(.cancelBooking(id), as: same).code == nil)
    }

    /// Also where it may act for all tenants.
    @Test(arguments: [vision, Caller(uid: 1, isAdmin: false, generatedHolder: "made")])
    func `P3: a session is kept, ended and used by its own user only`(caller: Caller) throws {
        var world = try World.slots(9)
        let session = try world.opened(ttl: 60_000)
        let open = Command.openSession(SessionRequest(ttlMilliseconds: 60_000))
        guard case .session(let own) = try world.ask(open, as: caller) else {
            Issue.record("no session was opened")
            return
        }
        let request = AcquireRequest.of(1) {
            $0.tenant = "research/vision"
            $0.session = session.session
            $0.ttlMilliseconds = nil
        }
        for command in [
            Command.keepSession(session), .closeSession(session), .acquire(request),
        ] {
            #expect(try world.ask(command, as: caller).code == .notPermitted, "\(command)")
        }
        #expect(try world.ask(.keepSession(session)).code == nil)
        var mine = request
        mine.session = own.session
        #expect(try world.ask(.acquire(mine), as: caller).code == nil)
        let reference = own.reference
        #expect(try world.ask(.keepSession(reference), as: caller).code == nil)
        #expect(try world.ask(.closeSession(reference), as: caller).code == nil)
    }

    @Test
    func `reads show all tenants, without tokens of other users`() throws {
        var world = try World.slots(9)
        let lease = try world.granted(.of(1) { $0.tenant = "ops" })
        let shown = try world.read(.lease(lease.lease), as: Self.vision)
        #expect(shown["tenant"] == .string("ops"))
        #expect(shown["token"] == nil)
    }
}
