// Planned drains in a scene of bookings.

import TenureModel
import TenureSimulation
import TenureTesting

@testable import Tenure
@testable import TenureModel

extension BookingScene {
    /// Plans a drain; what is told of it.
    @discardableResult
    func plan(
        _ subject: WindowRequest.Subject,
        at start: UInt64,
        for length: UInt64,
        by milliseconds: UInt64? = nil
    ) throws -> Document {
        let request = WindowRequest(
            subject,
            startMilliseconds: start,
            lengthMilliseconds: length,
            byMilliseconds: milliseconds,
            reason: "new fan"
        )
        let number = try ask(.planWindow(request))
        try scene.settle()
        switch scene.answers[number] {
        case .refused(let refusal): throw refusal
        case .document(let document): return document
        default: throw NotGranted()
        }
    }

    /// Plans a drain of one resource; its name.
    func window(
        _ resource: String,
        at start: UInt64,
        for length: UInt64,
        by milliseconds: UInt64? = nil
    ) throws -> WindowID {
        try plan(.resource(resource), at: start, for: length, by: milliseconds).window
    }

    /// Asks for something that is answered with a document.
    @discardableResult
    func told(_ command: Command) throws -> Document {
        switch try core.ask(command) {
        case .refused(let refusal): throw refusal
        case let answer: return answer.document
        }
    }

    /// The state of a resource, by its name in answers.
    func state(_ resource: String) throws -> String? {
        guard case .string(let state)? = try told(.query(.resource(resource)))["state"] else {
            return nil
        }
        return state
    }

    /// A resource of some CPUs on a node.
    func declare(_ name: String, on node: String, cpus: UInt64) throws {
        var request = ResourceRequest(
            name: name,
            pool: "main",
            kind: .cpu,
            capacity: cpus * 1_000
        )
        request.node = node
        try told(.setResource(request))
    }

    /// The frames of the record that tell of windows, by the names of their events.
    func windowFrames() throws -> [[String]] {
        try scene.world.frames().map { $0.map(\.name) }.filter { names in
            names.contains { $0.hasPrefix("window") }
        }
    }

    /// Why windows ended, in order.
    func windowEnds() throws -> [WindowEnd] {
        try scene.world.frames().joined().compactMap { event in
            if case .windowEnded(let end) = event { end } else { nil }
        }
    }
}

extension Document {
    /// The window that is told of.
    var window: WindowID {
        get throws {
            guard case .id(let id)? = self["window"] else { throw NotGranted() }
            return WindowID(rawValue: id)
        }
    }
}
