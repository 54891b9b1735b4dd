// What a repair that cuts the log makes the ledger forget, told from the records that can be read.

internal import TenureLog
package import TenureModel

/// The records behind a cut, as far as they can be read.
package struct LostHistory: Equatable, Sendable {
    /// A lease or reservation that was granted there.
    package struct Grant: Equatable, Sendable {
        /// Which one.
        package let lease: LeaseID
        /// Where in the history.
        package let position: Position
        /// The tenant that it was counted for.
        package let tenant: String
        /// Who has it.
        package let holder: String
    }

    /// The first position that is lost.
    package let first: Position
    /// The last position of which something is left, when there is one.
    package private(set) var last: Position?
    /// How many records can be read.
    package private(set) var records: UInt64 = 0
    /// What was granted, the first `toldMax` of it.
    package private(set) var grants: [Grant] = []
    /// How many leases were granted.
    package private(set) var granted: UInt64 = 0
    /// Leases of before the cut that ended behind it, and will be there again; as many.
    package private(set) var ended: [LeaseID] = []
    /// How many of these there are.
    package private(set) var endings: UInt64 = 0

    /// How many leases of each sort are told one by one.
    package static let toldMax = 1_000

    init(from first: Position) {
        self.first = first
    }

    mutating func take(_ events: [Event], at position: Position) {
        last = position
        records += 1
        for event in events {
            switch event {
            case .granted(let record): add(record.lease, position)
            case .subleased(let record): add(record.lease, position)
            case .released(let lease): end(lease)
            case .reclaimed(let leases, _, _): for lease in leases { end(lease.lease) }
            default: break
            }
        }
    }

    private mutating func add(_ lease: Lease, _ position: Position) {
        granted += 1
        guard grants.count < Self.toldMax else { return }
        grants.append(
            Grant(
                lease: lease.id,
                position: position,
                tenant: lease.terms.tenant,
                holder: lease.terms.holder
            )
        )
    }

    private mutating func end(_ lease: LeaseID) {
        // Its id says where it was granted.
        guard Token(rawValue: lease.rawValue).position < first else { return }
        endings += 1
        if ended.count < Self.toldMax { ended.append(lease) }
    }
}
