// Places that are close together: the domains of a pool at each level, and what they have free.
//
//   D1  The domains of a level have no place in common, but that one place can be several of
//       `numa`. A place without the label of a level is in none of its domains.
//   D2  What a domain has free, and in all, is the sum over its places after every change.
//   D3  Domains are numbered in the order of their first place and made of what resources say
//       alone: the same after a restart (X2).
//
// Made when a request first asks for a level, O(places), and again after a resource came, went or
// has other labels. Sums and orders are kept by kind, from the first request for it on: about 100
// bytes for a place, a level and a kind.

internal import TenureBase

/// How close together the parts of a request are.
enum TopologyLevel: Hashable {
    /// In one place, of resources with the same label `numa`, or without one.
    case numa
    /// In one place.
    case node
    /// In places with the same value of this label; of `rack` in the same `zone` as well.
    case label(String)
    /// Anywhere.
    case pool

    /// From the closest to the widest, where nothing is required.
    static let all: [TopologyLevel] = [.numa, .node, .label("rack"), .label("zone"), .pool]

    /// The levels that keep all parts within one domain of the level called `name`, the closest
    /// first.
    static func within(_ name: String) -> [TopologyLevel] {
        switch name {
        case "numa": [.numa]
        case "node": [.numa, .node]
        case "rack": [.numa, .node, .label("rack")]
        case "zone": [.numa, .node, .label("rack"), .label("zone")]
        default: [.numa, .node, .label(name)]
        }
    }
}

/// The domains of one level.
struct DomainIndex {
    /// A place in the order of its domain.
    private struct PieceKey: Comparable {
        let domain: Int32
        let slot: Int32
        let value: UInt64

        static func < (left: PieceKey, right: PieceKey) -> Bool {
            if left.domain != right.domain { return left.domain < right.domain }
            return left.value != right.value ? left.value < right.value : left.slot < right.slot
        }
    }

    /// What there is of one kind.
    private struct Sums {
        let kind: Kind
        /// Of each domain, what is free and what there is in all.
        var free: [UInt128]
        var capacity: [UInt128]
        /// The part of it that one place has: by slot, of `numa` by domain.
        var pieces: [(free: UInt64, capacity: UInt64)]
        /// The domains that have something free, by how much.
        var order = OrderedKeys<SlotKey>()
        /// The places of each domain likewise, where a domain has several.
        var places = OrderedKeys<PieceKey>()
    }

    /// What resources of one place have of a kind.
    typealias Amounts = (free: UInt64, capacity: UInt64)

    let level: TopologyLevel
    /// The slots of all domains, one domain after the other, ascending in each.
    private var members: [Int32] = []
    /// Where the slots of each domain begin in `members`, and their end.
    private var starts: [Int32] = [0]
    /// The domains of each slot.
    private var domains: [Range<Int32>] = []
    /// The value of each domain of `numa`.
    private var values: [String] = []
    private var sums: [Sums] = []

    /// How many domains there are.
    var count: Int { starts.count - 1 }

    /// The domains of so many places.
    ///
    /// `labels` are the values that tell the domain of a slot; of `numa` each of them is one.
    init(_ level: TopologyLevel, places: Int, labels: (Int) -> [String]) {
        self.level = level
        var known: [[String]: Int32] = [:]
        var found: [[Int32]] = []
        for slot in 0..<places {
            let told = labels(slot)
            let first = Int32(found.count)
            switch level {
            case .numa:
                for value in told {
                    values.append(value)
                    found.append([Int32(slot)])
                }
                domains.append(first..<Int32(found.count))
            case .node, .label, .pool:
                guard !told.isEmpty else {
                    domains.append(0..<0)
                    continue
                }
                let domain = level == .node ? first : known[told] ?? first
                if domain == first {
                    found.append([])
                    if level != .node { known[told] = domain }
                }
                found[Int(domain)].append(Int32(slot))
                domains.append(domain..<domain + 1)
            }
        }
        for slots in found {
            members += slots
            starts.append(Int32(members.count))
        }
    }

    /// The slots of a domain, ascending.
    func slots(of domain: Int) -> ArraySlice<Int32> {
        members[Int(starts[domain])..<Int(starts[domain + 1])]
    }

    /// The domain of a slot, not of `numa`; nothing without the label.
    func domain(of slot: Int) -> Int? { domains[slot].first.map { Int($0) } }

    /// The value of a domain of `numa`; nothing of another level.
    func numa(of domain: Int) -> String? { level == .numa ? values[domain] : nil }

    /// What a domain has free of `kind`, as far as 64 bits can tell.
    func free(of kind: Kind, in domain: Int) -> UInt64 {
        sums.first { $0.kind == kind }.map { UInt64(clamping: $0.free[domain]) } ?? 0
    }

    // MARK: Sums

    /// Whether there are sums of `kind`.
    func knows(_ kind: Kind) -> Bool { sums.contains { $0.kind == kind } }

    /// Begins to keep sums of `kind`, of nothing yet.
    mutating func add(_ kind: Kind) {
        sums.append(
            Sums(
                kind: kind,
                free: Array(repeating: 0, count: count),
                capacity: Array(repeating: 0, count: count),
                pieces: Array(
                    repeating: (0, 0),
                    count: level == .numa ? count : domains.count
                )
            )
        )
    }

    /// Takes in what became of `kind` in one place (D2).
    mutating func refresh(_ slot: Int, kind: Kind, _ amounts: (String?) -> Amounts) {
        guard let index = sums.firstIndex(where: { $0.kind == kind }) else { return }
        for domain in domains[slot] {
            let piece = level == .numa ? Int(domain) : slot
            let before = sums[index].pieces[piece]
            let now = amounts(numa(of: Int(domain)))
            sums[index].pieces[piece] = now
            sums[index].capacity[Int(domain)] -= UInt128(before.capacity)
            sums[index].capacity[Int(domain)] += UInt128(now.capacity)
            guard before.free != now.free else { continue }
            order(domain, in: index, isThere: false)
            sums[index].free[Int(domain)] -= UInt128(before.free)
            sums[index].free[Int(domain)] += UInt128(now.free)
            order(domain, in: index, isThere: true)
            guard case .label = level else { continue }
            let key = { PieceKey(domain: domain, slot: Int32(slot), value: $0) }
            if before.free > 0 { sums[index].places.remove(key(before.free)) }
            if now.free > 0 { sums[index].places.insert(key(now.free)) }
        }
    }

    private mutating func order(_ domain: Int32, in index: Int, isThere: Bool) {
        let free = UInt64(clamping: sums[index].free[Int(domain)])
        guard free > 0 else { return }
        let key = SlotKey(value: free, slot: domain)
        if isThere { sums[index].order.insert(key) } else { sums[index].order.remove(key) }
    }

    // MARK: Searching

    /// Calls `body` with the domains that have `totals`, until it returns false.
    ///
    /// Those with the least free of the first kind come first; as if nothing were used, the first.
    /// There must be sums of all kinds.
    func forEach(
        having totals: [ClaimAmount],
        view: PlaceIndex.View,
        _ body: (Int) -> Bool
    ) {
        var wanted: [(index: Int, amount: UInt64)] = []
        for total in totals {
            guard let index = sums.firstIndex(where: { $0.kind == total.kind }) else { return }
            wanted.append((index, total.amount))
        }
        guard let first = wanted.first else { return }
        let has = { (domain: Int) in
            wanted.allSatisfy { index, amount in
                let sum = view == .now ? sums[index].free : sums[index].capacity
                return sum[domain] >= UInt128(amount)
            }
        }
        guard view == .now else {
            for domain in 0..<count where has(domain) { if !body(domain) { return } }
            return
        }
        let key = SlotKey(value: first.amount, slot: .min)
        sums[first.index].order.forEach(from: key) { key in
            !has(Int(key.slot)) || body(Int(key.slot))
        }
    }

    /// Calls `body` with the slots of a domain that have `wanted` free, those with the least first,
    /// until it returns false; as if nothing were used, with all of them.
    func forEachPlace(
        of domain: Int,
        having wanted: ClaimAmount,
        view: PlaceIndex.View,
        _ body: (Int) -> Bool
    ) {
        guard case .label = level, view == .now,
            let index = sums.firstIndex(where: { $0.kind == wanted.kind })
        else {
            for slot in slots(of: domain) { if !body(Int(slot)) { return } }
            return
        }
        let key = PieceKey(domain: Int32(domain), slot: .min, value: wanted.amount)
        sums[index].places.forEach(from: key) { key in
            Int(key.domain) == domain && body(Int(key.slot))
        }
    }
}

/// The levels that requests have asked for.
struct TopologyIndex {
    private(set) var levels: [TopologyLevel: DomainIndex] = [:]

    /// The domains of a level, once they were prepared.
    subscript(level: TopologyLevel) -> DomainIndex? { levels[level] }

    /// Labels or places are others now.
    mutating func forget() {
        if !levels.isEmpty { levels = [:] }
    }

    mutating func set(_ index: DomainIndex) { levels[index.level] = index }

    /// Takes in what became of `kind` in one place.
    mutating func refresh(
        _ slot: Int,
        kind: Kind,
        _ amounts: (String?) -> DomainIndex.Amounts
    ) {
        for index in levels.values.indices {
            levels.values[index].refresh(slot, kind: kind, amounts)
        }
    }
}
