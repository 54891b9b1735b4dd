// Backfill: what may pass one who waits without making it wait longer.
//
//   B2  What is promised fits at its date: what is free now, and what comes back by then, is as
//       much as is promised. Whoever lives beyond the date takes nothing of that.
//
// Who waits is the engine's to know, and so is what is promised to whom: it is derived from leases
// that are on record, and made anew after a restart. A request carries what is withheld from it
// into the decision, which is as pure with it as without.

extension LedgerState {
    /// An empty order of ends for a pool, to be filled with `scan`.
    package func newLeaseEnds(of pool: String) -> LeaseEnds {
        LeaseEnds(pool: pool, lockDelay: settings(of: pool)?.lockDelay ?? 0)
    }

    /// The position of the last change of anything of a pool, or a later one.
    package func lastChange(of pool: String) -> Position {
        pools.index(forKey: pool).map { pools.values[$0].changed } ?? facts.position
    }

    private func settings(of pool: String) -> PoolSettings? {
        pools.index(forKey: pool).map { pools.values[$0].pool.settings }
    }

    /// Looks at the next leases for the first time, so many at most.
    package func scan(_ ends: inout LeaseEnds, atMost limit: Int) throws(RowFault) {
        var rows = MergedLeases(state: leases, source: source, after: ends.scanned)
        for _ in 0..<limit {
            guard let lease = try rows.next() else { return ends.complete() }
            ends.scan(lease, goesBack: try goesBack(lease))
        }
    }

    /// Takes in what became of `leases`, which a frame has changed.
    package func note(_ leases: [LeaseID], in ends: inout LeaseEnds) throws(RowFault) {
        for id in leases {
            // What was not looked at yet will be.
            guard ends.isComplete || ends.scanned.map({ id <= $0 }) ?? false else { continue }
            let lease = try lease(id)
            ends.set(id, lease, goesBack: try goesBack(lease))
        }
    }

    /// Whether what a lease holds is its parent's when it ends.
    private func goesBack(_ lease: Lease?) throws(RowFault) -> Bool {
        guard let parent = lease?.parent else { return false }
        return try self.lease(parent)?.state.isHeld ?? false
    }

    /// Whether the ends are those that the pool's lock-delay gives.
    package func isCurrent(_ ends: LeaseEnds) -> Bool {
        settings(of: ends.pool)?.lockDelay == ends.lockDelay
    }

    /// How long one waits for a pool before anything is promised to it, in milliseconds.
    package func starvationLimit(of pool: String) -> UInt64 {
        settings(of: pool)?.starvationLimit ?? 0
    }

    /// When what a request gets is free again at the latest, if it is granted now; `never` when
    /// that is not known.
    package func latestEnd(
        of command: Command,
        asking request: AcquireRequest,
        now: LedgerTime
    ) throws(RowFault) -> LedgerTime {
        guard let settings = settings(of: request.pool) else { return .never }
        var end = LedgerTime.never
        if case .grow(let reference, _) = command {
            end = try lease(reference.lease)?.terms.lifetimeEnd ?? .never
        } else {
            let life = request.maxLifetimeMilliseconds ?? settings.maxLifetime
            if life > 0 { end = now.advanced(byMilliseconds: life) }
        }
        return end.advanced(byMilliseconds: settings.lockDelay)
    }

    /// What is free in a pool now, to be asked about many requests.
    package func room(in pool: String) -> FreeRoom { FreeRoom(index: pools[pool]?.index) }

    /// When a request fits at the latest that waits, and where, with what is promised to others
    /// before it left alone.
    ///
    /// Bookings and windows are left alone that begin before the `end` of what is granted at a
    /// date, beside what is promised at these `times`. Looks at `Limits.datingLeases` ends of
    /// leases at most, and at as many of bookings and windows.
    package func promise(
        to request: AcquireRequest,
        besides: [ResourceID: UInt64],
        times: [PromisedTime] = [],
        by ends: LeaseEnds,
        now: LedgerTime,
        end: (LedgerTime) -> LedgerTime = { _ in .never }
    ) -> Promise {
        guard let index = pools[request.pool]?.index else {
            return Promise(outlook: .unknown, besides: besides, version: facts.position, steps: 0)
        }
        return withoutActuallyEscaping(end) { end in
            let room = DateSearch.Room { date, resources in
                self.bookedRoom(
                    in: request.pool,
                    of: resources,
                    from: date,
                    before: end(date),
                    by: ends,
                    beside: times
                )
            } parts: { resources in
                self.bookedParts(in: request.pool, of: resources, by: ends)
            }
            var search = DateSearch(
                request,
                in: index,
                resources,
                besides: besides,
                room: hasBookings(in: request.pool) ? room : nil
            ) { placements in
                self.tooDear(request, placements) == nil
            }
            let outlook = search.outlook(
                by: ends,
                and: bookedEnds(in: request.pool, after: now),
                now: now
            )
            return Promise(
                outlook: outlook,
                besides: besides,
                version: lastChange(of: request.pool),
                steps: search.steps
            )
        }
    }

    /// What of the promised places must stay free from now on, where not enough comes back by the
    /// date; nothing when the promise can not be kept any more (B2).
    package func withheld(
        by promise: Promise,
        _ ends: LeaseEnds
    ) -> [ResourceID: UInt64]? {
        guard let date = promise.date else { return nil }
        var withheld: [ResourceID: UInt64] = [:]
        for (id, own) in promise.own {
            let amount = own.addingSaturating(promise.besides[id, default: 0])
            guard let resource = resource(id), resource.state == .active,
                let slot = pools.index(forKey: resource.pool),
                !pools.values[slot].index.heldBack.contains(id)
            else { return nil }
            let free = resource.free(after: ends.amount(backTo: id, until: date))
            guard free >= amount else { return nil }
            let spare = free - amount
            if resource.free > spare { withheld[id] = resource.free - spare }
        }
        return withheld
    }
}

extension Decision {
    /// A plan that can not be committed, because it rests on what is promised to others.
    package func withoutVersion() -> Decision {
        var decision = self
        decision.answer.set(version: nil)
        return decision
    }
}
