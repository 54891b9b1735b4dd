// Cordoning and draining whole nodes, and what holders are told of a drain.

/// What is asked of all resources of a node.
public struct NodeRequest: Hashable, Sendable {
    /// The node; a resource without one is a node by its own name.
    public var node: String
    /// Only its resources of this pool; those of every pool when absent.
    public var pool: String?
    /// Active, cordoned or draining.
    public var state: ResourceState
    /// When what is left is taken back, in milliseconds from now; only of a drain.
    public var byMilliseconds: UInt64?

    /// A new state for the resources of `node`.
    public init(
        node: String,
        pool: String? = nil,
        state: ResourceState,
        byMilliseconds: UInt64? = nil
    ) {
        self.node = node
        self.pool = pool
        self.state = state
        self.byMilliseconds = byMilliseconds
    }
}

/// What a holder is told whose lease has something on a resource that is drained.
public struct DrainNotice: Hashable, Sendable {
    /// Milliseconds until the lease is taken back; absent when the drain has no end.
    public var milliseconds: UInt64?

    /// A drain that ends in `milliseconds`.
    public init(milliseconds: UInt64?) {
        self.milliseconds = milliseconds
    }

    /// The notice as a field.
    package var field: Document.Field {
        .init("draining", milliseconds.map(Document.count) ?? .null)
    }
}
