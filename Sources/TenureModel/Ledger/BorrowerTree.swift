// Who borrows of one kind and has leases in a pool that may be asked back, those first who borrow
// most.
//
// Derived from quotas, use and the table `reclaimable`, made when it is first needed and moved
// along with every change, so that no request looks at all tenants.

internal import TenureBase

/// The tenants of a pool by how much of a kind they use above their guarantees.
struct BorrowerTree {
    /// What a tree is about.
    struct Key: Hashable {
        let pool: String
        let kind: Kind
    }

    /// A level of a tenant's path.
    private struct Node {
        let name: String
        let parent: Int
        /// What it and all below it use above its guarantee; all of it without one.
        var surplus: UInt64
        /// The levels right below it, the largest surplus first.
        var children = OrderedKeys<SlotKey>()
        var childCount = 0
    }

    /// The first is above all tenants.
    private var nodes = [Node(name: "", parent: 0, surplus: .max)]
    private var slots: [String: Int] = [:]
    private var unused: [Int] = []

    /// How many levels there are.
    var count: Int { slots.count }

    /// The surplus of every level, to be compared with what the rows give.
    var surpluses: [String: UInt64] { slots.mapValues { nodes[$0].surplus } }

    /// Whether a level is known.
    func contains(_ level: String) -> Bool { slots[level] != nil }

    /// Adds a level below those above it, which are known.
    mutating func insert(_ level: String, below parent: String?, surplus: UInt64) {
        let node = Node(
            name: level,
            parent: parent.flatMap { slots[$0] } ?? 0,
            surplus: surplus
        )
        let slot = unused.popLast() ?? nodes.count
        if slot == nodes.count { nodes.append(node) } else { nodes[slot] = node }
        slots[level] = slot
        nodes[node.parent].children.insert(key(of: slot))
        nodes[node.parent].childCount += 1
    }

    /// Changes what a level uses above its guarantee; nothing where it is not known.
    mutating func set(_ surplus: UInt64, of level: String) {
        guard let slot = slots[level], nodes[slot].surplus != surplus else { return }
        nodes[nodes[slot].parent].children.remove(key(of: slot))
        nodes[slot].surplus = surplus
        nodes[nodes[slot].parent].children.insert(key(of: slot))
    }

    /// Forgets a level with nothing below it, because it has no lease to ask back.
    mutating func remove(_ level: String) {
        guard let slot = slots[level], nodes[slot].childCount == 0 else { return }
        let parent = nodes[slot].parent
        nodes[parent].children.remove(key(of: slot))
        nodes[parent].childCount -= 1
        slots[level] = nil
        unused.append(slot)
    }

    private func key(of slot: Int) -> SlotKey {
        SlotKey(value: ~nodes[slot].surplus, slot: Int32(slot))
    }

    /// Calls `body` with tenants that borrow from others than those below `covered`, a level of
    /// `path`, the whole path first; who borrows most comes first, until `body` returns false.
    ///
    /// What is used at the levels above `covered` bounds nobody: it stays there. O(log tenants) for
    /// each call.
    func forEachBorrower(
        from covered: String,
        of path: [String],
        _ body: (String) throws(RowFault) -> Bool
    ) throws(RowFault) {
        let shared = path.drop { $0 != covered }.dropFirst()
        for level in shared where contains(level) {
            if try !body(level) { return }
        }
        var walks = (shared.compactMap { slots[$0] } + [0]).map { Walk(parent: $0, bound: .max) }
        for index in walks.indices { advance(&walks[index], around: path) }
        // Those who have most are few: a walk is added for each that was met.
        while let index = walks.indices.max(by: { walks[$0].surplus < walks[$1].surplus }),
            walks[index].surplus > 0, let next = walks[index].next
        {
            let slot = Int(next.slot)
            var below = Walk(parent: slot, bound: walks[index].surplus)
            advance(&walks[index], around: path)
            if nodes[slot].childCount > 0 {
                advance(&below, around: path)
                walks.append(below)
            }
            if try !body(nodes[slot].name) { return }
        }
    }

    /// How far the levels right below one have been met.
    private struct Walk {
        let parent: Int
        /// The least surplus above them.
        let bound: UInt64
        var next: SlotKey?
        var hasBegun = false

        init(parent: Int, bound: UInt64) {
            self.parent = parent
            self.bound = bound
        }

        /// What the next one borrows; 0 when there is none.
        var surplus: UInt64 { next.map { min(bound, ~$0.value) } ?? 0 }
    }

    private func advance(_ walk: inout Walk, around path: [String]) {
        var from = SlotKey(value: 0, slot: 0)
        if let last = walk.next { from = SlotKey(value: last.value, slot: last.slot + 1) }
        walk.next = nil
        nodes[walk.parent].children.forEach(from: from) { key in
            if path.contains(nodes[Int(key.slot)].name) { return true }
            walk.next = key
            return false
        }
    }
}

extension LedgerState {
    /// The tree of a kind in a pool that asks back.
    ///
    /// O(tenants with leases there) for the first time after the quotas of the kind or the pool
    /// changed, or when most of those it has are gone.
    mutating func borrowerTree(_ key: BorrowerTree.Key) throws(RowFault) -> BorrowerTree {
        if let tree = borrowers[key] { return tree }
        var tree = BorrowerTree()
        for tenant in try reclaimableTenants(in: key.pool) {
            try insert(tenant, of: key.kind, into: &tree)
        }
        borrowers[key] = tree
        return tree
    }

    /// The tenants that have leases in a pool that may be asked back.
    private func reclaimableTenants(in pool: String) throws(RowFault) -> Set<String> {
        let changed = reclaimable.keys { $0.pool == pool }
        var tenants = Set(changed.filter(\.value).map(\.key.tenant))
        var after: ReclaimableKey?
        while let next = try source.reclaimable(in: pool, of: nil, after: after, limit: 1).first {
            after = ReclaimableKey(endOf: next.tenant, in: pool)
            guard !tenants.contains(next.tenant) else { continue }
            // What the store still has may be gone already.
            if try !reclaimable(in: pool, of: next.tenant, changed, limit: 1).isEmpty {
                tenants.insert(next.tenant)
            }
        }
        return tenants
    }

    /// Leases of one tenant that may be asked back, in the order in which they give way; `changed`
    /// are those of the pool that have come or gone.
    func reclaimable(
        in pool: String,
        of tenant: String,
        _ changed: [ReclaimableKey: Bool],
        limit: Int
    ) throws(RowFault) -> [ReclaimableKey] {
        var found = changed.filter { $0.value && $0.key.tenant == tenant }.map(\.key)
        var stored = 0
        var after: ReclaimableKey?
        while stored < limit {
            let page = try source.reclaimable(in: pool, of: tenant, after: after, limit: limit)
            guard let last = page.last else { break }
            let new = page.filter { changed[$0] == nil }
            found += new
            stored += new.count
            after = last
        }
        return Array(found.sorted().prefix(limit))
    }

    private func insert(
        _ tenant: String,
        of kind: Kind,
        into tree: inout BorrowerTree
    ) throws(RowFault) {
        var parent: String?
        for level in Self.levels(of: tenant).reversed() {
            if !tree.contains(level) {
                let used = try used(by: level, of: kind)
                tree.insert(level, below: parent, surplus: surplus(of: level, kind, used: used))
            }
            parent = level
        }
    }

    /// How much of what is used at a level its own guarantee does not cover.
    private func surplus(of level: String, _ kind: Kind, used: UInt64) -> UInt64 {
        quota(QuotaKey(tenant: level, kind: kind))?.borrowed(at: used) ?? used
    }

    // MARK: Applying

    /// A lease came that may be asked back.
    mutating func enterReclaimable(_ lease: Lease) throws(RowFault) {
        let key = ReclaimableKey(lease)
        reclaimable.insert(key, key, at: facts.position)
        for tree in keys(where: { $0.pool == key.pool }) {
            guard borrowers[tree]?.contains(key.tenant) == false,
                var changed = borrowers.removeValue(forKey: tree)
            else { continue }
            // One that has mostly met tenants that are gone is made anew when it is needed.
            if changed.count >= Limits.borrowersKept { continue }
            try insert(key.tenant, of: tree.kind, into: &changed)
            borrowers[tree] = changed
        }
    }

    /// What a tenant and all below it use from now on.
    mutating func noteUse(_ used: UInt64, by tenant: String, of kind: Kind) {
        guard !borrowers.isEmpty else { return }
        let surplus = surplus(of: tenant, kind, used: used)
        for key in keys(where: { $0.kind == kind }) { borrowers[key]?.set(surplus, of: tenant) }
    }

    /// The keys of some trees, apart from these: who changes a tree while the dictionary is being
    /// walked copies it.
    private func keys(where isWanted: (BorrowerTree.Key) -> Bool) -> [BorrowerTree.Key] {
        borrowers.keys.filter(isWanted)
    }

    mutating func forgetBorrowers(of kind: Kind) {
        borrowers = borrowers.filter { $0.key.kind != kind }
    }

    mutating func forgetBorrowers(in pool: String) {
        borrowers = borrowers.filter { $0.key.pool != pool }
    }

    /// The first tree that is not what the rows give, as a sentence.
    func borrowerFault() throws(RowFault) -> String? {
        for (key, tree) in borrowers {
            for (level, surplus) in tree.surpluses {
                let used = try used(by: level, of: key.kind)
                if surplus != self.surplus(of: level, key.kind, used: used) {
                    return "I3: what \(level) borrows of \(key.kind.name) is not what quotas and "
                        + "use give"
                }
            }
            for tenant in try reclaimableTenants(in: key.pool) where !tree.contains(tenant) {
                return "I3: tenant \(tenant) has leases in pool \(key.pool) and is not among those "
                    + "who may borrow"
            }
        }
        return nil
    }
}
