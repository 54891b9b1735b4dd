// What a start declares of the host: once, what changed, what is gone, and nothing by hand.

import TenureCommand
import TenureModel
import Testing

@Suite("Host declaration")
struct HostDeclarationTests {
    private static let found: ResourceRequest = {
        var request = ResourceRequest(
            name: "box/gpu0",
            pool: "local",
            kind: .gpu,
            capacity: 1000,
            node: "box"
        )
        request.labels = [Label(name: "model", value: "A100")]
        request.force = true
        request.detected = true
        return request
    }()

    private static func row(
        _ name: String,
        capacity: Int64 = 1000,
        state: String = "active",
        detected: Bool = true
    ) -> Document {
        .map([
            .init("name", .string(name)), .init("state", .string(state)),
            .init("capacity", .integer(capacity)),
            .init("labels", .map([.init("model", .string("A100"))])),
            .init("detected", .bool(detected)),
        ])
    }

    @Test
    func `a first start makes the pool and declares everything`() {
        let commands = HostDeclaration.commands([Self.found], known: [])
        #expect(commands == [.setPool(name: "local", settings: []), .setResource(Self.found)])
    }

    @Test
    func `a start on an unchanged host changes nothing`() {
        #expect(HostDeclaration.commands([Self.found], known: [Self.row("box/gpu0")]).isEmpty)
    }

    @Test
    func `what changed is declared again`() {
        let known = [Self.row("box/gpu0", capacity: 500)]
        #expect(HostDeclaration.commands([Self.found], known: known) == [.setResource(Self.found)])
    }

    @Test
    func `what is gone becomes unconfirmed once, and what comes back is confirmed`() {
        let gone = Command.housekeeping(.resourceSeen(name: "box/gpu0", seen: false))
        let back = Command.housekeeping(.resourceSeen(name: "box/gpu0", seen: true))
        let unconfirmed = [Self.row("box/gpu0", state: "unconfirmed")]
        #expect(HostDeclaration.commands([], known: [Self.row("box/gpu0")]) == [gone])
        #expect(HostDeclaration.commands([], known: unconfirmed).isEmpty)
        #expect(HostDeclaration.commands([Self.found], known: unconfirmed) == [back])
    }

    @Test
    func `what was declared by hand is never touched`() {
        #expect(HostDeclaration.commands([], known: [Self.row("mine", detected: false)]).isEmpty)
    }
}
