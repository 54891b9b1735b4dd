// A trace of a cluster: its nodes, and tasks that come and go.
//
// The columns are those of Alibaba's cluster-trace-gpu-v2023 ("openb"). Sampling nodes and
// shifting copies of the tasks is seeded: the same seed gives the same trace on every machine.

/// A machine of the cluster.
package struct TraceNode: Hashable, Sendable {
    package let name: String
    /// In thousandths of a CPU.
    package let cpu: UInt64
    /// In bytes.
    package let memory: UInt64
    /// How many devices.
    package let gpus: Int
    /// What the devices are.
    package let model: String
}

/// Something that ran on one machine from `created` until `deleted`.
package struct TraceTask: Hashable, Sendable {
    package var name: String
    /// The class of service, which stands for the tenant.
    package let quality: String
    package let cpu: UInt64
    package let memory: UInt64
    /// In thousandths of a device: a share of one, or whole ones.
    package let gpu: UInt64
    /// Any model when empty.
    package let models: String
    /// In seconds of the trace.
    package var created: UInt64
    /// In seconds of the trace, not before `created`.
    package var deleted: UInt64

    /// A task with these facts.
    package init(
        name: String,
        quality: String,
        cpu: UInt64,
        memory: UInt64,
        gpu: UInt64,
        models: String,
        created: UInt64,
        deleted: UInt64
    ) {
        self.name = name
        self.quality = quality
        self.cpu = cpu
        self.memory = memory
        self.gpu = gpu
        self.models = models
        self.created = created
        self.deleted = deleted
    }
}

/// A cluster and what was asked of it.
package struct Trace: Equatable, Sendable {
    package private(set) var nodes: [TraceNode]
    package private(set) var tasks: [TraceTask]

    /// A trace that was made elsewhere.
    package init(nodes: [TraceNode], tasks: [TraceTask]) {
        self.nodes = nodes
        self.tasks = tasks
    }

    /// Reads the two files of a trace.
    package init(nodesFile: String, tasksFile: String) throws {
        nodes = try Trace.nodes(
            TraceTable(path: nodesFile, columns: Trace.nodeColumns)
        )
        tasks = try Trace.tasks(
            TraceTable(path: tasksFile, columns: Trace.taskColumns)
        )
        guard !nodes.isEmpty, !tasks.isEmpty else {
            throw TraceFault(
                file: nodes.isEmpty ? nodesFile : tasksFile,
                sentence: "has no rows"
            )
        }
    }

    /// Reads the nodes of a trace and what its tasks ask for; their times are not needed.
    package init(nodesFile: String, demandsFile: String) throws {
        nodes = try Trace.nodes(TraceTable(path: nodesFile, columns: Trace.nodeColumns))
        tasks = try Trace.demands(
            TraceTable(
                path: demandsFile,
                columns: Trace.demandColumns,
                optional: Trace.modelColumns
            )
        )
        let file = nodes.isEmpty ? nodesFile : demandsFile
        guard !nodes.isEmpty, !tasks.isEmpty else {
            throw TraceFault(file: file, sentence: "has no rows")
        }
        guard nodes.contains(where: { $0.gpus > 0 }), tasks.contains(where: { $0.gpu > 0 }) else {
            throw TraceFault(file: file, sentence: "has no devices, or nobody asks for one")
        }
    }

    /// The columns of a file of nodes.
    package static let nodeColumns = ["sn", "cpu_milli", "memory_mib", "gpu", "model"]

    /// The columns of a file of tasks.
    package static let taskColumns = [
        "name", "cpu_milli", "memory_mib", "num_gpu", "gpu_milli", "gpu_spec", "qos",
        "creation_time", "deletion_time",
    ]

    /// The columns of a file of tasks that say how much is asked for.
    package static let demandColumns = [
        "name", "cpu_milli", "memory_mib", "num_gpu", "gpu_milli",
    ]

    /// The columns that a list may lack when none of its tasks is bound to a model.
    package static let modelColumns = ["gpu_spec"]

    private static let amountLimit: UInt64 = 1 << 40
    private static let secondsLimit: UInt64 = 5_000_000_000

    /// The machines that a table describes.
    package static func nodes(_ table: TraceTable) throws -> [TraceNode] {
        try table.rows.map { row in
            TraceNode(
                name: row.text(0),
                cpu: try row.number(1, limit: amountLimit),
                memory: try row.number(2, limit: 1 << 32) << 20,
                gpus: Int(try row.number(3, limit: 64)),
                model: row.text(4)
            )
        }
    }

    /// The tasks that a table describes.
    package static func tasks(_ table: TraceTable) throws -> [TraceTask] {
        try table.rows.map { row in
            let created = try row.number(7, limit: secondsLimit)
            let deleted = try row.number(8, limit: secondsLimit)
            guard deleted >= created else { throw row.fault(8, "is before the creation") }
            return TraceTask(
                name: row.text(0),
                quality: row.text(6),
                cpu: try row.number(1, limit: amountLimit),
                memory: try row.number(2, limit: 1 << 32) << 20,
                gpu: try gpu(row),
                models: row.text(5),
                created: created,
                deleted: deleted
            )
        }
    }

    /// The tasks that a table describes, without their times.
    package static func demands(_ table: TraceTable) throws -> [TraceTask] {
        try table.rows.map { row in
            TraceTask(
                name: row.text(0),
                quality: "",
                cpu: try row.number(1, limit: amountLimit),
                memory: try row.number(2, limit: 1 << 32) << 20,
                gpu: try gpu(row),
                models: row.text(5),
                created: 0,
                deleted: 0
            )
        }
    }

    /// Thousandths of a device: a share of one, or whole ones.
    private static func gpu(_ row: TraceTable.Row) throws -> UInt64 {
        let count = try row.number(3, limit: 64)
        let share = try row.number(4, limit: 1000)
        if count == 0, share != 0 { throw row.fault(4, "a share of no device") }
        if count == 1, share == 0 { throw row.fault(4, "no share of a device") }
        if count > 1, share != 1000 { throw row.fault(4, "several devices are taken whole") }
        return count * share
    }
}

extension Trace {
    /// From the first creation to the last deletion, in seconds.
    package var span: (start: UInt64, end: UInt64) {
        (tasks.map(\.created).min() ?? 0, tasks.map(\.deleted).max() ?? 0)
    }

    /// Device-seconds asked for over device-seconds there are, in per cent.
    package var offeredGPUPercent: Double {
        let (start, end) = span
        let devices = nodes.reduce(0) { $0 + $1.gpus }
        guard end > start, devices > 0 else { return 0 }
        let asked = tasks.reduce(0.0) { $0 + Double($1.gpu) * Double($1.deleted - $1.created) }
        return asked / 1000 / (Double(devices) * Double(end - start)) * 100
    }

    /// A seeded part of the nodes, and copies of the tasks shifted in time by seeded offsets.
    ///
    /// The first copy is not shifted. A task that a shift would carry past the end of the trace
    /// goes on at its start, as a task of its own, so that every copy asks for the same in all.
    package func scaled(nodes share: Double, copies: Int, seed: UInt64) -> Trace {
        var random = SplitMix(state: seed)
        var order = Array(nodes.indices)
        for place in order.indices.dropLast() {
            order.swapAt(place, place + random.below(order.count - place))
        }
        let kept = max(Int((Double(nodes.count) * share).rounded()), 1)
        let sample = order.prefix(kept).sorted().map { nodes[$0] }
        var all = tasks
        for copy in 1..<max(copies, 1) {
            let (start, end) = span
            let offset = UInt64(random.below(Int(max(end - start, 1))))
            all += tasks.flatMap { Trace.shifted($0, by: offset, in: start...end, copy: copy) }
        }
        return Trace(nodes: sample, tasks: all)
    }

    /// All times moved down to multiples of `seconds`.
    package func coarsened(to seconds: UInt64) -> Trace {
        guard seconds > 1 else { return self }
        let tasks = tasks.map { task in
            var task = task
            task.created -= task.created % seconds
            task.deleted -= task.deleted % seconds
            return task
        }
        return Trace(nodes: nodes, tasks: tasks)
    }

    private static func shifted(
        _ task: TraceTask,
        by offset: UInt64,
        in span: ClosedRange<UInt64>,
        copy: Int
    ) -> [TraceTask] {
        let length = span.upperBound - span.lowerBound
        let lasts = task.deleted - task.created
        let from = length == 0 ? 0 : (task.created - span.lowerBound + offset) % length
        let until = min(from + lasts, length)
        let wrapped = lasts - (until - from)
        var first = task
        first.name = "\(task.name).\(copy)"
        first.created = span.lowerBound + from
        first.deleted = span.lowerBound + until
        guard wrapped > 0 else { return [first] }
        var second = task
        second.name = "\(task.name).\(copy).on"
        second.created = span.lowerBound
        second.deleted = span.lowerBound + wrapped
        return [second, first]
    }
}

/// The seeded generator of Steele, Lea and Flood: 64 bits of state, no bad seeds.
package struct SplitMix {
    private var state: UInt64

    /// A generator that gives the same numbers for the same state.
    package init(state: UInt64) {
        self.state = state
    }

    /// The next 64 bits.
    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    /// A number from 0 to below `bound`; the high half of a product, so without a visible bias.
    package mutating func below(_ bound: Int) -> Int {
        Int(next().multipliedFullWidth(by: UInt64(max(bound, 1))).high)
    }
}
