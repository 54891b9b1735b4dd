// Random requests that wait, and how they ended.

import TenureModel
import TenureSimulation
import TenureTesting

extension RandomValues {
    /// A ticket, with a bound of what it may cost at random or for sure.
    mutating func ticket(maxCost: UInt64? = nil) -> Ticket {
        var request = AcquireRequest(
            pool: name(),
            claims: list { values in
                Claim(
                    places: values.count(1_000),
                    amounts: values.list { values in
                        let kind = values.kind()
                        let amount = values.u64()
                        return ClaimAmount(
                            kind: kind,
                            amount: amount,
                            most: values.maybe { $0.u64() }
                        )
                    }
                )
            }
        )
        request.tenant = name()
        request.holder = maybe { $0.name() }
        request.ttlMilliseconds = maybe { $0.u64() }
        request.session = maybe { $0.sessionID() }
        request.maxLifetimeMilliseconds = maybe { $0.u64() }
        request.holdMilliseconds = maybe { $0.u64() }
        request.priority = pick(Priority.allCases)
        request.requestID = maybe { $0.text() }
        request.strategy = maybe { $0.pick(Strategy.allCases) }
        request.selector = labels()
        request.tags = labels()
        request.purpose = maybe { $0.text() }
        request.within = maybe { $0.name() }
        request.near = list { $0.affinity() }
        request.away = list { $0.affinity() }
        request.fallbackPools = list { $0.name() }
        request.maxCost = maxCost ?? maybe { $0.u64() }
        return Ticket(
            id: TicketID(rawValue: u64()),
            request: request,
            holder: name(),
            uid: maybe { $0.u32() },
            since: time(),
            until: time()
        )
    }

    private mutating func affinity() -> Affinity {
        Affinity(Label(name: name(), value: text(30)), level: name())
    }

    /// A booking, with a bound of what it may cost at random or for sure.
    mutating func booking(maxCost: UInt64? = nil) -> Booking {
        Booking(
            ticket: ticket(maxCost: maxCost),
            start: time(),
            freeBy: time(),
            placements: placements()
        )
    }

    mutating func ticketEnd() -> TicketEnd {
        TicketEnd(
            ticket: TicketID(rawValue: u64()),
            cause: pick(TicketEnd.Cause.allCases),
            code: pick(RefusalCode.allCases),
            message: text(200),
            keptUntil: time(),
            body: maybe { $0.generator.bytes(7) }
        )
    }
}
