// Places that a request may use because of what is there: near some leases, away from others.

/// Rules that every place of a request must keep.
struct PlaceRules {
    /// One rule.
    private struct Rule {
        enum Sort {
            /// Only in a marked domain.
            case near
            /// In no marked domain.
            case away
            /// One part in each domain.
            case apart
        }

        let sort: Sort
        let domains: DomainIndex
        var marked: Set<Int>
    }

    private var rules: [Rule] = []

    /// Whether every place may be used.
    var isEmpty: Bool { rules.isEmpty }

    /// Whether parts of one request are kept apart from each other.
    var keepApart: Bool { rules.contains { $0.sort == .apart } }

    /// The most parts that are kept apart in so many places: one in each domain, any number where
    /// a place has none.
    func mostParts(in places: Int) -> Int {
        let counts = rules.filter { $0.sort == .apart }.map { rule in
            (0..<places).allSatisfy { rule.domains.domain(of: $0) != nil }
                ? rule.domains.count : .max
        }
        return counts.min() ?? .max
    }

    /// Places must be in one of these domains.
    mutating func add(near marked: Set<Int>, of domains: DomainIndex) {
        rules.append(Rule(sort: .near, domains: domains, marked: marked))
    }

    /// Places must be in none of these domains; without the label they are.
    mutating func add(away marked: Set<Int>, of domains: DomainIndex) {
        rules.append(Rule(sort: .away, domains: domains, marked: marked))
    }

    /// No two parts may be in one domain; without the label they are not.
    mutating func add(apartIn domains: DomainIndex) {
        rules.append(Rule(sort: .apart, domains: domains, marked: []))
    }

    /// Whether one more part may be in the place at `slot`.
    func allows(_ slot: Int) -> Bool {
        rules.allSatisfy { rule in
            guard let domain = rule.domains.domain(of: slot) else { return rule.sort != .near }
            return rule.marked.contains(domain) == (rule.sort == .near)
        }
    }

    /// Notes that a part is in the place at `slot`.
    mutating func take(_ slot: Int) {
        for index in rules.indices where rules[index].sort == .apart {
            if let domain = rules[index].domains.domain(of: slot) {
                rules[index].marked.insert(domain)
            }
        }
    }
}

extension LedgerState {
    /// The rules of a request in its pool; the index of tags must be there.
    ///
    /// As if nothing were used, what depends on other leases is left out: they come and go. What
    /// stays is that there must be a domain at all, and one for each part.
    mutating func placeRules(
        of request: AcquireRequest,
        _ view: PlaceIndex.View,
        poolAt slot: Int
    ) -> PlaceRules {
        var rules = PlaceRules()
        for rule in request.near {
            let domains = domains(rule.level, poolAt: slot)
            var marked = marked(by: rule, for: request, in: domains, poolAt: slot)
            // The first of those that are to be near each other may be anywhere.
            if marked.isEmpty, request.tags.contains(rule.tag) { continue }
            if view == .empty { marked = Set(0..<domains.count) }
            rules.add(near: marked, of: domains)
        }
        for rule in request.away {
            let domains = domains(rule.level, poolAt: slot)
            if view == .now {
                let marked = marked(by: rule, for: request, in: domains, poolAt: slot)
                rules.add(away: marked, of: domains)
            }
            if request.tags.contains(rule.tag) { rules.add(apartIn: domains) }
        }
        return rules
    }

    private mutating func domains(
        _ name: String,
        poolAt slot: Int
    ) -> DomainIndex {
        let level = name == "node" ? TopologyLevel.node : .label(name)
        return pools.values[slot].index.preparedDomains(of: level, in: resources)
    }

    private func marked(
        by rule: Affinity,
        for request: AcquireRequest,
        in domains: DomainIndex,
        poolAt slot: Int
    ) -> Set<Int> {
        var marked: Set<Int> = []
        let index = pools.values[slot].index
        tags?.forEachResource(with: rule.tag, of: request.tenant) { id in
            // Resources of other pools are in no place of this one.
            if let place = index.slot(of: id), let domain = domains.domain(of: place) {
                marked.insert(domain)
            }
        }
        return marked
    }

    /// Why a request that has room is refused: the first of its rules about other leases without
    /// which it would be granted; nothing when it is not for them.
    mutating func affinityRefusal(of request: AcquireRequest) -> Refusal? {
        guard request.hasAffinities else { return nil }
        var free = request
        (free.near, free.away) = ([], [])
        guard place(free) != nil else { return nil }
        for index in request.near.indices {
            var other = request
            let rule = other.near.remove(at: index)
            guard place(other) != nil else { continue }
            return Refusal(
                .exhausted,
                "no place of pool \(request.pool) with enough free is in the same \(rule.level) as "
                    + "a lease of tenant \(request.tenant) with \(rule.tag.name)=\(rule.tag.value)"
                    + "; retry when one is granted or leases near one end",
                limit: "NEAR \(rule.text)"
            )
        }
        for index in request.away.indices {
            var other = request
            let rule = other.away.remove(at: index)
            guard place(other) != nil else { continue }
            return Refusal(
                .exhausted,
                "every place of pool \(request.pool) with enough free is in the same \(rule.level) "
                    + "as a lease of tenant \(request.tenant) with "
                    + "\(rule.tag.name)=\(rule.tag.value), or as another part of this request; "
                    + "retry when leases end",
                limit: "AWAY \(rule.text)"
            )
        }
        let texts = request.affinityTexts
        return Refusal(
            .exhausted,
            "no place of pool \(request.pool) with enough free keeps "
                + texts.joined(separator: " and ") + " together; retry when leases end",
            limit: texts[0]
        )
    }
}
