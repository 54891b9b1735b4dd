// Random records of grants and of what became of leases.

import TenureModel
import TenureTesting

extension RandomValues {
    mutating func grantRecord() -> GrantRecord {
        GrantRecord(
            lease: lease(),
            stored: maybe { $0.storedAnswer() },
            why: affineReason(),
            served: maybe { values in
                ServedTicket(ticket: TicketID(rawValue: values.u64()), keptUntil: values.time())
            }
        )
    }

    mutating func growthRecord() -> GrowthRecord {
        GrowthRecord(
            lease: leaseID(),
            token: Token(rawValue: u64()),
            added: placements(),
            stored: maybe { $0.storedAnswer() },
            why: reason()
        )
    }

    mutating func handOverRecord() -> HandOverRecord {
        HandOverRecord(
            lease: leaseID(),
            token: Token(rawValue: u64()),
            holder: text(),
            uid: maybe { $0.u32() },
            session: maybe { $0.sessionID() },
            ttlMilliseconds: u64(),
            deadline: time(),
            stored: maybe { $0.storedAnswer() }
        )
    }

    mutating func subleaseRecord() -> SubleaseRecord {
        var lease = lease()
        lease.parent = leaseID()
        return SubleaseRecord(lease: lease, stored: maybe { $0.storedAnswer() })
    }

    /// A lease that has a parent, sub-leases, both or neither.
    mutating func relatedLease() -> Lease {
        var lease = lease()
        lease.parent = maybe { $0.leaseID() }
        lease.subleases = list { $0.leaseID() }
        return lease
    }

    /// A reason of a grant, which other leases may have had to do with.
    mutating func affineReason() -> GrantReason {
        let why = reason()
        var passedOver = why.passedOver
        let rules = list(2) { $0.text(30) }
        if !rules.isEmpty { passedOver.affinity = u32() }
        return GrantReason(
            policyVersion: why.policyVersion,
            strategy: why.strategy,
            considered: why.considered,
            passedOver: passedOver,
            learntVersion: why.learntVersion,
            candidates: why.candidates,
            affinities: rules
        )
    }

    private mutating func reason() -> GrantReason {
        GrantReason(
            policyVersion: UInt16(truncatingIfNeeded: u64()),
            strategy: pick(Strategy.allCases),
            considered: u32(),
            passedOver: passedOver(),
            learntVersion: maybe { $0.u32() } ?? 0,
            candidates: list(3) { values in
                Candidate(place: values.name(), score: Int64(bitPattern: values.u64()))
            }
        )
    }
}
