// Placement by locality the slow and obvious way: every domain and every place is looked at.

import TenureModel

/// The places of one pool as plain lists, for comparison with the domains of the index.
struct SlowTopology {
    /// A resource.
    struct Thing {
        let name: String
        let kind: Kind
        let capacity: UInt64
        var free: UInt64
        var labels: [String: String]
        var isActive = true
    }

    /// Resources that share a place.
    struct Place {
        let name: String
        var things: [Thing]

        /// What the first resource with this label says.
        func label(_ name: String) -> String? { things.compactMap { $0.labels[name] }.first }
    }

    /// A part of a request in a resource.
    typealias Part = (name: String, amount: UInt64)

    /// Places, by number, and the `numa` that resources must not contradict.
    private struct Domain {
        var places: [Int]
        var numa: String?
    }

    /// How many places are tried for parts, in all.
    private static let triesMax = 300

    /// In the order of declaration.
    var places: [Place] = []
    /// Labels that every place must have.
    var selector: [String: String] = [:]
    /// Whether domains and places are taken in the order of declaration.
    private var isEmpty = false

    /// The same as if nothing were used and everything in service.
    var emptied: SlowTopology {
        var copy = self
        copy.isEmpty = true
        for place in places.indices {
            for thing in places[place].things.indices {
                copy.places[place].things[thing].free = places[place].things[thing].capacity
                copy.places[place].things[thing].isActive = true
            }
        }
        return copy
    }

    /// Takes what was granted, or gives it back.
    mutating func take(_ parts: [Part], givingBack: Bool = false) {
        for part in parts {
            change(part.name) {
                $0.free = givingBack ? $0.free + part.amount : $0.free - part.amount
            }
        }
    }

    mutating func change(_ name: String, _ body: (inout Thing) -> Void) {
        for place in places.indices {
            for thing in places[place].things.indices
            where places[place].things[thing].name == name {
                body(&places[place].things[thing])
            }
        }
    }

    /// What the claims get in the closest domain; nothing when they do not fit.
    func parts(for claims: [Claim], within: String?) -> [String]? {
        for level in Self.levels(within) {
            for domain in domains(level, for: claims) {
                for order in [claims, Self.largestFirst(claims)] {
                    if let parts = parts(for: order, in: domain) {
                        return parts.map { "\($0.name)=\($0.amount)" }
                    }
                }
            }
        }
        return nil
    }

    /// Whether the claims fit together in a domain when every place is tried for every part, the
    /// largest first; nothing where that takes too long.
    func fits(_ claims: [Claim], within: String?) -> Bool? {
        var tries = Self.triesMax
        let parts = Self.largestFirst(claims).flatMap { claim in
            Array(repeating: Claim(amounts: claim.amounts), count: claim.places)
        }
        for level in Self.levels(within) {
            for domain in domains(level, for: claims) {
                if fits(parts[...], in: domain, from: 0, &tries) { return true }
                if tries == 0 { return nil }
            }
        }
        return false
    }

    private func fits(
        _ parts: ArraySlice<Claim>,
        in domain: Domain,
        from start: Int,
        _ tries: inout Int
    ) -> Bool {
        guard let part = parts.first else { return true }
        let rest = parts.dropFirst()
        for number in domain.places.indices.dropFirst(start) where tries > 0 {
            let place = places[domain.places[number]]
            guard let found = self.parts(of: place, for: part, domain.numa) else { continue }
            tries -= 1
            var left = self
            left.take(found)
            // Equal parts are interchangeable.
            let next = rest.first == part ? number : 0
            if left.fits(rest, in: domain, from: next, &tries) { return true }
        }
        return false
    }

    /// Whether one domain holds all of these resources.
    func areTogether(_ names: Set<String>, within: String?) -> Bool {
        Self.levels(within).contains { level in
            domains(level, for: []).contains { domain in
                let things = domain.places.flatMap { places[$0].things }
                return names.isSubset(
                    of: things.filter { isOf(domain.numa, $0) }.map(\.name)
                )
            }
        }
    }

    private static func levels(_ within: String?) -> [String] {
        let fixed = ["numa", "node", "rack", "zone"]
        guard let within else { return fixed + ["pool"] }
        return fixed.firstIndex(of: within).map { Array(fixed[...$0]) } ?? fixed[..<2] + [within]
    }

    /// The domains with enough in all, those with the least free of the scarcest kind first.
    private func domains(_ level: String, for claims: [Claim]) -> [Domain] {
        var domains: [Domain] = []
        var keys: [[String?]] = []
        for (number, place) in places.enumerated() {
            switch level {
            case "pool": domains = [Domain(places: Array(places.indices))]
            case "node": domains.append(Domain(places: [number]))
            case "numa":
                var seen: [String] = []
                for numa in place.things.compactMap({ $0.labels["numa"] })
                where !seen.contains(numa) {
                    seen.append(numa)
                    domains.append(Domain(places: [number], numa: numa))
                }
            default:
                guard let value = place.label(level) else { continue }
                let key = [value, level == "rack" ? place.label("zone") : nil]
                if let known = keys.firstIndex(of: key) {
                    domains[known].places.append(number)
                } else {
                    keys.append(key)
                    domains.append(Domain(places: [number]))
                }
            }
        }
        var totals: [Kind: UInt64] = [:]
        for claim in claims {
            for amount in claim.amounts {
                totals[amount.kind, default: 0] += amount.amount * UInt64(claim.places)
            }
        }
        let enough = domains.filter { domain in
            totals.allSatisfy { kind, amount in sum(of: kind, in: domain) >= amount }
        }
        if isEmpty { return enough }
        let scarcest = Self.scarcest(Array(totals.keys))
        return sorted(enough) { sum(of: scarcest, in: $0) }
    }

    private func parts(for claims: [Claim], in domain: Domain) -> [Part]? {
        var rest = self
        var parts: [Part] = []
        for claim in claims {
            let scarcest = Self.scarcest(claim.amounts.map(\.kind))
            var left = claim.places
            // What each place had before the request decides who is asked first.
            let order =
                isEmpty
                ? domain.places
                : sorted(domain.places) {
                    sum(of: scarcest, in: Domain(places: [$0], numa: domain.numa))
                }
            for place in order {
                while left > 0,
                    let found = rest.parts(of: rest.places[place], for: claim, domain.numa)
                {
                    rest.take(found)
                    parts += found
                    left -= 1
                }
            }
            if left > 0 { return nil }
        }
        return parts
    }

    private func parts(of place: Place, for claim: Claim, _ numa: String?) -> [Part]? {
        for (name, value) in selector
        where !place.things.contains(where: { $0.labels[name] == value }) { return nil }
        var parts: [Part] = []
        for wanted in claim.amounts {
            let usable = place.things.filter { thing in
                thing.kind == wanted.kind && thing.isActive && isOf(numa, thing)
                    && selector.allSatisfy { thing.labels[$0.key] ?? $0.value == $0.value }
            }
            if usable.contains(where: { $0.capacity >= wanted.amount }) {
                let fitting = usable.filter { $0.free >= wanted.amount }
                guard let one = sorted(fitting, by: { $0.free }).first else { return nil }
                parts.append((one.name, wanted.amount))
            } else {
                // All devices are of one size here, so that the first so many are the choice.
                let whole = usable.filter { $0.free == $0.capacity }
                let count = Int(wanted.amount / 1_000)
                guard wanted.kind == .gpu, wanted.amount % 1_000 == 0, whole.count >= count else {
                    return nil
                }
                parts += whole.prefix(count).map { ($0.name, 1_000) }
            }
        }
        return parts
    }

    private func sum(of kind: Kind, in domain: Domain) -> UInt64 {
        domain.places.reduce(0) { sum, place in
            places[place].things.reduce(sum) { sum, thing in
                let counts = thing.kind == kind && isOf(domain.numa, thing) && thing.isActive
                return counts ? sum + thing.free : sum
            }
        }
    }

    private func isOf(_ numa: String?, _ thing: Thing) -> Bool {
        numa == nil || thing.labels["numa"] == nil || thing.labels["numa"] == numa
    }

    /// Of equal ones the first stays the first.
    private func sorted<Element>(_ all: [Element], by key: (Element) -> UInt64) -> [Element] {
        all.enumerated().sorted { left, right in
            (key(left.element), left.offset) < (key(right.element), right.offset)
        }.map(\.element)
    }

    private static func scarcest(_ kinds: [Kind]) -> Kind {
        [Kind.gpu, .slot, .cpu].first { kinds.contains($0) } ?? .cpu
    }

    /// By what they want of the kinds, the scarcest first.
    private static func largestFirst(_ claims: [Claim]) -> [Claim] {
        let kinds = [Kind.gpu, .slot, .cpu]
        return claims.enumerated().sorted { left, right in
            let sizes = [left, right].map { claim in
                kinds.map { kind in claim.element.amounts.first { $0.kind == kind }?.amount ?? 0 }
            }
            if sizes[0] != sizes[1] { return sizes[1].lexicographicallyPrecedes(sizes[0]) }
            return left.offset < right.offset
        }.map(\.element)
    }
}
