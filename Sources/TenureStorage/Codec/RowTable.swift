// The tables of the state, their numbers and names.
//
// Number and name are part of the format: they go into every row's checksum and into the file.

/// A table of the state.
package enum RowTable: UInt8, CaseIterable, Sendable {
    /// One row: what the last checkpoint was (MetaRow.swift).
    case meta = 0
    case pools = 1
    case resources = 2
    case quotas = 3
    case leases = 4
    case sessions = 5
    case storedAnswers = 6
    case usage = 7
    case due = 8
    case members = 9
    case tickets = 10
    case budgets = 11
    case tenantLimits = 12
    case breakers = 13
    case bookings = 14
    case preemptible = 16
    case windows = 17
    case reclaimable = 18

    /// The tables whose rows are counted and digested: all but `meta`.
    package static let counted = Array(allCases.dropFirst())
    /// Its rank among all tables; numbers have gaps.
    var rank: Int { Int(Self.ranks[Int(rawValue)]) }
    private static let ranks: [UInt8] = {
        var ranks = [UInt8](
            repeating: 0,
            count: allCases.reduce(0) { max($0, Int($1.rawValue)) } + 1
        )
        for (rank, table) in allCases.enumerated() { ranks[Int(table.rawValue)] = UInt8(rank) }
        return ranks
    }()

    /// What the file calls it.
    package var name: String {
        switch self {
        case .meta: "meta"
        case .pools: "pools"
        case .resources: "resources"
        case .quotas: "quotas"
        case .leases: "leases"
        case .sessions: "sessions"
        case .storedAnswers: "answers"
        case .usage: "usage"
        case .due: "due"
        case .members: "members"
        case .tickets: "tickets"
        case .budgets: "budgets"
        case .tenantLimits: "tenants"
        case .breakers: "breakers"
        case .bookings: "bookings"
        case .preemptible: "preemptible"
        case .windows: "windows"
        case .reclaimable: "reclaimable"
        }
    }
}

/// How many rows each table has.
package struct RowCounts: Hashable, Sendable {
    private var counts = [UInt64](repeating: 0, count: RowTable.allCases.count)

    package init() {}

    /// The count of `table`.
    package subscript(table: RowTable) -> UInt64 {
        get { counts[table.rank] }
        set { counts[table.rank] = newValue }
    }

    /// The count of all tables together.
    package var total: UInt64 { counts.reduce(0, &+) }
}
