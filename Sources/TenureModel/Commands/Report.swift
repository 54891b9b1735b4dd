// What holders report about resources, and what they are told of breakers.

/// What a holder says of the resources of its lease.
public struct Report: Hashable, Sendable {
    /// Whether the resource failed it; else it works.
    public var hasFailed: Bool
    /// The resource; when absent every GPU and custom kind of the lease, or all where it has none.
    public var resource: String?
    /// What happened, in the holder's words.
    public var reason: String?

    /// A report.
    public init(hasFailed: Bool, resource: String? = nil, reason: String? = nil) {
        self.hasFailed = hasFailed
        self.resource = resource
        self.reason = reason
    }
}

/// A breaker by what it guards.
public enum BreakerName: Hashable, Sendable {
    /// That of a pool.
    case pool(String)
    /// That of a resource.
    case resource(String)
}

/// What a grant has to do with breakers.
public struct BreakerNotice: Hashable, Sendable {
    /// The resources of the grant that are on trial: report on them.
    public var onTrial: [String]
    /// Resources that were left out because their breakers are open, at most eight.
    public var leftOut: [String]

    /// A notice with at least one of both.
    public init(onTrial: [String], leftOut: [String]) {
        self.onTrial = onTrial
        self.leftOut = leftOut
    }

    /// How many resources that were left out are named.
    static let leftOutMax = 8

    /// The notice as fields.
    package var fields: [Document.Field] {
        [
            .init("onTrial", .list(onTrial.map(Document.string))),
            .init("leftOut", .list(leftOut.map(Document.string))),
        ]
    }
}
