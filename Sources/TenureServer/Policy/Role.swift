// What each role may do: four roles, each of which may do all that the ones before it may.
//
// A command is judged when it is sent, by what the policy says then. Which tenants a caller may
// act for is judged by the ledger, which alone knows whose a lease is.

package import TenureModel
package import TenureWire

/// How much somebody may do.
package enum Role: String, CaseIterable, Comparable, Sendable {
    /// Reads.
    case observe
    /// Holds, for its tenants.
    case acquire
    /// Looks after pools and resources.
    case operate
    /// Decides who gets how much, and takes from others.
    case admin

    package static func < (left: Role, right: Role) -> Bool {
        left.rank < right.rank
    }

    private var rank: Int {
        switch self {
        case .observe: 0
        case .acquire: 1
        case .operate: 2
        case .admin: 3
        }
    }

    /// What it adds to the roles before it, for people.
    package var meaning: String {
        switch self {
        case .observe: "reads everything but tokens, and may check a token it knows"
        case .acquire: "asks, holds, renews and gives back, for its tenants"
        case .operate: "declares pools and resources, cordons and drains them, resets breakers"
        case .admin:
            "sets quotas, budgets and limits, revokes, prunes, and may see tokens and any tenant"
        }
    }

    /// The least role that may send `command`.
    package static func needed(for command: Command) -> Role {
        switch command {
        case .query(.optimize): .operate
        // Its answer has the token of the grant.
        case .query(.request): .acquire
        case .query, .check: .observe
        case .acquire, .cancelTicket, .book, .cancelBooking, .commit, .cancel, .renew, .release,
            .grow, .handOver, .sublease, .report, .openSession, .keepSession, .closeSession:
            .acquire
        case .setPool, .deletePool, .setResource, .setResourceState, .setNodeState, .planWindow,
            .cancelWindow, .deleteResource, .resetBreaker:
            .operate
        case .setQuota, .deleteQuota, .setTenant, .deleteTenant, .setBudget, .deleteBudget,
            .revoke, .revokeAll, .prune:
            .admin
        // No request is one: the parser knows none.
        case .housekeeping: .admin
        }
    }

    /// The least role that may send `command`; nothing for those of the connection alone.
    package static func needed(for command: ConnectionCommand) -> Role? {
        switch command {
        case .info, .explain, .watch: .observe
        case .hello, .auth, .ping, .echo, .clientID, .clientGetName, .clientSetName,
            .clientSetInfo, .clientInfo, .clientList, .commands, .commandCount, .commandDocs,
            .commandList, .select, .unwatch, .reset, .quit:
            nil
        }
    }
}

/// What somebody may do: how much, and for whom.
package struct Permission: Hashable, Sendable {
    /// The role.
    package var role: Role
    /// The tenants to act for; all when absent.
    package var tenants: TenantScope?
    /// The highest class to ask with.
    package var priorityMax: Priority

    /// A role for some tenants, or for all.
    package init(_ role: Role, tenants: TenantScope?, priorityMax: Priority = .critical) {
        self.role = role
        self.tenants = tenants
        self.priorityMax = priorityMax
    }

    /// Everything.
    package static let everything = Permission(.admin, tenants: nil)

    /// What those may do whom no policy restricts: hold for any tenant.
    static let unrestricted = Permission(.acquire, tenants: nil)

    /// Both together: the higher role, all the tenants, and the higher class of those that ask.
    func adding(_ other: Permission) -> Permission {
        let asking = [self, other].filter { $0.role >= .acquire }.map(\.priorityMax.rawValue)
        let highest = asking.max().flatMap(Priority.init(rawValue:)) ?? .critical
        var scope: TenantScope?
        if let ours = tenants, let theirs = other.tenants { scope = ours.union(theirs) }
        return Permission(max(role, other.role), tenants: scope, priorityMax: highest)
    }
}
