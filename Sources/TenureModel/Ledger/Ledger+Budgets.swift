// Budgets: what a lease could cost is held when it is granted, and settled when it ends.
//
//   B1  What a budget holds is the sum over its leases: those at or below its tenant that were
//       granted after it was set.
//   B2  A lease holds what it would cost until the end of its longest life; with every part that
//       goes, what that part could have cost goes back and what it did cost is spent, in the frame
//       in which it goes. Never more is spent than was held for it.
//       What is carved out of a lease as a sub-lease stays its to pay.
//   B3  What was spent counts in the window of the time until which it was used; a new window
//       forgets what was spent, and not what is held.

internal import TenureBase

extension LedgerState {
    func setBudget(_ request: BudgetRequest, now: LedgerTime) -> Decision {
        let tenant = request.tenant
        guard Names.isValidTenant(tenant) else {
            return Decision(refused: .malformed, "TENANT '\(tenant.printable)' is no path of names")
        }
        let before = budgets[tenant]
        guard let limit = request.limit ?? before?.limit,
            let window = request.windowMilliseconds ?? before?.windowMilliseconds
        else {
            return Decision(
                refused: .malformed,
                "tenant \(tenant) has no budget yet; say LIMIT and WINDOW"
            )
        }
        guard limit <= Limits.amountMax else {
            return Decision(refused: .malformed, "LIMIT is above \(Limits.amountMax) thousandths")
        }
        guard (Limits.budgetWindowMin...Limits.millisecondsMax).contains(window) else {
            return Decision(
                refused: .malformed,
                "WINDOW must be \(Limits.budgetWindowMin) to \(Limits.millisecondsMax) ms"
            )
        }
        var budget =
            before?.rolled(to: now)
            ?? Budget(
                tenant: tenant,
                since: nextPosition,
                limit: limit,
                windowMilliseconds: window,
                start: now
            )
        budget.limit = limit
        if window != budget.windowMilliseconds {
            // Another span is another count, from now on.
            budget.windowMilliseconds = window
            (budget.start, budget.window, budget.spent) = (now, 0, 0)
        }
        return Decision(.budgetSet(budget), done)
    }

    func deleteBudget(_ tenant: String) -> Decision {
        guard budgets[tenant] != nil else { return Decision(.refused(noBudget(tenant))) }
        return Decision(.budgetDeleted(tenant: tenant), done)
    }

    private func noBudget(_ tenant: String) -> Refusal {
        Refusal(.notFound, "tenant \(tenant.printable) has no budget; see BUDGET LIST")
    }

    // MARK: Holding

    /// The refusal of what could cost without end where a budget binds.
    func endlessRefusal(_ terms: Terms) -> Refusal? {
        guard !budgets.isEmpty, terms.lifetimeEnd == .never,
            let level = terms.tenantLevels.first(where: { budgets[$0] != nil })
        else { return nil }
        return Refusal(
            .malformed,
            "tenant \(level) has a budget, which must hold what a lease could cost: say "
                + "MAXLIFETIME, or set maxLifetime of the pool"
        )
    }

    /// What a new lease at `placements` holds of the budgets above it; nothing where there is
    /// none, or where all is free.
    func newCharge(
        _ placements: [Placement],
        _ terms: Terms,
        after settlements: [Event] = [],
        now: LedgerTime
    ) throws(RowFault) -> Result<LeaseCharge?, Refusal> {
        guard !budgets.isEmpty, terms.tenantLevels.contains(where: { budgets[$0] != nil }) else {
            return .success(nil)
        }
        var prices: [ResourcePrice] = []
        for placement in placements {
            guard let cost = resource(placement.resource)?.cost, cost > 0,
                !prices.contains(where: { $0.resource == placement.resource })
            else { continue }
            prices.append(ResourcePrice(resource: placement.resource, price: cost))
        }
        if prices.isEmpty { return .success(nil) }
        let life = terms.lifetimeEnd.nanoseconds - now.nanoseconds
        let held = cost(of: placements, prices, nanoseconds: life)
        for level in terms.tenantLevels {
            guard let known = budgets[level] else { continue }
            let budget = try settled(known, of: level, by: settlements)
            let spent = budget.spent(at: now)
            let all = UInt128(spent) + UInt128(budget.held) + UInt128(held)
            if all <= UInt128(budget.limit) { continue }
            return .failure(
                Refusal(
                    .quota,
                    "tenant \(level) has spent \(Price.text(spent)) and holds "
                        + "\(Price.text(budget.held)) of its budget of "
                        + "\(Price.text(budget.limit)); "
                        + "\(Price.text(held)) more does not fit; ask for less or a shorter "
                        + "MAXLIFETIME, or wait until leases or the window end",
                    limit: Shortage(budgetOf: level).limit
                )
            )
        }
        return .success(LeaseCharge(held: held, prices: prices))
    }

    /// A budget as it is when `events` have settled what they settle.
    private func settled(
        _ budget: Budget,
        of level: String,
        by events: [Event]
    ) throws(RowFault) -> Budget {
        var budget = budget
        for case .budgetSettled(let settlements) in events {
            for settlement in settlements {
                guard let lease = try lease(settlement.lease), let charge = lease.charge,
                    Self.levels(of: lease.terms.tenant).contains(level),
                    budget.covers(Token(rawValue: lease.id.rawValue).position)
                else { continue }
                budget.held -= charge.held - settlement.held
                budget.book(settlement.spent, until: settlement.until)
            }
        }
        return budget
    }

    /// What `placements` cost for so long, each rounded up.
    private func cost(
        of placements: [Placement],
        _ prices: [ResourcePrice],
        nanoseconds: UInt64
    ) -> UInt64 {
        placements.reduce(into: 0) { sum, placement in
            guard let price = prices.first(where: { $0.resource == placement.resource })?.price,
                let kind = resource(placement.resource)?.kind
            else { return }
            let cost = Price.of(
                placement.amount,
                kind: kind,
                price: price,
                nanoseconds: nanoseconds
            )
            let (total, overflow) = sum.addingReportingOverflow(cost)
            sum = overflow ? .max : total
        }
    }

    /// The refusal of more for a lease of a tenant with a budget: its price would be another, and
    /// from now on.
    func growthRefusal(_ lease: Lease) -> Refusal? {
        let levels = Self.levels(of: lease.terms.tenant)
        guard !budgets.isEmpty, let level = levels.first(where: { budgets[$0] != nil }) else {
            return nil
        }
        return Refusal(
            .malformed,
            "tenant \(level) has a budget, under which \(lease.id.rawValue) does not grow; "
                + "acquire a second lease"
        )
    }

    // MARK: Settling

    /// What settles leases that end, or that keep only `kept` beside what their sub-leases have; to
    /// stand before what ends them.
    func settling(
        _ leases: [Lease],
        keeping kept: [Placement]? = nil,
        now: LedgerTime
    ) throws(RowFault) -> [Event] {
        var settlements: [Settlement] = []
        for lease in leases where lease.charge != nil {
            if let settled = try settlement(of: lease, keeping: kept, now: now) {
                settlements.append(settled)
            }
        }
        return settlements.isEmpty ? [] : [.budgetSettled(settlements)]
    }

    private func settlement(
        of lease: Lease,
        keeping kept: [Placement]?,
        now: LedgerTime
    ) throws(RowFault) -> Settlement? {
        guard let charge = lease.charge else { return nil }
        let granted = lease.terms.granted.nanoseconds
        let until = try usedUntil(lease, now: now)
        let life = lease.terms.lifetimeEnd.nanoseconds - granted
        // What is rounded up part by part may be a thousandth more than the whole: B2.
        let all = try placementsWithSubleases(of: lease)
        let gone = kept.map { lease.placements.subtracting($0) } ?? all
        let stays = all.subtracting(gone)
        let held = min(cost(of: stays, charge.prices, nanoseconds: life), charge.held)
        let used = until.nanoseconds - min(granted, until.nanoseconds)
        let spent = min(cost(of: gone, charge.prices, nanoseconds: used), charge.held - held)
        return Settlement(lease: lease.id, spent: spent, held: held, until: until)
    }

    /// Until when a lease was its holder's: now, its deadline, or the end of its session.
    private func usedUntil(_ lease: Lease, now: LedgerTime) throws(RowFault) -> LedgerTime {
        let end = min(now, dueTime(of: lease))
        guard let id = lease.terms.session, let session = try session(id) else { return end }
        // The deadline of a session that has ended is its end.
        return min(end, session.ended == nil ? dueTime(of: session) : session.deadline)
    }

    // MARK: Applying

    mutating func applyBudget(_ event: Event) throws(RowFault) {
        switch event {
        case .budgetSet(let budget): put(budget, for: budget.tenant)
        case .budgetDeleted(let tenant): put(nil, for: tenant)
        case .budgetHeld(let id, let charge):
            var lease = try known(id)
            lease.charge = charge
            leases.update(id, lease, at: facts.position)
            changeBudgets(of: lease) { $0.held += charge.held }
        case .budgetSettled(let settlements):
            for settlement in settlements { try apply(settlement) }
        default: violated("M1: only events of budgets come here")
        }
    }

    private mutating func apply(_ settlement: Settlement) throws(RowFault) {
        var lease = try known(settlement.lease)
        guard let charge = lease.charge else { return }
        invariant(charge.held >= settlement.held, "B2: what a lease holds only falls")
        let freed = charge.held - settlement.held
        lease.charge?.held = settlement.held
        if settlement.held == 0 { lease.charge = nil }
        leases.update(lease.id, lease, at: facts.position)
        changeBudgets(of: lease) { budget in
            invariant(budget.held >= freed, "B1: a budget holds what its leases hold")
            budget.held -= freed
            budget.book(settlement.spent, until: settlement.until)
        }
    }

    private mutating func changeBudgets(of lease: Lease, _ body: (inout Budget) -> Void) {
        let position = Token(rawValue: lease.id.rawValue).position
        for level in Self.levels(of: lease.terms.tenant) {
            guard var budget = budgets[level], budget.covers(position) else { continue }
            body(&budget)
            put(budget, for: level)
        }
    }

    /// Keeps a budget, and its window's end among what falls due as long as something was spent.
    private mutating func put(_ budget: Budget?, for tenant: String) {
        if let old = budgets[tenant], old.spent > 0 {
            removeDue(time: old.windowEnd, .budgetWindow, old.since)
        }
        budgets[tenant] = budget
        changedBudgets[tenant] = facts.position
        if let budget, budget.spent > 0 {
            insertDue(time: budget.windowEnd, .budgetWindow, budget.since)
        }
    }

    /// What forgets what was spent in a window that is over; nothing when `entry` is out of date.
    func windowEnd(_ entry: DueEntry, now: LedgerTime) -> Event? {
        guard let budget = budgets.values.first(where: { $0.since == entry.key.id }),
            budget.spent > 0, budget.windowEnd == entry.key.time
        else { return nil }
        return .budgetSet(budget.rolled(to: now))
    }

    // MARK: Reading

    func budgetAnswer(_ tenant: String, now: LedgerTime) -> Decision {
        guard let budget = budgets[tenant] else { return Decision(.refused(noBudget(tenant))) }
        return shown(budget.document(now: now))
    }

    func budgetList(below tenant: String?, now: LedgerTime) -> Decision {
        let names = budgets.keys.filter { name in
            tenant.map { name == $0 || name.hasPrefix($0 + "/") } ?? true
        }
        return list(names.sorted().compactMap { budgets[$0]?.document(now: now) })
    }

    /// B1: what is held by tenant and position of grant is what the budgets count.
    func budgetFault(_ held: [String: UInt64]) -> String? {
        for (tenant, budget) in budgets.sorted(by: { $0.key < $1.key })
        where budget.held != held[tenant] ?? 0 {
            return "B1: the budget of \(tenant) holds \(budget.held), its leases hold "
                + "\(held[tenant] ?? 0)"
        }
        return nil
    }

    /// Adds what a lease holds to what its budgets should hold.
    func tally(_ lease: Lease, _ held: inout [String: UInt64]) {
        guard let charge = lease.charge else { return }
        let position = Token(rawValue: lease.id.rawValue).position
        for level in Self.levels(of: lease.terms.tenant)
        where budgets[level]?.covers(position) == true {
            held[level, default: 0] += charge.held
        }
    }
}

extension Budget {
    fileprivate func document(now: LedgerTime) -> Document {
        let current = rolled(to: now)
        let taken = current.spent + min(held, .max - current.spent)
        return .map([
            .init("tenant", .string(tenant)), .init("limit", .count(limit)),
            .init("window", .count(windowMilliseconds)), .init("spent", .count(current.spent)),
            .init("held", .count(held)), .init("left", .count(limit - min(limit, taken))),
            .init("windowEnds", .count(current.windowEnd.milliseconds(since: now))),
        ])
    }

    /// The budget as fields of an event.
    var fields: [Document.Field] {
        [
            .init("tenant", .string(tenant)), .init("limit", .count(limit)),
            .init("window", .count(windowMilliseconds)), .init("spent", .count(spent)),
            .init("held", .count(held)),
        ]
    }
}
