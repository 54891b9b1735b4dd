// What host detection found: plain values, ready to be declared as resources.

/// One thing of this host that can be allocated.
package struct DetectedResource: Sendable {
    /// Its name: the node, a slash, and what it is on the node.
    package let name: String
    /// What is counted: `cpu`, `memory`, `disk`, `network` or `gpu`.
    package let kind: String
    /// How much there is, in the kind's base unit: milli-CPU, bytes, bytes, bits/s, milli-GPU.
    package let capacity: UInt64
    /// How much of it nobody used when it was looked at; information, never a promise.
    package let available: UInt64
    /// The host.
    package let node: String
    /// What a selector can ask for, sorted by key, each key once.
    package let labels: [(key: String, value: String)]

    init(
        _ suffix: String,
        of node: String,
        kind: String,
        capacity: UInt64,
        available: UInt64,
        labels: [String: String] = [:]
    ) {
        name = node + "/" + suffix
        self.kind = kind
        self.capacity = capacity
        self.available = min(available, capacity)
        self.node = node
        self.labels = labels.compactMap { key, value in
            let value = HostNames.labelValue(value)
            return value.isEmpty ? nil : (key, value)
        }
        .sorted { $0.key < $1.key }
    }
}

/// What a host has, and what could not be seen.
package struct HostInventory: Sendable {
    /// The host, as a name that resources and nodes can have.
    package let node: String
    /// What was found, each name once.
    package internal(set) var resources: [DetectedResource] = []
    /// Sentences for the operator about what was left out, and why.
    package internal(set) var notes: [String] = []

    init(node: String) {
        self.node = node
    }

    mutating func note(_ sentence: String) {
        notes.append(sentence)
    }

    /// Adds `resource`, unless its name is taken: then a note says so.
    mutating func add(_ resource: DetectedResource) {
        if resources.contains(where: { $0.name == resource.name }) {
            note("a second \(resource.name) was found and left out")
        } else {
            resources.append(resource)
        }
    }
}
