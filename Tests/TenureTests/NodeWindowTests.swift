// Planned drains of nodes, beside bookings, and what is refused.

import TenureSimulation
import TenureTesting
import Testing

@testable import Tenure
@testable import TenureModel

@Suite("Windows of nodes")
struct NodeWindowTests {
    private typealias Scene = BookingScene

    private static func node(_ cpus: UInt64...) throws -> Scene {
        let scene = try Scene([])
        for (index, cpus) in cpus.enumerated() {
            try scene.declare("c\(index)", on: "box", cpus: cpus)
        }
        return scene
    }

    // MARK: Resources that come and go

    @Test
    func `all of a node drains in one frame, what is declared meanwhile with it`() throws {
        let scene = try Self.node(2, 2)
        let document = try scene.plan(.node("box"), at: 10_000, for: 5_000, by: 100)
        let window = try document.window
        #expect(document["node"] == .string("box") && document["resources"] == .integer(2))
        try scene.declare("c2", on: "box", cpus: 2)
        try scene.declare("other", on: "elsewhere", cpus: 1)
        let asked = try #require(scene.grant(try scene.ask(Scene.request(1, life: nil))))
        #expect(asked.placements.map(\.resource) == ["other"])
        #expect(scene.refusal(try scene.ask(Scene.request(1, life: nil))) != nil)
        #expect(try scene.told(.query(.window(window)))["resources"] == .integer(3))
        try scene.pass(milliseconds: 10_000)
        try scene.declare("c3", on: "box", cpus: 2)
        #expect(
            try (0...3).map { try scene.state("c\($0)") } == Array(repeating: "draining", count: 4)
        )
        #expect(try scene.state("other") == "active")
        try scene.pass(milliseconds: 5_000)
        #expect(
            try (0...3).map { try scene.state("c\($0)") } == Array(repeating: "active", count: 4)
        )
        let frames = try scene.windowFrames()
        #expect(frames[1] == ["window-began"] + Array(repeating: "resource-drained", count: 3))
        #expect(frames[2] == ["window-ended"] + Array(repeating: "resource-state", count: 4))
        #expect(try scene.world.replayFaults() == [])
    }

    @Test
    func `what is deleted leaves its windows, and one of that alone is over`() throws {
        let scene = try Self.node(2, 2)
        let alone = try scene.window("c0", at: 1_000, for: 1_000)
        let node = try scene.plan(.node("box"), at: 5_000, for: 1_000).window
        let id = try #require(try scene.core.state.resource(named: "c0")?.id)
        try scene.told(.deleteResource(name: "c0"))
        #expect(
            try scene.windowEnds() == [
                WindowEnd(window: alone, cause: .deleted),
                WindowEnd(window: node, cause: .deleted, resources: [id]),
            ]
        )
        try scene.told(.deleteResource(name: "c1"))
        #expect(try scene.told(.query(.window(node)))["resources"] == .integer(0))
        try scene.pass(milliseconds: 5_000)
        try scene.declare("c0", on: "box", cpus: 2)
        #expect(try scene.state("c0") == "draining")
        try scene.pass(milliseconds: 1_000)
        #expect(try scene.state("c0") == "active")
        #expect(try scene.core.invariantFault() == nil)
        #expect(try scene.world.replayFaults() == [])
    }

    @Test
    func `all of a resource is kept free, however much it becomes`() throws {
        let scene = try Scene([2])
        _ = try scene.window("n0", at: 10_000, for: 1_000)
        try scene.declare("n0", .cpu, 900_000)
        #expect(scene.refusal(try scene.ask(Scene.request(1, life: nil))) != nil)
        #expect(scene.grant(try scene.ask(Scene.request(800, life: 9_000))) != nil)
    }

    @Test
    func `what operators change on a node leaves its window, and the last of it ends it`() throws {
        let scene = try Self.node(2, 2, 2)
        let window = try scene.plan(.node("box", pool: "main"), at: 1_000, for: 5_000).window
        try scene.pass(milliseconds: 1_000)
        let first = try #require(try scene.core.state.resource(named: "c0")?.id)
        try scene.told(.setResourceState(name: "c0", state: .active))
        #expect(try scene.told(.query(.window(window)))["resources"] == .integer(2))
        #expect(scene.grant(try scene.ask(Scene.request(2, life: nil))) != nil)
        // Draining what drains already makes it the operator's as well.
        let drain = NodeRequest(node: "box", state: .draining)
        #expect(try scene.told(.setNodeState(drain))["resources"] == .integer(3))
        #expect(
            try scene.windowEnds() == [
                WindowEnd(window: window, cause: .changed, resources: [first]),
                WindowEnd(window: window, cause: .changed),
            ]
        )
        try scene.pass(milliseconds: 5_000)
        #expect(try scene.state("c1") == "draining")
    }

    // MARK: Beside bookings

    @Test
    func `bookings find places beside windows, and only there`() throws {
        let scene = try Scene([4])
        _ = try scene.window("n0", at: 10_000, for: 5_000)
        #expect(try scene.refusedBooking(1, at: 9_000, for: 1_002).code == .exhausted)
        #expect(try scene.refusedBooking(1, at: 12_000, for: 100).code == .exhausted)
        #expect(try scene.refusedBooking(1, at: 14_999, for: 100).code == .exhausted)
        let before = try scene.book(4, at: 9_000, for: 990)
        let after = try scene.book(4, at: 15_001, for: 100)
        try scene.pass(milliseconds: 9_000)
        _ = try scene.begun(before)
        try scene.pass(milliseconds: 6_001)
        _ = try scene.begun(after)
    }

    @Test
    func `a booking that begins in a window finds another place, or waits for its end`() throws {
        let scene = try Scene([4, 3])
        let moved = try scene.book(3, at: 11_000, for: 1_000)
        let late = try scene.book(4, at: 13_000, for: 9_000)
        let lost = try scene.book(4, at: 12_000, for: 900)
        let document = try scene.plan(.resource("n0"), at: 10_000, for: 5_000)
        #expect(document["bookings"] == .integer(3))
        try scene.pass(milliseconds: 11_000)
        #expect(try scene.begun(moved).placements.map(\.resource) == ["n1"])
        try scene.pass(milliseconds: 1_000)
        #expect(try scene.ended(lost).message.contains("n0 is draining"))
        try scene.pass(milliseconds: 1_000)
        #expect(try scene.shown(late)["lost"] == .string("n0 is draining"))
        try scene.pass(milliseconds: 2_000)
        let grant = try scene.begun(late)
        #expect(grant.placements.map(\.resource) == ["n0"])
        #expect(try scene.lifetimeEnd(of: grant) == scene.end(of: late))
    }

    // MARK: Refusals and lists

    @Test
    func `no resource is in two windows at one time`() throws {
        let scene = try Self.node(2, 2)
        _ = try scene.window("c0", at: 10_000, for: 5_000)
        func refused(_ subject: WindowRequest.Subject, _ start: UInt64, _ length: UInt64) -> Bool {
            do {
                try scene.plan(subject, at: start, for: length)
                return false
            } catch let refusal as Refusal {
                return refusal.code == .conflict && refusal.message.contains("has c0")
            } catch {
                return false
            }
        }
        #expect(refused(.resource("c0"), 14_900, 10))
        #expect(refused(.node("box"), 9_000, 1_100))
        _ = try scene.window("c1", at: 10_000, for: 5_000)
        _ = try scene.plan(.node("box"), at: 15_000, for: 10)
        #expect(try scene.core.invariantFault() == nil)
    }

    @Test
    func `two windows of a node without resources do not meet either`() throws {
        let scene = try Self.node(2)
        _ = try scene.plan(.node("box"), at: 10_000, for: 5_000)
        try scene.told(.deleteResource(name: "c0"))
        try scene.told(.setPool(name: "side", settings: []))
        var request = ResourceRequest(name: "s0", pool: "side", kind: .cpu, capacity: 1)
        request.node = "box"
        try scene.told(.setResource(request))
        try scene.told(.deleteResource(name: "s0"))
        try scene.declare("c0", on: "box", cpus: 2)
        #expect(throws: Refusal.self) {
            try scene.plan(.node("box", pool: "main"), at: 12_000, for: 10)
        }
        #expect(try scene.core.invariantFault() == nil)
    }

    @Test
    func `what makes no sense of a window is refused, and there are so many`() throws {
        let scene = try Scene([4])
        let bad: [(UInt64, UInt64, UInt64?)] = [
            (0, 0, nil), (0, 5, nil), (5, 0, nil), (Limits.millisecondsMax + 1, 5, nil),
            (5, 100, 0), (5, 100, 100),
        ]
        for (start, length, by) in bad {
            #expect(throws: Refusal.self) {
                try scene.plan(.resource("n0"), at: start, for: length, by: by)
            }
        }
        for subject: WindowRequest.Subject in [
            .resource("no"), .node("no"), .node("node-n0", pool: "no"),
        ] {
            #expect(throws: Refusal.self) { try scene.plan(subject, at: 5, for: 5) }
        }
        var windows: [WindowID] = []
        for number in 0..<UInt64(Limits.windowsPerResource) {
            windows.append(try scene.window("n0", at: 1_000 + 10 * number, for: 10))
        }
        do {
            try scene.plan(.resource("n0"), at: 90_000, for: 10)
            Issue.record("one more than there may be")
        } catch let refusal as Refusal {
            #expect(refusal.code == .busy)
        }
        let page = Query.windows(pool: "main", page: Page(limit: 3))
        let document = try scene.told(.query(page))
        guard case .list(let items)? = document["items"] else { throw NotGranted() }
        #expect(try items.map { try $0.window } == Array(windows.prefix(3)))
        #expect(document["cursor"] == .string("\(windows[2].rawValue)"))
        let rest = Query.windows(pool: nil, page: Page(after: "\(windows[14].rawValue)"))
        guard case .list(let last)? = try scene.told(.query(rest))["items"] else {
            throw NotGranted()
        }
        #expect(try last.map { try $0.window } == [windows[15]])
        #expect(last.first?["reason"] == .string("new fan"))
    }
}
