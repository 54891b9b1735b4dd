// Who may pass, and whom: the first of every line, and those behind it.

internal import TenureModel

extension WaitingRoom {
    /// Whether somebody waits for any of this, or for any capacity of `pool`.
    func isAwaited(_ needs: [Shortage], in pool: String) -> Bool {
        awaited[pool] != nil || isAwaited(needs)
    }

    /// The quota that somebody before `order` waits for and that is needed as well (W2).
    func quotaObstacle(to order: WaitOrder, needing needs: [Shortage]) -> Shortage? {
        obstacle(to: order, needing: needs.filter(\.isQuota), selecting: [])
    }

    /// What somebody before `order` waits for and the request needs as well (W2).
    func obstacle(
        to order: WaitOrder,
        needing needs: [Shortage],
        selecting selector: [Label]
    ) -> Shortage? {
        needs.first { need in
            queues[need]?.obstacle(to: order, selecting: need.isQuota ? [] : selector) != nil
        }
    }

    /// What somebody before `waiter` waits for and it needs as well (W2).
    func obstacle(to waiter: Waiter) -> Shortage? {
        obstacle(to: waiter.order, needing: waiter.needs, selecting: waiter.request.selector)
    }

    /// The first of every line for capacity of `pool`, in order.
    func heads(in pool: String) -> [Waiter] {
        let found = awaited[pool]?.flatMap { queues[$0]?.heads ?? [] } ?? []
        return Self.inOrder(found).reversed()
    }

    /// Has everybody but the first looked at again who waits in `pool`.
    mutating func letPass(in pool: String) { passable.formUnion(awaited[pool] ?? []) }

    /// The pools in which those behind the first may be let pass.
    var passablePools: Set<String> { Set(passable.lazy.map(\.pool)) }

    /// Has everybody but the first of a pool looked at whom the pool admits; nobody where it says
    /// nothing.
    ///
    /// Not before those who were gathered before have been looked at.
    mutating func gatherFollowers(admittedBy admission: (String) -> ((Waiter) -> Bool)?) {
        var found = Array(postponed.values)
        for (pool, queues) in Dictionary(grouping: passable, by: \.pool) {
            guard let isAdmitted = admission(pool) else { continue }
            var known: Set<WaitAge> = []
            if let first = heads(in: pool).first { known.insert(first.age) }
            for queue in queues {
                self.queues[queue]?.visit { waiter in
                    // Many lack more than one thing.
                    guard known.insert(waiter.age).inserted, isAdmitted(waiter) else { return }
                    found.append(waiter)
                }
            }
        }
        passable = []
        postponed = SortedList()
        followers = Self.inOrder(found)
    }

    /// Each once, the first last.
    static func inOrder(_ waiters: [Waiter]) -> [Waiter] {
        var taken: Set<WaitAge> = []
        return waiters.filter { taken.insert($0.age).inserted }
            .sorted { $1.order.isBefore($0.order) }
    }

    /// Whether those behind the first are to be gathered before one of them is looked at.
    var mustGather: Bool { followers.isEmpty && !(passable.isEmpty && postponed.isEmpty) }

    /// Whether somebody is still to be looked at who comes before `waiter`, or may.
    func hasTurn(before waiter: Waiter) -> Bool {
        // Whoever is marked from now on is not in the order of those who are looked at next.
        if !(marked.isEmpty && freed.isEmpty && reordered.isEmpty) { return true }
        let order = waiter.order
        // Those are in order as long as nobody is marked.
        let next = turns.last(where: \.isReady)
        return next?.order.isBefore(order) == true
            || postponed.values.contains { $0.order.isBefore(order) }
    }

    /// Has a waiter looked at again behind those whose turn it may be.
    mutating func postpone(_ waiter: Waiter) { postponed.insert(waiter, at: waiter.age) }

    /// Takes the first of those behind the first, and its mark; nothing when there is none.
    mutating func takeFollower() -> Waiter? {
        while let next = followers.popLast() { if next.isReady { return next } }
        return nil
    }

    // MARK: Marks

    /// Has a waiter looked at again when those change who wait for `obstacle`, of whom one keeps
    /// leases from being told to leave for it; for nothing, when nobody does.
    mutating func note(_ waiter: Waiter, heldUpBy obstacle: Shortage?) {
        guard waiter.heldUpBy != obstacle else { return }
        if let before = waiter.heldUpBy {
            heldUp[before]?.remove(at: waiter.age)
            if heldUp[before]?.isEmpty == true { heldUp[before] = nil }
        }
        waiter.heldUpBy = obstacle
        if let obstacle {
            heldUp[obstacle, default: SortedList()].insert(waiter, at: waiter.age)
        }
    }

    /// Takes the first of those who are to be looked at, and its mark; nothing when there is none.
    ///
    /// Of its guests a pool admits those that it might serve.
    mutating func takeMarked(
        admittingGuests admission: (String) -> (Waiter) -> Bool
    ) -> Waiter? {
        while true {
            while let next = turns.popLast() { if next.isReady { return next } }
            guard hasTurns else { return nil }
            turns = gather(admittingGuests: admission)
        }
    }

    /// Everybody who is to be looked at, the first last.
    private mutating func gather(
        admittingGuests admission: (String) -> (Waiter) -> Bool
    ) -> [Waiter] {
        func front(_ shortage: Shortage, whereOrderChanged inOrder: Bool) -> [Waiter] {
            // Who waits for one pool only is no guest.
            let isAdmitted = severalCount > 0 ? admission(shortage.pool) : { _ in true }
            let queue = queues[shortage]
            return queue?.front(whereOrderChanged: inOrder, admittingGuests: isAdmitted) ?? []
        }
        var found = Array(marked.values)
        for shortage in freed.union(reordered) {
            found += heldUp[shortage]?.values.map(\.self) ?? []
        }
        for shortage in freed {
            found += front(shortage, whereOrderChanged: false)
            // Those who could begin such a group themselves have nobody before them.
            if shortage.isAffinity {
                found += queues[shortage]?.all.filter { !$0.needs.contains(shortage) } ?? []
            }
            if !shortage.isQuota { passable.insert(shortage) }
        }
        for shortage in reordered.subtracting(freed) {
            let front = front(shortage, whereOrderChanged: true)
            if !front.isEmpty, !shortage.isQuota { passable.insert(shortage) }
            found += front
        }
        marked = SortedList()
        freed = []
        reordered = []
        return Self.inOrder(found)
    }
}
