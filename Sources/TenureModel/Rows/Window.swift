// Windows: drains of resources from a time to a time.
//
// A window is a row from its making to its end. Until it begins, all of what its resources have is
// withheld from whatever might live into it, as a booking withholds its places
// (Ledger+BookedRoom.swift); from then on they drain, and at its end each is again what it was.

internal import TenureBase

/// A drain of some resources from a time to a time.
package struct Window: Hashable, Sendable {
    /// One of its resources.
    package struct Member: Hashable, Sendable {
        package let resource: ResourceID
        /// What it was when the window began, and is again at its end; `active` until it begins.
        package var before: ResourceState

        package init(resource: ResourceID, before: ResourceState = .active) {
            self.resource = resource
            self.before = before
        }
    }

    /// Its name.
    package let id: WindowID
    /// When its resources begin to drain.
    package let start: LedgerTime
    /// When they are again what they were.
    package let end: LedgerTime
    /// How long after its beginning what is left is taken back, in milliseconds.
    package let byMilliseconds: UInt64?
    /// The node of which it has all resources; absent when it has one resource.
    package let node: String?
    /// The pool of which it has them; absent when of every pool.
    package let pool: String?
    /// What it is for.
    package let reason: String?
    /// Its resources, of none twice.
    package var members: [Member]
    /// Whether they drain.
    package var hasBegun: Bool

    package init(
        id: WindowID,
        start: LedgerTime,
        end: LedgerTime,
        byMilliseconds: UInt64?,
        node: String?,
        pool: String?,
        reason: String?,
        members: [Member],
        hasBegun: Bool = false
    ) {
        self.id = id
        self.start = start
        self.end = end
        self.byMilliseconds = byMilliseconds
        self.node = node
        self.pool = pool
        self.reason = reason
        self.members = members
        self.hasBegun = hasBegun
    }

    /// Whether a resource of this place and pool that is declared now is in it.
    func takesIn(place: String, pool: String) -> Bool {
        node == place && (self.pool == nil || self.pool == pool)
    }

    /// Whether both may have a resource at one time that is declared later.
    func mayShare(with other: Window) -> Bool {
        guard let node, node == other.node else { return false }
        return pool == nil || other.pool == nil || pool == other.pool
    }

    /// Whether there is a time at which both drain.
    func overlaps(_ other: Window) -> Bool { start < other.end && other.start < end }
}

/// That a window is over, of all of its resources or of some.
package struct WindowEnd: Hashable, Sendable {
    /// Why.
    package enum Cause: UInt8, CaseIterable, Sendable {
        /// Its time is over.
        case over = 0
        /// It was called off, before it began or after.
        case cancelled = 1
        /// The ledger did not run from its beginning to its end.
        case missed = 2
        /// An operator has changed the state of these resources while they drained.
        case changed = 3
        /// The resources were deleted.
        case deleted = 4

        /// The name in answers.
        package var name: String {
            switch self {
            case .over: "over"
            case .cancelled: "cancelled"
            case .missed: "missed"
            case .changed: "changed"
            case .deleted: "deleted"
            }
        }
    }

    package let window: WindowID
    package let cause: Cause
    /// Of which of its resources alone; of all, and for good, when there are none.
    package let resources: [ResourceID]

    package init(window: WindowID, cause: Cause, resources: [ResourceID] = []) {
        self.window = window
        self.cause = cause
        self.resources = resources
    }
}

/// The windows that are not over, which stay in memory, and how they are found.
package struct WindowTable {
    private var rows: [WindowID: Window] = [:]
    private var byResource: [ResourceID: [WindowID]] = [:]
    /// Those that changed since the last checkpoint, and where.
    var changed: [WindowID: Position] = [:]

    /// How many there are.
    ///
    /// Kept apart, as `BookingTable.pending` is: ledgers without windows ask for nothing else.
    package private(set) var count = 0

    /// All of them, oldest first.
    var inOrder: [Window] { rows.values.sorted { $0.id < $1.id } }

    subscript(id: WindowID) -> Window? { rows[id] }

    /// Those that have a resource, in no stated order.
    func having(_ resource: ResourceID) -> [Window] {
        (byResource[resource] ?? []).compactMap { rows[$0] }
    }

    /// The one in which a resource drains now.
    func running(_ resource: ResourceID) -> Window? {
        guard count > 0 else { return nil }
        return having(resource).first { $0.hasBegun }
    }

    /// Puts a window in, or another in the place of what it was.
    mutating func set(_ window: Window) {
        remove(window.id)
        rows[window.id] = window
        count += 1
        for member in window.members { byResource[member.resource, default: []].append(window.id) }
    }

    /// Takes a window out; nothing when it is not there.
    @discardableResult
    mutating func remove(_ id: WindowID) -> Window? {
        guard let window = rows.removeValue(forKey: id) else { return nil }
        count -= 1
        for member in window.members {
            byResource[member.resource]?.removeAll { $0 == id }
            if byResource[member.resource]?.isEmpty == true { byResource[member.resource] = nil }
        }
        return window
    }
}

extension Event {
    /// The facts of an event of windows as fields.
    var windowFields: [Document.Field] {
        let ids: ([ResourceID]) -> Document = { resources in
            .list(resources.map { .map([.init("resource", .count(UInt64($0.rawValue)))]) })
        }
        switch self {
        case .windowPlanned(let window):
            return [
                .init("window", .id(window.id.rawValue)), .init("node", .optional(window.node)),
                .init("pool", .optional(window.pool)),
                .init("start", window.start.document), .init("end", window.end.document),
                .init("by", window.byMilliseconds.map(Document.count) ?? .null),
                .init("reason", .optional(window.reason)),
                .init("resources", ids(window.members.map(\.resource))),
            ]
        case .windowBegan(let id): return [.init("window", .id(id.rawValue))]
        case .windowEnded(let end):
            return [
                .init("window", .id(end.window.rawValue)), .init("cause", .string(end.cause.name)),
                .init("resources", ids(end.resources)),
            ]
        default: return []
        }
    }
}
