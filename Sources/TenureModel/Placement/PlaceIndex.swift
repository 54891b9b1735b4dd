// The places of one pool, indexed by what each could still give.
//
// For every kind two maxima are kept a place: the most that one resource has free, and the sum of
// the resources that are wholly free. A claim can only fit where one of them reaches its amount, so
// a descent over the trees of maxima skips whole ranges of full places. The index never decides:
// who asks it checks the place itself.
//
//   X1  The index holds exactly what the resources of the pool say.
//   X2  Places are in the order of their first resource that is there: the same after a restart,
//       which knows nothing of resources that were deleted.
//
// For strategies that rank places by price it also keeps their scores (PlaceIndex+Scores.swift),
// for those that rank them by load, cost or speed their ranks (PlaceIndex+Ranks.swift), and for
// requests whose parts belong together the domains that these are in (PlaceIndex+Topology.swift).

internal import TenureBase

/// The places of one pool.
struct PlaceIndex {
    /// Resources that share a place.
    struct Place {
        let name: String
        /// Its number among the places.
        let slot: Int
        /// In the order of declaration.
        var resources: [ResourceID] = []
    }

    /// Whether places are taken as they are or as if nothing were used.
    enum View {
        case now
        case empty
    }

    struct KindTrees {
        let kind: Kind
        var single: MaximumTree
        var whole: MaximumTree
        var singleCapacity: MaximumTree
        var wholeCapacity: MaximumTree
        /// What active resources have free, and what they have in all.
        var free: PlaceSums
        var active: PlaceSums
        /// Free of the fullest device; kept from the first best-fit request on.
        var ordered: OrderedKeys<SlotKey>?
    }

    /// What a place must be able to give of one kind.
    struct Need {
        let tree: Int
        let amount: UInt64
    }

    private(set) var places: [Place] = []
    /// The numbers of the models of devices; they stay as long as the pool.
    var models = DeviceModels()
    /// The places as prices see them; made when a strategy asks.
    var scores: DeviceScores?
    /// What ranks places by one measure or several; made when a strategy asks.
    var ranks: PlaceRanks?
    /// The places by how close together they are; made when a request asks.
    var topology = TopologyIndex()
    private var slots: [String: Int] = [:]
    private var slotsOfResources: [ResourceID: Int] = [:]
    private(set) var trees: [KindTrees] = []
    /// How many leaves every tree has.
    private(set) var capacity = 16
    /// How many of `places` have no resource any more.
    private var emptyPlaces = 0
    /// So many places without resources are never worth the work of removing them.
    private static let emptyPlacesMin = 64

    /// The resources that breakers hold back.
    private(set) var heldBack: Set<ResourceID> = []

    /// Whether the pool has no resource.
    var isEmpty: Bool { places.allSatisfy(\.resources.isEmpty) }

    /// The slot of the place of a resource.
    func slot(of resource: ResourceID) -> Int? { slotsOfResources[resource] }

    /// Adds a resource, or takes a change of one in.
    mutating func set(_ resource: Resource, in resources: [Resource?]) {
        let slot = slots[resource.place] ?? addPlace(resource.place)
        if slotsOfResources.updateValue(slot, forKey: resource.id) == nil {
            places[slot].resources.append(resource.id)
            places[slot].resources.sort()
            topology.forget()
        }
        refresh(slot, kind: resource.kind, in: resources)
        score(slot, in: resources)
        scores?.supplyChanged()
        if ranks != nil { rankPerformance(slot, in: resources) }
    }

    /// Leaves a resource out as long as its breaker holds it back.
    mutating func hold(_ resource: Resource, back: Bool, in resources: [Resource?]) {
        guard heldBack.contains(resource.id) != back else { return }
        if back { heldBack.insert(resource.id) } else { heldBack.remove(resource.id) }
        guard let slot = slotsOfResources[resource.id] else { return }
        refresh(slot, kind: resource.kind, in: resources)
        score(slot, in: resources)
        scores?.supplyChanged()
    }

    /// Takes in what became of the resources of `placements`.
    mutating func update(_ placements: [Placement], in resources: [Resource?]) {
        for (index, placement) in placements.enumerated() {
            guard let kind = resources[Int(placement.resource.rawValue)]?.kind,
                let slot = slotsOfResources[placement.resource]
            else { continue }
            // Parts of one kind in one place follow each other; the last of them sees them all.
            let next = index + 1 < placements.count ? placements[index + 1].resource : nil
            if let next, slotsOfResources[next] == slot,
                resources[Int(next.rawValue)]?.kind == kind
            {
                continue
            }
            refresh(slot, kind: kind, in: resources)
            if let next, slotsOfResources[next] == slot { continue }
            score(slot, in: resources)
        }
    }

    /// Takes a resource out.
    ///
    /// O(log n), and O(n) when the place changes its rank among the others, or when about half of
    /// the places have become empty.
    mutating func remove(_ resource: Resource, in resources: [Resource?]) {
        guard let slot = slots[resource.place] else { return }
        scores?.supplyChanged()
        let isFirst = places[slot].resources.first == resource.id
        places[slot].resources.removeAll { $0 == resource.id }
        slotsOfResources[resource.id] = nil
        topology.forget()
        if ranks != nil { rankPerformance(slot, in: resources) }
        guard let first = places[slot].resources.first else {
            slots[resource.place] = nil
            emptyPlaces += 1
            refresh(slot, kind: resource.kind, in: resources)
            score(slot, in: resources)
            if emptyPlaces > max(Self.emptyPlacesMin, places.count / 2) { rebuild(in: resources) }
            return
        }
        refresh(slot, kind: resource.kind, in: resources)
        score(slot, in: resources)
        guard isFirst else { return }
        let next = places[(slot + 1)...].first { !$0.resources.isEmpty }?.resources.first
        if let next, next < first { rebuild(in: resources) }
    }

    /// Makes the index anew from the resources that it holds, as a restart does.
    private mutating func rebuild(in resources: [Resource?]) {
        let ids = places.flatMap(\.resources).sorted()
        let models = models
        let heldBack = heldBack
        self = PlaceIndex()
        self.models = models
        self.heldBack = heldBack
        for id in ids {
            if let resource = resources[Int(id.rawValue)] { set(resource, in: resources) }
        }
    }

    /// The slot of the place of this name.
    func slot(ofPlace name: String) -> Int? { slots[name] }

    /// The resources of the place called `name`, in the order of declaration.
    func resources(inPlace name: String) -> [ResourceID] {
        slots[name].map { places[$0].resources } ?? []
    }

    /// The first slot from `start` on that might fit the amounts; `nil` when none can.
    func firstSlot(
        from start: Int,
        for amounts: [ClaimAmount],
        view: View = .now
    ) -> Int? {
        guard start < capacity, let needs = needs(of: amounts) else { return nil }
        var unbounded = Int.max
        return descend(needs, from: start, view: view, atMost: &unbounded)
    }

    /// What of `kind` is free in active resources of the pool, and what these have in all.
    func free(of kind: Kind) -> (free: UInt128, of: UInt128) {
        guard let tree = trees.first(where: { $0.kind == kind }) else { return (0, 0) }
        return (tree.free.total, tree.active.total)
    }

    /// Calls `body` with slots from `start` on that might fit, until it returns false or so many
    /// nodes of the trees were looked at.
    func forEachSlot(
        from start: Int,
        for amounts: [ClaimAmount],
        atMost nodes: Int,
        _ body: (Int) -> Bool
    ) {
        guard let needs = needs(of: amounts) else { return }
        var start = start
        var left = nodes
        while start < capacity,
            let slot = descend(needs, from: start, view: .now, atMost: &left), body(slot)
        {
            start = slot + 1
        }
    }

    /// The most that one resource of a place has free of `kind`.
    func largestFree(of kind: Kind, at slot: Int) -> UInt64 {
        trees.first { $0.kind == kind }?.single[slot] ?? 0
    }

    /// Calls `body` with slots that might fit, the fullest in the scarcest kind first.
    ///
    /// The first amount of `amounts` ranks. Stops when `body` returns false.
    mutating func forEachFullest(
        _ amounts: [ClaimAmount],
        _ body: (Int) -> Bool
    ) {
        guard let first = amounts.first,
            let tree = trees.firstIndex(where: { $0.kind == first.kind })
        else { return }
        if trees[tree].ordered == nil { trees[tree].ordered = makeOrder(of: tree) }
        trees[tree].ordered?.forEach(from: .init(value: first.amount, slot: .min)) { key in
            body(Int(key.slot))
        }
    }

    /// The most that one resource of `kind` has in all.
    func largestResource(of kind: Kind) -> UInt64 {
        trees.first { $0.kind == kind }?.singleCapacity.nodes[1] ?? 0
    }

    /// The most that one place could give of `kind` if nothing were used.
    func largestPlace(of kind: Kind) -> UInt64 {
        guard let tree = trees.first(where: { $0.kind == kind }) else { return 0 }
        return max(tree.singleCapacity.nodes[1], tree.wholeCapacity.nodes[1])
    }

    /// No place can give more of `kind` now; one that can give this much may not be usable.
    func largestFree(of kind: Kind) -> UInt64 {
        guard let tree = trees.first(where: { $0.kind == kind }) else { return 0 }
        return max(tree.single.nodes[1], tree.whole.nodes[1])
    }

    private mutating func addPlace(_ name: String) -> Int {
        let slot = places.count
        places.append(Place(name: name, slot: slot))
        slots[name] = slot
        scores?.places.append(.nothing)
        if slot == capacity {
            capacity *= 2
            for index in trees.indices {
                trees[index].single.grow()
                trees[index].whole.grow()
                trees[index].singleCapacity.grow()
                trees[index].wholeCapacity.grow()
                trees[index].free.grow()
                trees[index].active.grow()
            }
            ranks?.grow()
        }
        return slot
    }

    private mutating func refresh(_ slot: Int, kind: Kind, in resources: [Resource?]) {
        let tree = treeIndex(of: kind)
        var single: UInt64 = 0
        var whole: UInt64 = 0
        var singleCapacity: UInt64 = 0
        var wholeCapacity: UInt64 = 0
        var free: UInt64 = 0
        var active: UInt64 = 0
        for id in places[slot].resources {
            guard let resource = resources[Int(id.rawValue)], resource.kind == kind else {
                continue
            }
            singleCapacity = max(singleCapacity, resource.capacity)
            wholeCapacity = saturatingSum(wholeCapacity, resource.capacity)
            guard resource.state == .active, !heldBack.contains(id) else { continue }
            single = max(single, resource.free)
            free = saturatingSum(free, resource.free)
            active = saturatingSum(active, resource.capacity)
            if resource.used == 0 { whole = saturatingSum(whole, resource.capacity) }
        }
        let before = trees[tree].single[slot]
        if before != single, trees[tree].ordered != nil {
            if before > 0 { trees[tree].ordered?.remove(.init(value: before, slot: Int32(slot))) }
            if single > 0 { trees[tree].ordered?.insert(.init(value: single, slot: Int32(slot))) }
        }
        trees[tree].single.set(slot, single)
        trees[tree].whole.set(slot, whole)
        trees[tree].singleCapacity.set(slot, singleCapacity)
        trees[tree].wholeCapacity.set(slot, wholeCapacity)
        trees[tree].free.set(slot, free)
        trees[tree].active.set(slot, active)
        if ranks != nil { rank(slot, kind: kind, in: resources) }
        refreshDomains(slot, kind: kind, in: resources)
    }

    func saturatingSum(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let (sum, overflow) = left.addingReportingOverflow(right)
        return overflow ? .max : sum
    }

    private mutating func treeIndex(of kind: Kind) -> Int {
        if let index = trees.firstIndex(where: { $0.kind == kind }) { return index }
        let tree = MaximumTree(capacity: capacity)
        trees.append(
            KindTrees(
                kind: kind,
                single: tree,
                whole: tree,
                singleCapacity: tree,
                wholeCapacity: tree,
                free: PlaceSums(count: capacity),
                active: PlaceSums(count: capacity)
            )
        )
        return trees.count - 1
    }

    private func makeOrder(of tree: Int) -> OrderedKeys<SlotKey> {
        var keys = OrderedKeys<SlotKey>()
        for slot in places.indices where trees[tree].single[slot] > 0 {
            keys.insert(.init(value: trees[tree].single[slot], slot: Int32(slot)))
        }
        return keys
    }

    func needs(of amounts: [ClaimAmount]) -> [Need]? {
        var needs: [Need] = []
        needs.reserveCapacity(amounts.count)
        for amount in amounts {
            guard let tree = trees.firstIndex(where: { $0.kind == amount.kind }) else { return nil }
            needs.append(Need(tree: tree, amount: amount.amount))
        }
        return needs
    }

    func mightFit(_ needs: [Need], node: Int, view: View) -> Bool {
        for need in needs {
            let enough =
                switch view {
                case .now:
                    trees[need.tree].single.nodes[node] >= need.amount
                        || trees[need.tree].whole.nodes[node] >= need.amount
                case .empty:
                    trees[need.tree].singleCapacity.nodes[node] >= need.amount
                        || trees[need.tree].wholeCapacity.nodes[node] >= need.amount
                }
            if !enough { return false }
        }
        return true
    }

    /// Leftmost leaf not before `start` that might fit: climbs from the leaf, then goes down.
    ///
    /// Nothing as well when `left` nodes were looked at.
    private func descend(
        _ needs: [Need],
        from start: Int,
        view: View,
        atMost left: inout Int
    ) -> Int? {
        var node = capacity + start
        while left > 0 {
            left -= 1
            if mightFit(needs, node: node, view: view) {
                if node >= capacity { return node - capacity }
                node *= 2
                continue
            }
            // To the right neighbour of the nearest ancestor that is a left child.
            while node % 2 == 1 { node /= 2 }
            if node == 0 { return nil }
            node += 1
        }
        return nil
    }
}
