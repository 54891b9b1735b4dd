// What is said of queued requests.

/// A request that was not granted yet and has a durable place in the queue.
public struct QueuedRequest: Equatable, Sendable {
    /// The name of its place.
    public var ticket: TicketID
    /// Who will hold what is granted.
    public var holder: String
    /// Milliseconds until it gives up.
    public var waitMilliseconds: UInt64
    /// The position of the queueing.
    public var position: Position
    /// Whether the request had been queued before, under the same request id.
    public var replayed: Bool
}

/// What a request that may be queued was answered.
public enum Queueing: Equatable, Sendable {
    /// It was granted at once, or before.
    case granted(Grant)
    /// It waits.
    case queued(QueuedRequest)
}

/// Which queued requests are asked for; what is absent does not restrict.
public struct TicketFilter: Equatable, Sendable {
    /// Requests to this pool.
    public var pool: String?
    /// Requests of this tenant and those below it.
    public var tenant: String?

    /// A filter; without arguments it lets everything through.
    public init(pool: String? = nil, tenant: String? = nil) {
        self.pool = pool
        self.tenant = tenant
    }
}

extension QueuedRequest {
    /// The queued request as fields.
    public var document: Document {
        .map([
            .init("status", .string("queued")), .init("ticket", .id(ticket.rawValue)),
            .init("holder", .string(holder)), .init("wait", .count(waitMilliseconds)),
            .init("position", .id(position)), .init("replayed", .bool(replayed)),
        ])
    }
}
