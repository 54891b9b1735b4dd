// What a replay asks of the ledger.

internal import TenureBase
package import TenureModel

extension Trace {
    /// The pool of a replay.
    package static let pool = "openb"

    /// The commands that declare the cluster: one node per machine, one resource per device.
    package func declarations(
        strategy: Strategy,
        starvationLimit: UInt64 = 0
    ) -> [Command] {
        var commands: [Command] = [
            .setPool(
                name: Trace.pool,
                settings: [
                    .strategy(strategy), .ttlMax(Limits.millisecondsMax),
                    .starvationLimit(starvationLimit),
                ]
            )
        ]
        for node in nodes {
            commands.append(resource(node, "cpu", .cpu, node.cpu))
            commands.append(resource(node, "memory", .memory, node.memory))
            for device in 0..<node.gpus {
                commands.append(resource(node, "gpu\(device)", .gpu, 1000))
            }
        }
        return commands
    }

    private func resource(
        _ node: TraceNode,
        _ part: String,
        _ kind: Kind,
        _ capacity: UInt64
    ) -> Command {
        var request = ResourceRequest(
            name: "\(node.name)/\(part)",
            pool: Trace.pool,
            kind: kind,
            capacity: capacity,
            node: node.name
        )
        request.labels = node.model.isEmpty ? [] : [Label(name: "model", value: node.model)]
        return .setResource(request)
    }

    /// The capacity of the cluster by kind.
    package var capacities: [(kind: Kind, amount: UInt64)] {
        [
            (.cpu, nodes.reduce(0) { $0 + $1.cpu }),
            (.memory, nodes.reduce(0) { $0 + $1.memory }),
            (.gpu, nodes.reduce(0) { $0 + UInt64($1.gpus) * 1000 }),
        ]
    }
}

extension TraceTask {
    /// The request for what the task used; its TTL ends a day after the task did.
    ///
    /// One that waits, at most for so many milliseconds, says how long it will run, to the second,
    /// if it `saysLength`: by such ends it is known what comes free when.
    package func request(
        waitingMilliseconds wait: UInt64? = nil,
        saysLength: Bool = true
    ) -> AcquireRequest {
        let amounts = [(Kind.cpu, cpu), (.memory, memory), (.gpu, gpu)].filter { $0.1 > 0 }
        var request = AcquireRequest(
            pool: Trace.pool,
            claims: [Claim(amounts: amounts.map { ClaimAmount(kind: $0.0, amount: $0.1) })]
        )
        request.tenant = quality.isEmpty ? "openb" : "openb/\(quality)"
        request.holder = name
        request.ttlMilliseconds = min(
            (deleted - created + 86_400) * 1000,
            Limits.millisecondsMax
        )
        if wait != nil {
            request.waitMilliseconds = wait
            if saysLength { request.maxLifetimeMilliseconds = (deleted - created + 1) * 1000 }
        }
        if !models.isEmpty, gpu > 0 { request.selector = [Label(name: "model", value: models)] }
        return request
    }
}
