// The domains of a pool, made of the labels of its resources.

internal import TenureBase

extension PlaceIndex {
    /// Makes the domains of `level`, with sums of these kinds.
    ///
    /// O(places) the first time. The whole pool needs what single places have free.
    mutating func prepareDomains(
        of level: TopologyLevel,
        _ kinds: [ClaimAmount],
        in resources: [Resource?]
    ) {
        let level = level == .pool ? .node : level
        let known = topology[level]
        if let known, kinds.allSatisfy({ known.knows($0.kind) }) { return }
        var domains =
            known
            ?? DomainIndex(level, places: places.count) { slot in
                labels(of: level, at: slot, in: resources)
            }
        for amount in kinds where !domains.knows(amount.kind) {
            domains.add(amount.kind)
            for slot in places.indices {
                domains.refresh(slot, kind: amount.kind) { numa in
                    amounts(of: amount.kind, at: slot, numa, in: resources)
                }
            }
        }
        topology.set(domains)
    }

    /// The domains of `level`, made where they are not there yet.
    mutating func preparedDomains(
        of level: TopologyLevel,
        in resources: [Resource?]
    ) -> DomainIndex {
        if topology[level] == nil { prepareDomains(of: level, [], in: resources) }
        guard let domains = topology[level] else { violated("D1: what was prepared is there") }
        return domains
    }

    /// Takes in what became of one kind in one place.
    mutating func refreshDomains(_ slot: Int, kind: Kind, in resources: [Resource?]) {
        guard !topology.levels.isEmpty else { return }
        var topology = TopologyIndex()
        swap(&topology, &self.topology)
        topology.refresh(slot, kind: kind) { numa in
            amounts(of: kind, at: slot, numa, in: resources)
        }
        swap(&topology, &self.topology)
    }

    /// How a domain is called: `rack z1/r2`.
    func name(of domain: Int, at level: TopologyLevel, in resources: [Resource?]) -> String {
        guard level != .pool, let domains = topology[level],
            let slot = domains.slots(of: domain).first.map({ Int($0) })
        else { return "pool" }
        switch level {
        case .numa: return "numa \(places[slot].name)/\(domains.numa(of: domain) ?? "")"
        case .node, .pool: return "node \(places[slot].name)"
        case .label(let name):
            let values = labels(of: level, at: slot, in: resources)
            return "\(name) \(values.filter { !$0.isEmpty }.joined(separator: "/"))"
        }
    }

    /// The values that tell the domain of a place; of `numa` all that there are.
    private func labels(
        of level: TopologyLevel,
        at slot: Int,
        in resources: [Resource?]
    ) -> [String] {
        let ids = places[slot].resources
        switch level {
        case .node, .pool: return ids.isEmpty ? [] : [""]
        case .label(let name):
            guard let value = label(name, of: ids, in: resources) else { return [] }
            guard name == "rack" else { return [value] }
            return [label("zone", of: ids, in: resources) ?? "", value]
        case .numa:
            var values: [String] = []
            for id in ids {
                guard let value = resources[Int(id.rawValue)]?.label("numa"),
                    !values.contains(value)
                else { continue }
                values.append(value)
            }
            return values
        }
    }

    /// What the first resource with this label says.
    private func label(
        _ name: String,
        of ids: [ResourceID],
        in resources: [Resource?]
    ) -> String? {
        for id in ids {
            if let value = resources[Int(id.rawValue)]?.label(name) { return value }
        }
        return nil
    }

    /// What a place has of a kind, in resources that do not say that they are of another `numa`.
    private func amounts(
        of kind: Kind,
        at slot: Int,
        _ numa: String?,
        in resources: [Resource?]
    ) -> DomainIndex.Amounts {
        var free: UInt64 = 0
        var capacity: UInt64 = 0
        for id in places[slot].resources {
            guard let resource = resources[Int(id.rawValue)], resource.kind == kind,
                resource.isUsable(in: numa)
            else { continue }
            capacity = saturatingSum(capacity, resource.capacity)
            guard resource.state == .active, !heldBack.contains(id) else { continue }
            free = saturatingSum(free, resource.free)
        }
        return (free, capacity)
    }
}

extension Resource {
    /// The value of a label; nothing without it, or where it is empty.
    func label(_ name: String) -> String? {
        labels.first { $0.name == name && !$0.value.isEmpty }?.value
    }

    /// Whether it does not say that it is of another `numa`.
    func isUsable(in numa: String?) -> Bool {
        guard let numa, let own = label("numa") else { return true }
        return own == numa
    }
}
