// A ledger in which amounts are booked, on a clock that the test moves.

import TenureModel
import TenureSimulation
import TenureTesting

@testable import Tenure
@testable import TenureModel

/// A waiting scene with a pool `main` of nodes, and what is asked about bookings.
@dynamicMemberLookup
final class BookingScene {
    let scene: WaitingScene

    /// Nodes `n0`, `n1` … with so many CPUs each.
    init(_ nodes: [UInt64], _ settings: PoolSetting...) throws {
        scene = try WaitingScene(cpus: 0)
        try scene.ask(.setPool(name: "main", settings: settings + [.restartGrace(0)]))
        for (index, cpus) in nodes.enumerated() { try declare("n\(index)", .cpu, cpus * 1_000) }
    }

    subscript<Value>(dynamicMember path: KeyPath<WaitingScene, Value>) -> Value {
        scene[keyPath: path]
    }

    var core: LedgerCore { get throws { try scene.core } }

    func declare(_ name: String, _ kind: Kind, _ capacity: UInt64) throws {
        let request = ResourceRequest(
            name: name,
            pool: "main",
            kind: kind,
            capacity: capacity,
            node: "node-\(name)"
        )
        try scene.ask(.setResource(request))
    }

    // MARK: Requests

    static func claims(_ amounts: [ClaimAmount], places: Int = 1) -> [Claim] {
        [Claim(places: places, amounts: amounts)]
    }

    static func claims(_ cpus: UInt64, places: Int = 1) -> [Claim] {
        claims([ClaimAmount(kind: .cpu, amount: cpus * 1_000)], places: places)
    }

    /// A request for so many CPUs that are held as long as `life`; for ever without one.
    static func request(
        _ cpus: UInt64,
        life: UInt64?,
        wait: UInt64? = nil,
        id: String? = nil,
        _ change: (inout AcquireRequest) -> Void = { _ in }
    ) -> AcquireRequest {
        WaitingScene.request(cpus, wait: wait) {
            $0.maxLifetimeMilliseconds = life
            $0.ttlMilliseconds = 3_600_000
            $0.requestID = id
            change(&$0)
        }
    }

    static func booking(
        _ claims: [Claim],
        at start: UInt64,
        for length: UInt64,
        _ change: (inout AcquireRequest) -> Void = { _ in }
    ) -> BookingRequest {
        var request = AcquireRequest(pool: "main", claims: claims)
        request.holder = "booker"
        change(&request)
        return BookingRequest(request, startMilliseconds: start, lengthMilliseconds: length)
    }

    // MARK: Asking

    @discardableResult
    func ask(_ command: Command) throws -> Int { try scene.ask(command) }

    @discardableResult
    func ask(_ request: AcquireRequest) throws -> Int { try scene.ask(request) }

    func grant(_ number: Int) -> Grant? { scene.grant(number) }

    func refusal(_ number: Int) -> Refusal? { scene.refusal(number) }

    func waits(_ number: Int) -> Bool { scene.waits(number) }

    func collect() { scene.collect() }

    func settle() throws { try scene.settle() }

    func figure(_ name: String) throws -> Int64? { try scene.figure(name) }

    func pass(milliseconds: UInt64) throws {
        try scene.pass(milliseconds: milliseconds)
        try scene.settle()
    }

    func take(_ cpus: UInt64, life: UInt64?) throws -> Grant {
        guard let grant = grant(try ask(Self.request(cpus, life: life))) else { throw NotGranted() }
        return grant
    }

    /// The process dies, time passes, and the ledger is opened again.
    func reopen(after milliseconds: UInt64) throws {
        scene.world.die(leaving: scene.world.disk.processCrash())
        scene.world.clock.advance(byNanoseconds: milliseconds * 1_000_000)
        try scene.world.open()
    }

    /// What became of bookings, told to who made them.
    func late() -> [Delivery] { scene.sink.takeLate() }

    // MARK: Bookings

    func book(_ asked: BookingRequest) throws -> TicketID {
        let number = try ask(.book(asked))
        switch scene.answers[number] {
        case .refused(let refusal): throw refusal
        case .document(let document):
            guard case .id(let id)? = document["booking"] else { throw NotGranted() }
            return TicketID(rawValue: id)
        default: throw NotGranted()
        }
    }

    func book(
        _ cpus: UInt64,
        places: Int = 1,
        at start: UInt64,
        for length: UInt64,
        id: String? = nil
    ) throws -> TicketID {
        try book(
            Self.booking(Self.claims(cpus, places: places), at: start, for: length) {
                $0.requestID = id
            }
        )
    }

    /// Why so much is not booked.
    func refusedBooking(
        _ cpus: UInt64,
        places: Int = 1,
        at start: UInt64,
        for length: UInt64
    ) throws -> Refusal {
        do {
            _ = try book(cpus, places: places, at: start, for: length)
        } catch let refusal as Refusal {
            return refusal
        }
        throw NotGranted()
    }

    /// A booking that has not begun.
    func shown(_ id: TicketID) throws -> Document {
        guard case .document(let document) = try core.ask(.query(.booking(id))) else {
            throw NotGranted()
        }
        return document
    }

    /// A ticket that waits.
    func ticket(_ id: TicketID) throws -> Document {
        guard case .document(let document) = try core.ask(.query(.ticket(id))) else {
            throw NotGranted()
        }
        return document
    }

    /// The lease of one that has begun.
    func begun(_ id: TicketID) throws -> Grant {
        guard case .grant(let grant) = try core.ask(.query(.booking(id))) else {
            throw NotGranted()
        }
        return grant
    }

    /// Why one ended that has not begun.
    func ended(_ id: TicketID) throws -> Refusal {
        guard case .refused(let refusal) = try core.ask(.query(.booking(id))) else {
            throw NotGranted()
        }
        return refusal
    }

    func lifetimeEnd(of grant: Grant) throws -> LedgerTime? {
        try core.state.lease(grant.lease)?.terms.lifetimeEnd
    }

    /// When a booking ends, by its record.
    func end(of id: TicketID) throws -> LedgerTime? {
        try scene.world.frames().joined().lazy.compactMap { event -> LedgerTime? in
            if case .booked(let booking) = event, booking.id == id { booking.end } else { nil }
        }.first
    }
}

extension Answer {
    /// Whether it tells what was asked.
    var isDocument: Bool { if case .document = self { true } else { false } }
}
