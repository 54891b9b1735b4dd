// Places ranked the slow and obvious way: every place is looked at, and the best one sorted out.

import TenureModel

/// The places of one pool as plain lists, for comparison with the index.
struct SlowPool {
    /// A resource.
    struct Thing {
        let name: String
        let kind: Kind
        let capacity: UInt64
        var free: UInt64
        var cost: UInt64
        let performance: UInt64
        let zone: String
        var isActive = true
    }

    /// Resources that share a place.
    struct Place {
        let name: String
        var things: [Thing]
    }

    /// In the order of declaration.
    var places: [Place] = []
    var weights = ObjectiveWeights()
    /// The place of the last grant in turn.
    var turn: String?
    static let unit: UInt64 = 1 << 20

    /// What the claims get, place for place as `resource=amount`; nothing when they do not fit.
    func parts(for claims: [Claim], _ strategy: Strategy, zone: String?) -> [String]? {
        var rest = self
        var parts: [String] = []
        for claim in claims {
            for _ in 0..<claim.places {
                guard let found = rest.best(for: claim.amounts, strategy, zone: zone) else {
                    return nil
                }
                rest.take(found.parts)
                rest.turn = places[found.place].name
                parts += found.parts.map { "\($0.name)=\($0.amount)" }
            }
        }
        return parts
    }

    /// Takes what was granted, and notes the turn.
    mutating func take(_ parts: [(name: String, amount: UInt64)], givingBack: Bool = false) {
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

    private typealias Found = (place: Int, parts: [(name: String, amount: UInt64)])

    private func best(
        for amounts: [ClaimAmount],
        _ strategy: Strategy,
        zone: String?
    ) -> Found? {
        var found: [(rank: UInt64, Found)] = []
        for place in order(strategy) {
            guard let parts = parts(of: places[place], for: amounts, strategy, zone) else {
                continue
            }
            let rank = rank(places[place], giving: parts, of: amounts, strategy)
            found.append((rank, (place, parts)))
        }
        // The first of the lowest: places are in the order in which ties are broken.
        var best = found.first
        for candidate in found where candidate.rank < (best?.rank ?? 0) { best = candidate }
        return best?.1
    }

    private func order(_ strategy: Strategy) -> [Int] {
        guard strategy == .roundRobin, let turn,
            let last = places.firstIndex(where: { $0.name == turn })
        else { return Array(places.indices) }
        return Array(places.indices[(last + 1)...]) + Array(places.indices[...last])
    }

    private func parts(
        of place: Place,
        for amounts: [ClaimAmount],
        _ strategy: Strategy,
        _ zone: String?
    ) -> [(name: String, amount: UInt64)]? {
        if let zone, !place.things.contains(where: { $0.zone == zone }) { return nil }
        var parts: [(name: String, amount: UInt64)] = []
        for wanted in amounts {
            let usable = place.things.filter { thing in
                thing.kind == wanted.kind && thing.isActive && (zone == nil || thing.zone == zone)
            }
            let sorted = usable.enumerated().sorted { left, right in
                let (a, b) = (key(left.element, strategy), key(right.element, strategy))
                return a != b ? a.lexicographicallyPrecedes(b) : left.offset < right.offset
            }.map(\.element)
            if usable.contains(where: { $0.capacity >= wanted.amount }) {
                let fits = strategy == .roundRobin ? usable : sorted
                guard let one = fits.first(where: { $0.free >= wanted.amount }) else { return nil }
                parts.append((one.name, wanted.amount))
            } else {
                // All devices are of one size here, so that the first so many are the choice.
                let whole = sorted.filter { $0.free == $0.capacity }
                let count = Int(wanted.amount / 1_000)
                guard wanted.amount % 1_000 == 0, whole.count >= count else { return nil }
                parts += whole.prefix(count).map { ($0.name, 1_000) }
            }
        }
        return parts
    }

    /// What the resources of one place are chosen by.
    private func key(_ thing: Thing, _ strategy: Strategy) -> [UInt64] {
        switch strategy {
        case .cost, .balanced: [thing.cost, thing.free]
        case .performance: [.max - thing.performance, thing.free]
        default: [thing.free]
        }
    }

    private func rank(
        _ place: Place,
        giving parts: [(name: String, amount: UInt64)],
        of amounts: [ClaimAmount],
        _ strategy: Strategy
    ) -> UInt64 {
        switch strategy {
        case .spread: Self.unit - freeShare(place, amounts)
        case .cost: price(parts)
        case .performance: .max - performance(place)
        case .balanced: balance(place, giving: parts, of: amounts)
        default: 0
        }
    }

    private func balance(
        _ place: Place,
        giving parts: [(name: String, amount: UInt64)],
        of amounts: [ClaimAmount]
    ) -> UInt64 {
        let all = places.flatMap(\.things).filter(\.isActive)
        var dearest: UInt64 = 0
        for amount in amounts {
            let cost = all.filter { $0.kind == amount.kind }.map(\.cost).max() ?? 0
            dearest += price(amount.amount, amount.kind, cost)
        }
        let fastest = places.map(performance).max() ?? 0
        let lack = fastest - performance(place)
        return weights.cost * share(price(parts), dearest)
            + weights.performance * share(lack, fastest)
            + weights.utilisation * freeShare(place, amounts)
    }

    private func performance(_ place: Place) -> UInt64 {
        place.things.filter(\.isActive).map(\.performance).max() ?? 0
    }

    private func price(_ parts: [(name: String, amount: UInt64)]) -> UInt64 {
        let things = places.flatMap(\.things)
        return parts.reduce(0) { sum, part in
            guard let thing = things.first(where: { $0.name == part.name }) else { return sum }
            return sum + price(part.amount, thing.kind, thing.cost)
        }
    }

    private func price(_ amount: UInt64, _ kind: Kind, _ cost: UInt64) -> UInt64 {
        amount * cost * (kind == .slot ? 1_000 : 1)
    }

    /// The free share of the first kind of: gpu, slots, cpu.
    private func freeShare(_ place: Place, _ amounts: [ClaimAmount]) -> UInt64 {
        let kinds = [Kind.gpu, .slot, .cpu]
        guard let scarcest = kinds.first(where: { kind in amounts.contains { $0.kind == kind } })
        else { return 0 }
        let things = place.things.filter { $0.kind == scarcest && $0.isActive }
        return share(things.map(\.free).reduce(0, +), things.map(\.capacity).reduce(0, +))
    }

    private func share(_ part: UInt64, _ all: UInt64) -> UInt64 {
        all == 0 ? 0 : part * Self.unit / all
    }
}
