// What of one kind is to be kept free for tenants who were guaranteed it and have not used it.
//
// Derived from quotas, use and resources, made when it is first needed and moved along with every
// change, so that no request looks at all quotas.
//
//   Q1  Of a tenant's guarantee, what it does not lend and does not use is kept.
//   Q2  A tenant and those below it count once: the larger of what is kept for it and for them.

internal import TenureBase

/// What is kept of one kind, and how much of it is free.
struct GuaranteeTree: Equatable {
    /// A tenant for which something is kept, or one above such a tenant.
    private struct Node: Equatable {
        let parent: String?
        /// The part of its guarantee that it does not lend.
        var reserve: UInt64 = 0
        /// What it and all below it use.
        var used: UInt64 = 0
        /// What is kept for those right below it.
        var below: UInt128 = 0

        /// What is kept for its own quota.
        var own: UInt64 { reserve - min(reserve, used) }
        /// Q2.
        var keep: UInt128 { max(UInt128(own), below) }
    }

    private var nodes: [String: Node] = [:]
    /// What is kept for all tenants together.
    private(set) var keep: UInt128 = 0
    /// What could be granted now, of all resources in all pools.
    private(set) var free: UInt128 = 0

    /// Adds a tenant that does not lend `reserve` of its guarantee and uses `used`.
    ///
    /// Each tenant once.
    mutating func insert(_ tenant: String, reserve: UInt64, used: UInt64) {
        var parent: String?
        for level in LedgerState.levels(of: tenant).reversed() {
            if nodes[level] == nil { nodes[level] = Node(parent: parent) }
            parent = level
        }
        change(tenant) { node in
            node.reserve = reserve
            node.used = used
        }
    }

    /// What a tenant and all below it use from now on.
    mutating func setUsed(_ used: UInt64, by tenant: String) {
        guard let node = nodes[tenant], node.reserve > 0 else { return }
        change(tenant) { $0.used = used }
    }

    /// What of a resource could be granted changed.
    mutating func setFree(_ now: UInt64, before: UInt64) {
        invariant(free >= before, "I2: what is free is the sum over the resources")
        free = free - UInt128(before) + UInt128(now)
    }

    private mutating func change(_ tenant: String, _ body: (inout Node) -> Void) {
        guard var node = nodes[tenant] else { return }
        var before = node.keep
        body(&node)
        nodes[tenant] = node
        // Upwards for as long as it makes a difference.
        while node.keep != before {
            let difference = (before, node.keep)
            guard let name = node.parent, var parent = nodes[name] else {
                keep = keep - difference.0 + difference.1
                return
            }
            before = parent.keep
            parent.below = parent.below - difference.0 + difference.1
            nodes[name] = parent
            node = parent
        }
    }

    /// What is kept for others below each level of a path, the whole path first and all tenants
    /// last; each includes the one before.
    func keptForOthers(_ levels: [String]) -> [UInt128] {
        var sums: [UInt128] = []
        var sum: UInt128 = 0
        var child: UInt128 = 0
        for level in levels {
            let node = nodes[level]
            sum += (node?.below ?? 0) - child
            sums.append(sum)
            child = node?.keep ?? 0
        }
        return sums + [sum + keep - child]
    }

    /// The tenant outside of a path for whose own quota most is kept, and how much.
    ///
    /// O(tenants of which something is kept): for refusals.
    func largest(without levels: [String]) -> (tenant: String, keep: UInt64)? {
        let others = nodes.filter { $0.value.own > 0 && !levels.contains($0.key) }
        let most = others.max { ($0.value.own, $1.key) < ($1.value.own, $0.key) }
        return most.map { ($0.key, $0.value.own) }
    }
}

extension LedgerState {
    /// What of a resource could be granted now.
    func grantable(_ resource: Resource) -> UInt64 {
        guard resource.state == .active, !breakers.holdBack(resource.id) else { return 0 }
        return resource.free
    }

    /// The same of the resource that is kept at an index, 0 when there is none.
    func grantable(at index: Int) -> UInt64 { resources[index].map(grantable) ?? 0 }

    /// The tree of a kind of which something is kept; nothing of other kinds.
    ///
    /// O(quotas + resources) for the first time after the quotas of the kind changed.
    mutating func guaranteeTree(of kind: Kind) throws(RowFault) -> GuaranteeTree? {
        guard reservedKinds[kind] != nil else { return nil }
        if let tree = guarantees[kind] { return tree }
        let tree = try makeGuaranteeTree(of: kind)
        guarantees[kind] = tree
        return tree
    }

    private func makeGuaranteeTree(of kind: Kind) throws(RowFault) -> GuaranteeTree {
        var tree = GuaranteeTree()
        for (tenant, quotas) in quotas {
            guard let quota = quotas.first(where: { $0.kind == kind }), quota.reserve > 0 else {
                continue
            }
            tree.insert(tenant, reserve: quota.reserve, used: try used(by: tenant, of: kind))
        }
        for case let resource? in resources where resource.kind == kind {
            tree.setFree(grantable(resource), before: 0)
        }
        return tree
    }

    /// What a tenant and all below it use of a kind.
    func used(by tenant: String, of kind: Kind) throws(RowFault) -> UInt64 {
        try usage(of: tenant)?.entries.first { $0.kind == kind }?.used ?? 0
    }

    /// A quota came, changed or went.
    mutating func guaranteesChanged(from before: Quota?, to after: Quota?) {
        guard let kind = (after ?? before)?.kind else { return }
        let was = (before?.reserve ?? 0) > 0
        let isNow = (after?.reserve ?? 0) > 0
        guard was || isNow else { return }
        let count = (reservedKinds[kind] ?? 0) + (isNow ? 1 : 0) - (was ? 1 : 0)
        reservedKinds[kind] = count > 0 ? count : nil
        guarantees[kind] = nil
    }

    /// The first tree that is not what the rows give, as a sentence.
    func guaranteeFault() throws(RowFault) -> String? {
        for kind in guarantees.keys.sorted() {
            let fresh = try makeGuaranteeTree(of: kind)
            if guarantees[kind] != fresh {
                return "I3: what is kept of \(kind.name) for guarantees is not what quotas and use "
                    + "give"
            }
        }
        return nil
    }
}
