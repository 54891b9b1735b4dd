// Requests that wait durably: tickets over restarts, what ends them, what is told of them.

import TenureLog
import TenureModel
import TenureSimulation
import TenureTesting
import Testing

@testable import Tenure

@Suite("Queue")
struct QueueTests {
    private typealias Scene = WaitingScene

    /// A request that is queued where it would be refused for want.
    private static func queueing(
        _ cpus: UInt64 = 1,
        _ id: String? = "r",
        for milliseconds: UInt64 = 60_000,
        _ change: (inout AcquireRequest) -> Void = { _ in }
    ) -> AcquireRequest {
        Scene.request(cpus, wait: nil) {
            $0.queueMilliseconds = milliseconds
            $0.requestID = id
            change(&$0)
        }
    }

    /// The ticket that a request was answered.
    private static func ticket(_ scene: Scene, _ number: Int) throws -> QueuedRequest {
        guard case .queued(let queued)? = scene.answers[number] else { throw NotGranted() }
        return queued
    }

    /// What a query answers.
    private static func read(_ scene: Scene, _ query: Query) throws -> Answer {
        let number = try scene.ask(.query(query))
        guard let answer = scene.answers[number] else { throw NotGranted() }
        return answer
    }

    private static func crash(_ scene: Scene) throws {
        scene.world.die(leaving: scene.world.disk.processCrash())
        try scene.world.open()
        try scene.settle()
    }

    @Test
    func `what is free is granted at once; what is not gets a ticket, and then the lease`() throws {
        let scene = try Scene(cpus: 1)
        let held = try #require(scene.grant(try scene.ask(Self.queueing(1, "first"))))
        let queued = try Self.ticket(scene, try scene.ask(Self.queueing()))
        #expect(!queued.replayed && queued.holder == "me" && queued.waitMilliseconds == 60_000)
        #expect(try scene.figure("queued") == 1)
        #expect(try scene.figure("waiting") == 0)
        guard case .document(let shown) = try Self.read(scene, .ticket(queued.ticket)) else {
            throw NotGranted()
        }
        #expect(shown["status"] == .string("queued") && shown["tenant"] == .string("default"))
        try scene.pass(milliseconds: 1_000)
        try scene.release(held)
        let late = scene.sink.takeLate()
        #expect(late.map(\.queued) == [queued.ticket])
        guard case .grant(let grant)? = late.first?.answer else { throw NotGranted() }
        #expect(!grant.replayed && grant.ttlMilliseconds == 600_000)
        // By its ticket and by its request id it is the same lease.
        for query in [Query.ticket(queued.ticket), .request(id: "r", tenant: "default")] {
            guard case .grant(let told) = try Self.read(scene, query) else { throw NotGranted() }
            #expect(told.lease == grant.lease && told.replayed)
        }
        let again = try #require(scene.grant(try scene.ask(Self.queueing())))
        #expect(again.lease == grant.lease && again.replayed)
        #expect(try scene.figure("queued") == 0)
        #expect(try scene.core.invariantFault() == nil)
        #expect(try scene.world.replayFaults() == [])
    }

    @Test(arguments: [true, false])
    func `tickets keep their order and their age over a restart`(hasCheckpoint: Bool) throws {
        let scene = try Scene(cpus: 1)
        var last = try scene.take(ttl: 3_600_000)
        let normal = try Self.ticket(scene, try scene.ask(Self.queueing(1, "n1"))).ticket
        let second = try Self.ticket(scene, try scene.ask(Self.queueing(1, "n2"))).ticket
        let high = try Self.ticket(
            scene,
            try scene.ask(Self.queueing(1, "h") { $0.priority = .high })
        ).ticket
        if hasCheckpoint { try scene.core.checkpointNow() }
        scene.world.clock.advance(byNanoseconds: 5_000_000_000)
        try Self.crash(scene)
        #expect(try scene.figure("queued") == 3)
        // Nobody comes in between, with or without a wait.
        let newcomer = try scene.ask(Scene.request())
        for (ticket, id) in [(high, "h"), (normal, "n1"), (second, "n2")] {
            try scene.release(last)
            guard case .grant(let grant) = try Self.read(scene, .ticket(ticket)) else {
                throw NotGranted()
            }
            #expect(
                try #require(
                    scene.grant(
                        try scene.ask(
                            Self.queueing(1, id) {
                                if id == "h" { $0.priority = .high }
                            }
                        )
                    )
                ).lease == grant.lease
            )
            #expect(scene.waits(newcomer))
            last = grant
        }
        try scene.release(last)
        #expect(scene.grant(newcomer) != nil)
        #expect(try scene.figure("waitMillisecondsMax").map { $0 >= 5_000 } ?? false)
        #expect(try scene.world.replayFaults() == [])
    }

    @Test
    func `a restored ticket is before a newcomer already before it was looked at`() throws {
        let scene = try Scene(cpus: 2)
        let held = try scene.take(2, ttl: 3_600_000)
        let queued = try Self.ticket(scene, try scene.ask(Self.queueing(2))).ticket
        scene.world.die(leaving: scene.world.disk.processCrash())
        try scene.world.open()
        // In one group: the newcomer is decided before anybody is looked at.
        let numbers = try scene.ask([
            .release(held.reference, parts: nil), .acquire(Scene.request(1, wait: nil)),
        ])
        #expect(scene.refusal(numbers[1])?.code == .exhausted)
        guard case .grant = try Self.read(scene, .ticket(queued)) else { throw NotGranted() }
    }

    @Test
    func `at its time a ticket ends with TIMEOUT, on record, and its id can be used again`() throws
    {
        let scene = try Scene(cpus: 1)
        let held = try scene.take()
        let queued = try Self.ticket(scene, try scene.ask(Self.queueing(for: 400))).ticket
        try scene.pass(milliseconds: 399)
        #expect(try scene.figure("queued") == 1)
        try scene.pass(milliseconds: 1)
        #expect(try scene.figure("queued") == 0)
        for query in [Query.ticket(queued), .request(id: "r", tenant: "default")] {
            guard case .refused(let refusal) = try Self.read(scene, query) else {
                throw NotGranted()
            }
            #expect(refusal.code == .timeout && refusal.message.hasPrefix("after 400 ms: no place"))
        }
        let ends = try scene.world.frames().joined().compactMap { event -> TicketEnd? in
            if case .ticketEnded(let end) = event { end } else { nil }
        }
        #expect(ends.map(\.cause) == [.timeout])
        // Another body, too: nothing was granted under the id.
        let second = try Self.ticket(
            scene,
            try scene.ask(Self.queueing(for: 400) { $0.purpose = "other" })
        ).ticket
        #expect(second != queued)
        try scene.pass(milliseconds: 400)
        try scene.release(held)
        let grant = try #require(scene.grant(try scene.ask(Self.queueing())))
        #expect(!grant.replayed)
        #expect(try scene.world.replayFaults() == [])
        // Everything that was kept is forgotten in the end.
        try scene.pass(milliseconds: Limits.requestWindowMilliseconds)
        try scene.settle()
        #expect(try scene.figure("storedAnswers") == 0)
        #expect(try scene.core.invariantFault() == nil)
    }

    @Test
    func `what was over while the ledger was closed is granted nothing`() throws {
        let scene = try Scene(cpus: 1)
        _ = try scene.take(ttl: 1_000)
        let over = try Self.ticket(scene, try scene.ask(Self.queueing(for: 2_000))).ticket
        let waits = try Self.ticket(scene, try scene.ask(Self.queueing(1, "s", for: 90_000))).ticket
        scene.world.clock.advance(byNanoseconds: 60_000_000_000)
        try Self.crash(scene)
        // The holder has its grace; the ticket that was over is not let in before it, nor after.
        try scene.pass(milliseconds: 1_000)
        try scene.settle()
        guard case .refused(let refusal) = try Self.read(scene, .ticket(over)),
            case .grant = try Self.read(scene, .ticket(waits))
        else { throw NotGranted() }
        #expect(refusal.code == .timeout)
    }

    @Test
    func `a ticket is cancelled by its user or an admin, and by nobody else`() throws {
        let scene = try Scene(cpus: 1)
        _ = try scene.take()
        let queued = try Self.ticket(scene, try scene.ask(Self.queueing())).ticket
        let stranger = Caller(uid: 7, isAdmin: false)
        let answers = try scene.core.process([(.cancelTicket(queued), stranger)])
        guard case .refused(let refusal) = answers[0] else { throw NotGranted() }
        #expect(refusal.code == .notPermitted)
        let waiting = try scene.ask(Scene.request { $0.requestID = "r" })
        #expect(scene.waits(waiting))
        for status in ["cancelled", "already ended"] {
            let number = try scene.ask(.cancelTicket(queued))
            guard case .document(let answer)? = scene.answers[number] else { throw NotGranted() }
            #expect(answer["status"] == .string(status))
        }
        #expect(scene.refusal(waiting)?.code == .timeout)
        #expect(scene.sink.takeLate().count == 1)
        let unknown = try scene.ask(.cancelTicket(TicketID(rawValue: 5)))
        #expect(scene.refusal(unknown)?.code == .notFound)
        #expect(try scene.figure("queued") == 0)
        #expect(try scene.world.replayFaults() == [])
    }

    @Test
    func `the end of its session or its pool ends a ticket, also over a restart`() throws {
        let scene = try Scene(cpus: 1)
        _ = try scene.take(ttl: 3_600_000)
        try scene.ask(.setPool(name: "other", settings: []))
        let slot = ResourceRequest(name: "c2", pool: "other", kind: .cpu, capacity: 1_000)
        try scene.ask(.setResource(slot))
        let opened = try scene.ask(.openSession(SessionRequest(ttlMilliseconds: 60_000)))
        guard case .session(let session)? = scene.answers[opened] else { throw NotGranted() }
        let inSession = try Self.ticket(
            scene,
            try scene.ask(
                Self.queueing(1, nil) {
                    $0.session = session.session
                    $0.ttlMilliseconds = nil
                }
            )
        ).ticket
        let held = try #require(
            scene.grant(try scene.ask(Self.queueing(1, "a") { $0.pool = "other" }))
        )
        let inPool = try Self.ticket(
            scene,
            try scene.ask(Self.queueing(1, "b") { $0.pool = "other" })
        ).ticket
        // The pool is emptied and deleted in one group, before anybody is looked at.
        _ = try scene.ask([
            .release(held.reference, parts: nil), .deleteResource(name: "c2"),
            .deletePool(name: "other"),
            .closeSession(session.reference),
        ])
        try Self.crash(scene)
        for (ticket, codes) in [
            (inSession, [RefusalCode.expired]), (inPool, [.notFound, .unsatisfiable]),
        ] {
            guard case .refused(let refusal) = try Self.read(scene, .ticket(ticket)) else {
                throw NotGranted()
            }
            #expect(codes.contains(refusal.code))
        }
        #expect(try scene.figure("queued") == 0)
    }

    @Test
    func `WAIT with a request id survives its connection and a restart`() throws {
        let scene = try Scene(cpus: 1)
        let held = try scene.take(ttl: 3_600_000)
        let request = Scene.request { $0.requestID = "r" }
        let first = try scene.ask(request)
        #expect(try scene.figure("queued") == 1)
        #expect(try scene.abandon(first))
        let behind = try Self.ticket(scene, try scene.ask(Self.queueing(1, "s"))).ticket
        try Self.crash(scene)
        let back = try scene.ask(request)
        #expect(scene.waits(back))
        try scene.release(held)
        let grant = try #require(scene.grant(back))
        #expect(!grant.replayed)
        guard case .document = try Self.read(scene, .ticket(behind)) else { throw NotGranted() }
    }

    @Test
    func `asking again answers the same ticket, and lets it wait longer but never shorter`() throws
    {
        let scene = try Scene(cpus: 1)
        _ = try scene.take(ttl: 3_600_000)
        let first = try Self.ticket(scene, try scene.ask(Self.queueing(for: 1_000)))
        let longer = try Self.ticket(scene, try scene.ask(Self.queueing(for: 5_000)))
        let shorter = try Self.ticket(scene, try scene.ask(Self.queueing(for: 10)))
        #expect(
            longer.ticket == first.ticket && longer.replayed && longer.waitMilliseconds == 5_000
        )
        #expect(shorter.ticket == first.ticket)
        #expect((4_999...5_000).contains(shorter.waitMilliseconds))
        let other = try scene.ask(Self.queueing { $0.purpose = "other" })
        #expect(scene.refusal(other)?.code == .conflict)
        try Self.crash(scene)
        try scene.pass(milliseconds: 4_000)
        #expect(try scene.figure("queued") == 1)
        try scene.pass(milliseconds: 1_000)
        #expect(try scene.figure("queued") == 0)
        #expect(try scene.world.replayFaults() == [])
    }

    @Test
    func `queueing needs a way back, and excludes WAIT and PLAN`() throws {
        let scene = try Scene(cpus: 1)
        let rows = [
            Self.queueing(1, nil), Self.queueing { $0.waitMilliseconds = 1 },
            Self.queueing { $0.planOnly = true }, Self.queueing(for: 0),
        ]
        for request in rows {
            #expect(scene.refusal(try scene.ask(request))?.code == .malformed)
        }
    }

    @Test
    func `past the bounds a request that would be queued is BUSY`() throws {
        let scene = try Scene(cpus: 1)
        _ = try scene.take()
        for tenant in ["a", "b"] {
            let requests = (0...Limits.ticketsPerTenant).map { number in
                Command.acquire(Self.queueing(1, "r\(number)") { $0.tenant = tenant })
            }
            let numbers = try scene.ask(requests)
            #expect(try scene.figure("queued") == (tenant == "a" ? 8_192 : 16_384))
            let refusal = try #require(scene.refusal(numbers[Limits.ticketsPerTenant]))
            #expect(refusal.code == .busy)
            #expect(refusal.message.contains(tenant == "a" ? "8192" : "16384"))
        }
    }

    @Test
    func `with a disk nearly full tickets wait, and are served when there is room`() throws {
        let scene = try Scene(cpus: 1)
        let held = try scene.take()
        let queued = try Self.ticket(scene, try scene.ask(Self.queueing())).ticket
        try scene.core.isReadOnly = true
        try scene.core.serveWaiting()
        #expect(try scene.core.nextWake() > scene.world.clock.bootNanoseconds)
        try scene.core.isReadOnly = false
        try scene.release(held)
        guard case .grant = try Self.read(scene, .ticket(queued)) else { throw NotGranted() }
    }

    @Test
    func `lists show the oldest first, by pool and tenant, in pages`() throws {
        let scene = try Scene(cpus: 1)
        _ = try scene.take()
        var tickets: [TicketID] = []
        for (index, tenant) in ["a", "b", "a/b", "a"].enumerated() {
            let number = try scene.ask(Self.queueing(1, "r\(index)") { $0.tenant = tenant })
            tickets.append(try Self.ticket(scene, number).ticket)
        }
        func listed(_ filter: TicketFilter, _ page: Page) throws -> ([TicketID], String?) {
            guard case .document(let document) = try Self.read(scene, .tickets(filter, page: page)),
                case .list(let items)? = document["items"]
            else { throw NotGranted() }
            let ids = items.compactMap { item -> TicketID? in
                if case .id(let raw)? = item["ticket"] { TicketID(rawValue: raw) } else { nil }
            }
            if case .string(let cursor)? = document["cursor"] { return (ids, cursor) }
            return (ids, nil)
        }
        let (first, cursor) = try listed(TicketFilter(), Page(limit: 3))
        #expect(first == Array(tickets.prefix(3)))
        #expect(try listed(TicketFilter(), Page(after: cursor)).0 == [tickets[3]])
        let below = try listed(TicketFilter(pool: "main", tenant: "a"), Page()).0
        #expect(below == [tickets[0], tickets[2], tickets[3]])
        #expect(try listed(TicketFilter(pool: "none"), Page()).0 == [])
    }
}
