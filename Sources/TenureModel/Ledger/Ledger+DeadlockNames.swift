// Who waits for whom, in words, where those who wait for each other would never be served.

extension LedgerState {
    /// Who waits for whom, from `newest` back to it or, where nobody waits for it, to others.
    mutating func cycle(
        from newest: WaitingHolder,
        among stuck: [WaitingParty]
    ) throws(RowFault) -> [String] {
        guard let start = stuck.firstIndex(where: { $0.holder == newest }) else { return [] }
        let held = HeldAmounts(stuck.flatMap(\.leases))
        let areLimited = stuck.map { !limitsAllow($0.waits, beside: held) }
        var effort = DeadlockEffort()
        var lockThemselves: [Bool] = []
        for party in stuck {
            lockThemselves.append(
                try !canBeServed(party.waits, beside: HeldAmounts(party.leases), &effort)
            )
        }
        // Breadth first: the shortest way back to the start, if there is one.
        var cameFrom: [Int: Int] = [:]
        var open = [start]
        var met = 0
        while met < open.count {
            let party = open[met]
            met += 1
            for next in stuck.indices where next != party || lockThemselves[party] {
                let isObstacle =
                    obstacle(to: stuck[party], in: stuck[next], byLimit: areLimited[party]) != nil
                guard isObstacle else { continue }
                if next == start {
                    return sentences(from: party, cameFrom, stuck, areLimited, to: start)
                }
                guard cameFrom[next] == nil else { continue }
                cameFrom[next] = party
                open.append(next)
            }
        }
        // It waits for others who wait for each other.
        return sentences(from: open[open.count - 1], cameFrom, stuck, areLimited, to: nil)
    }

    private func sentences(
        from last: Int,
        _ cameFrom: [Int: Int],
        _ stuck: [WaitingParty],
        _ areLimited: [Bool],
        to first: Int?
    ) -> [String] {
        var path = [last]
        while let before = cameFrom[path[0]], !path.contains(before) { path.insert(before, at: 0) }
        var sentences: [String] = []
        for (index, party) in path.enumerated() {
            let next = index + 1 < path.count ? path[index + 1] : first
            guard let next,
                let thing = obstacle(
                    to: stuck[party],
                    in: stuck[next],
                    byLimit: areLimited[party]
                )
            else { continue }
            sentences.append("\(stuck[party].name) waits for \(thing)")
        }
        if first == nil { sentences.append("those at the end wait for each other") }
        return sentences
    }

    /// What of the things that one party waits for the other one holds.
    private func obstacle(to party: WaitingParty, in other: WaitingParty, byLimit: Bool) -> String?
    {
        for wait in party.waits {
            for leaving in other.leases {
                let thing =
                    byLimit ? limit(above: wait, using: leaving) : part(of: wait, in: leaving)
                if let thing {
                    return "\(thing), which \(other.possessive(of: leaving.lease)) holds"
                }
            }
        }
        return nil
    }

    private func part(of wait: HoldingWait, in leaving: Leaving) -> String? {
        let kinds = wait.request.totals.map(\.kind)
        for placement in leaving.placements {
            guard let resource = resource(placement.resource),
                wait.request.mayAsk(resource.pool), kinds.contains(resource.kind)
            else { continue }
            return "\(resource.kind.name) of pool \(resource.pool)"
        }
        return nil
    }

    private func limit(above wait: HoldingWait, using leaving: Leaving) -> String? {
        let levels = Self.levels(of: wait.request.tenant)
        for level in levels {
            for total in wait.request.totals {
                let key = QuotaKey(tenant: level, kind: total.kind)
                if quota(key) != nil, leaving.used[key] != nil {
                    return "some of the quota '\(level) \(total.kind.name)'"
                }
            }
            if !wait.isGrowth, tenantLimits[level]?.leases != nil, leaving.leases[level] != nil {
                return "one of the leases that \(level) may have"
            }
        }
        return nil
    }
}

extension WaitingParty {
    /// A lease of this one.
    fileprivate func possessive(of lease: Lease) -> String {
        switch holder {
        case .lease: name
        case .session: "lease \(lease.id.rawValue) of \(name)"
        }
    }
}
