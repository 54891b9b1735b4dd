// What a replay asks of the ledger, and when.

internal import TenureBase
package import TenureModel

/// One thing that happens to one task.
package struct ReplayStep: Hashable, Comparable, Sendable {
    /// At one second, what frees comes first; a task of no length is released after it came.
    package enum Act: UInt8, Sendable {
        case release
        case acquire
        case releaseAtOnce
    }

    /// In seconds of the trace.
    package let second: UInt64
    package let act: Act
    /// Which task.
    package let task: Int

    /// Orders by time, then by act, then by task.
    package static func < (left: ReplayStep, right: ReplayStep) -> Bool {
        (left.second, left.act.rawValue, left.task) < (right.second, right.act.rawValue, right.task)
    }
}

extension Trace {
    /// Everything that happens, in the order in which it happens.
    package var steps: [ReplayStep] {
        var steps: [ReplayStep] = []
        steps.reserveCapacity(tasks.count * 2)
        for (index, task) in tasks.enumerated() {
            let end: ReplayStep.Act = task.deleted > task.created ? .release : .releaseAtOnce
            steps.append(ReplayStep(second: task.created, act: .acquire, task: index))
            steps.append(ReplayStep(second: task.deleted, act: end, task: index))
        }
        return steps.sorted()
    }

    /// Steps that are one group of commits: the same second, the same act, at most `limit`.
    package static func batches(_ steps: [ReplayStep], limit: Int) -> [ArraySlice<ReplayStep>] {
        var batches: [ArraySlice<ReplayStep>] = []
        var start = steps.startIndex
        for index in steps.indices {
            let first = steps[start]
            let step = steps[index]
            if step.second != first.second || step.act != first.act || index - start >= limit {
                batches.append(steps[start..<index])
                start = index
            }
        }
        if start < steps.endIndex { batches.append(steps[start...]) }
        return batches
    }

    /// The pool of a replay.
    package static let pool = "openb"

    /// The commands that declare the cluster: one node per machine, one resource per device.
    package func declarations(strategy: Strategy) -> [Command] {
        var commands: [Command] = [
            .setPool(
                name: Trace.pool,
                settings: [.strategy(strategy), .ttlMax(Limits.millisecondsMax)]
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
    package var request: AcquireRequest {
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
        if !models.isEmpty, gpu > 0 { request.selector = [Label(name: "model", value: models)] }
        return request
    }
}
