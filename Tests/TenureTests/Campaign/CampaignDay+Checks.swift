// What a day is held against.

import TenureLog
import TenureModel
import TenureSimulation
import TenureTesting

@testable import Tenure
@testable import TenureModel

extension CampaignDay {
    /// A look at one who waits is not late by more than this, in milliseconds.
    private static let slack: UInt64 = 2_000

    /// Takes in what the engine has told and done since the last time.
    mutating func observe() throws {
        var served: Set<TicketID> = []
        let records = tap.take()
        if terms.plans.hasRevocations { heard += records }
        for record in records { note(record, &served) }
        for number in live.keys.sorted() {
            guard let answer = scene.answers[number], let request = live[number] else { continue }
            live[number] = nil
            noteOutcome(answer, of: request)
        }
        for number in growing.keys.sorted() {
            guard let answer = scene.answers[number], let lease = growing[number] else { continue }
            growing[number] = nil
            guard case .grant(let grant) = answer else { continue }
            held[lease]?.grant = grant
            tally.hit(.grownAfterWait)
        }
        for delivery in scene.sink.takeLate() {
            if case .grant(let grant) = delivery.answer {
                held[grant.lease] = Held(grant: grant, request: Self.anyRequest(grant))
            }
        }
        try observeWaiters(served)
        if terms.plans.isAny { try checkPlans() }
    }

    // MARK: Answers

    /// Takes in what is answered at once to anything but a request, which may wait.
    mutating func note(_ answer: Answer, to command: Command) {
        switch (answer, command) {
        case (.session(let view), .openSession): sessions.append(view)
        case (.queued(let queued), _): tickets.append(queued.ticket)
        case (.grant(let grant), .acquire) where !grant.replayed: tally.hit(.grantedAtOnce)
        case (.grant(let grant), .grow(let reference, _)),
            (.grant(let grant), .handOver(let reference, _)):
            held[reference.lease]?.grant = grant
        case (.grant(let grant), .sublease):
            held[grant.lease] = Held(grant: grant, request: Self.anyRequest(grant))
        case (.grant(let grant), .commit(let reference, _)):
            held[reference.lease]?.grant = grant
        case (.ended(let ending), .release(let reference, _)):
            held[reference.lease]?.grant.placements = ending.placements
            if ending.placements.isEmpty { held[reference.lease] = nil }
        case (.document(let document), _): notePlan(document, command)
        case (.refused(let refusal), _): noteRefusal(refusal, to: command)
        default: break
        }
    }

    private mutating func noteRefusal(_ refusal: Refusal, to command: Command) {
        notePlanned(refusal)
        guard [.expired, .fenced, .notFound].contains(refusal.code) else { return }
        switch command {
        case .renew(let reference, _), .release(let reference, _), .commit(let reference, _),
            .cancel(let reference), .grow(let reference, _), .handOver(let reference, _),
            .sublease(let reference, _), .report(let reference, _):
            held[reference.lease] = nil
        case .keepSession(let reference), .closeSession(let reference):
            sessions.removeAll { $0.session == reference.session }
        default: break
        }
    }

    private mutating func noteOutcome(_ answer: Answer, of request: AcquireRequest) {
        switch answer {
        case .grant(let grant) where !grant.replayed:
            held[grant.lease] = Held(grant: grant, request: request)
        case .refused(let refusal):
            notePlanned(refusal)
            switch refusal.code {
            case .timeout: tally.hit(.timedOut)
            case .unsatisfiable: tally.hit(.turnedAwayForGood)
            case .expired: tally.hit(.sessionEnded)
            case .circuitOpen: tally.hit(.circuitOpen)
            case .unknown: tally.hit(.unknownOutcome)
            case .busy: tally.hit(.grantsTooFast)
            default: break
            }
        default: break
        }
    }

    /// What a lease whose request is not known here could ask for.
    private static func anyRequest(_ grant: Grant) -> AcquireRequest {
        let amounts = grant.placements.prefix(1).map {
            ClaimAmount(kind: $0.kind, amount: $0.amount)
        }
        var request = AcquireRequest(
            pool: CampaignTerms.pools[0],
            claims: [Claim(amounts: amounts)]
        )
        request.priority = .low
        return request
    }

    // MARK: Records

    private mutating func note(_ record: DurableRecord, _ served: inout Set<TicketID>) {
        for event in record.events {
            switch event {
            case .granted(let grant):
                classes[grant.lease.id] = grant.lease.terms.priority
                if let ticket = grant.served?.ticket { served.insert(ticket) }
            case .grown: tally.hit(.grown)
            case .handedOver: tally.hit(.handedOver)
            case .subleased: tally.hit(.carved)
            case .released(let id): held[id] = nil
            case .reclaimed(let taken, let cause, let evidence):
                noteReclaim(taken.map(\.lease), cause, evidence)
            case .preempted(let leases, _, let evidence):
                checkPreemption(of: leases, evidence)
                tally.hit(.preemptedWithNotice)
            case .quarantineEnded: tally.hit(.quarantineOver)
            case .ticketEnded(let end):
                if end.cause == .cancelled { tally.hit(.cancelled) }
            case .breakerSet(let breaker):
                if breaker.state == .open { tally.hit(.breakerOpened) }
                if breaker.state == .halfOpen { tally.hit(.breakerHalfOpened) }
            case .breakerCleared: tally.hit(.breakerClosed)
            default: break
            }
        }
    }

    private mutating func noteReclaim(
        _ leases: [LeaseID],
        _ cause: ReclaimCause,
        _ evidence: String
    ) {
        switch cause {
        case .preempted where evidence.contains(", class "):
            checkPreemption(of: leases, evidence)
            tally.hit(.preemptedAtOnce)
        case .revoked where evidence.contains("drain"): tally.hit(.drainedAway)
        case .revoked: tally.hit(.revoked)
        case .expired: tally.hit(.expired)
        default: break
        }
        for lease in leases { held[lease] = nil }
    }

    /// Whoever takes is at least so many classes above everybody who gives (P3), who asks again.
    private mutating func checkPreemption(of victims: [LeaseID], _ evidence: String) {
        preemptions += 1
        let isAskedBack = evidence.contains("borrowed")
        if isAskedBack { tally.hit(.gaveBackBorrowed) }
        guard let taker = Self.taker(evidence)
        else { return fault("P3: nobody took the place of \(victims): \(evidence)") }
        for victim in victims {
            if !isAskedBack, let given = classes[victim],
                UInt64(taker.rawValue) < UInt64(given.rawValue) + terms.preemptionGap
            {
                fault("P3: \(given.name) gave way to \(taker.name)")
            }
            guard var request = held[victim]?.request, !hasFallen else { continue }
            request.requestID = nil
            request.session = nil
            request.ttlMilliseconds = terms.life
            request.maxLifetimeMilliseconds = nil
            request.holdMilliseconds = nil
            request.queueMilliseconds = nil
            request.waitMilliseconds = 4 * 3_600_000
            again.append(request)
        }
    }

    /// The class for whose request somebody left.
    private static func taker(_ evidence: String) -> Priority? {
        guard let range = evidence.firstRange(of: ", class ") else { return nil }
        return Priority(name: String(evidence[range.upperBound...].prefix { $0.isLetter }))
    }

    // MARK: Waiters

    private mutating func observeWaiters(_ served: Set<TicketID>) throws {
        let now = try scene.core.now
        var seen: Set<WaitAge> = []
        let before = waits
        for waiter in try Array(scene.core.waiting.waiters) {
            seen.insert(waiter.age)
            var wait = waits[waiter.age] ?? wait(of: waiter, behind: before, now: now)
            wait.lacks = waiter.lacks
            if waiter.lacks.contains(where: \.isBesideRoom) { wait.lackedMore = true }
            // What is promised to it is promised elsewhere from now on: there is no bound.
            if waiter.home != wait.home { wait.lackedMore = true }
            // Nor is there one where something is booked, or to be drained.
            if try scene.core.state.hasBookings(in: wait.home) { wait.lackedMore = true }
            if waiter.rank == Aging.overdue { wait.wasOverdue = true }
            if !waiter.parties.isEmpty {
                wait.numbers = waiter.parties.map { Int($0.submission.ticket) }
            }
            waits[waiter.age] = wait
            if let bound = bound(of: wait), now.milliseconds(since: wait.since) > bound {
                fault(
                    "\(wait.request.priority.name) waits for \(now.milliseconds(since: wait.since))"
                        + " ms, the bound is \(bound) ms with \(wait.ahead) before it: \(terms)"
                )
            }
        }
        for (age, wait) in before where !seen.contains(age) {
            waits[age] = nil
            if hasBeenGranted(wait, served) { noteEnd(of: wait, at: now) }
        }
    }

    private func hasBeenGranted(_ wait: Wait, _ served: Set<TicketID>) -> Bool {
        if let ticket = wait.ticket { return served.contains(ticket) }
        return wait.numbers.contains { scene.grant($0) != nil }
    }

    private func wait(
        of waiter: Waiter,
        behind known: [WaitAge: Wait],
        now: LedgerTime
    ) -> Wait {
        let pool = waiter.home
        // Those that came in this step as well are known by now, in the order of their age.
        let ages = Set(known.keys).union(waits.keys)
        let ahead = ages.filter { age in
            age < waiter.age && (waits[age] ?? known[age])?.pools.contains(pool) == true
        }
        var wait = Wait(
            request: waiter.request,
            pools: waiter.pools,
            home: pool,
            ticket: waiter.ticket,
            since: waiter.since,
            ahead: ahead.count
        )
        // Queued when the process died, and seen for the first time when it was opened again.
        wait.outage = now.nanoseconds - waiter.since.nanoseconds
        // How long they wait who are to be near or away from others is not bounded.
        wait.lackedMore = ahead.contains { age in
            guard let before = (waits[age] ?? known[age])?.request else { return false }
            return !before.near.isEmpty || !before.away.isEmpty
        }
        return wait
    }

    /// The most that it waits for capacity, in milliseconds; nothing where there is no bound.
    ///
    /// The formula is that of the page on semantics; time in which something of the pool was out of
    /// service, or in which the ledger was closed, is not counted. Where somebody may be passed
    /// who has no date, that is done to each before it for the limit of the pool.
    private func bound(of wait: Wait) -> UInt64? {
        let request = wait.request
        guard !wait.lackedMore, terms.becomesOverdue(request.priority) else { return nil }
        let classes = UInt64(Aging.overdue - request.priority.rawValue)
        let kinds = UInt64(Set(request.totals.map(\.kind)).count)
        return classes * terms.agingStep
            + UInt64(wait.ahead + 1) * kinds * (terms.life + terms.lockDelay)
            + UInt64(wait.ahead + 1) * terms.starvationLimit
            + wait.outage / 1_000_000 + Self.slack
    }

    private mutating func noteEnd(of wait: Wait, at now: LedgerTime) {
        tally.hit(hasFallen ? .lastWaitersServed : .grantedAfterWait)
        if wait.ticket != nil {
            tally.hit(.ticketGranted)
            if wait.restarts > 0 { tally.hit(.ticketGrantedAfterRestart) }
        }
        if wait.wasOverdue { tally.hit(.overdueGranted) }
        if wait.pools.count > 1 { noteEndInSeveralPools(of: wait) }
        for lack in wait.lacks { tally.hit(Self.probe(of: lack)) }
        guard let bound = bound(of: wait) else { return }
        tally.bounded += 1
        let part = Double(now.milliseconds(since: wait.since)) / Double(bound)
        tally.longest = max(tally.longest, part)
        if part >= 0.25 { tally.hit(.boundReachedToAQuarter) }
    }

    private mutating func noteEndInSeveralPools(of wait: Wait) {
        if wait.ticket != nil, wait.restarts > 0 { tally.hit(.severalPoolsAfterRestart) }
        for number in wait.numbers {
            guard let grant = scene.grant(number) else { continue }
            tally.hit(grant.pool == wait.pools[0] ? .grantedByFirstPool : .grantedByNextPool)
        }
    }

    private static func probe(of lack: Shortage) -> CampaignTally.Probe {
        if lack.isAffinity { return .wokenByAffinity }
        if !lack.isQuota { return .wokenByCapacity }
        if lack.limit.hasPrefix("leases of ") { return .wokenByLeaseCount }
        if lack.limit.hasPrefix("budget of ") { return .wokenByBudget }
        return lack.limit.hasSuffix(" borrowed") ? .wokenByBorrowing : .wokenByQuota
    }

    // MARK: Service

    /// Resources that grant nothing because of their state.
    static func outOfService(_ scene: WaitingScene) -> [String] {
        guard let state = try? scene.core.state else { return [] }
        return state.resources.compactMap(\.self).filter { $0.state != .active }.map(\.name)
    }

    /// Counts time in which a pool was not whole for those who wait in it.
    mutating func countOutage(nanoseconds: UInt64) throws {
        let state = try scene.core.state
        for pool in CampaignTerms.pools {
            let mine = state.resources.compactMap(\.self).filter { $0.pool == pool }
            let isHurt = mine.contains { resource in
                resource.state != .active || resource.debt > 0
                    || state.breakers[.resource(resource.id)].map { $0.state != .closed } ?? false
            }
            if mine.contains(where: { $0.debt > 0 }) { tally.hit(.inDebt) }
            guard isHurt || state.breakers[.pool(pool)].map({ $0.state != .closed }) ?? false
            else { continue }
            addOutage(nanoseconds: nanoseconds, in: pool)
        }
    }

    /// Time that does not count as waiting, of a pool or of all.
    mutating func addOutage(nanoseconds: UInt64, in pool: String? = nil) {
        for (age, wait) in waits where pool.map({ $0 == wait.home }) ?? true {
            waits[age]?.outage = wait.outage + nanoseconds
        }
    }

    // MARK: No lost wake-up

    /// Nobody waits whom a fresh look would serve, but behind others; and nobody past his time.
    mutating func checkNobodyIsForgotten() throws {
        // The writer looks once a second whether others have run for long enough.
        if terms.waitsForRuntime { try pass(milliseconds: 1_001) }
        let core = try scene.core
        if let sentence = try core.invariantFault() { fault(sentence) }
        let now = core.now
        let all = Array(core.waiting.waiters)
        let waiters = try all.map { try SeenWaiter($0, in: core.state, now: now) }
        let sums =
            terms.plans.isAny ? try BookedSums(core.state, lockDelay: terms.lockDelay) : nil
        for (one, waiter) in zip(all, waiters) {
            let open = waiter.openPools(among: waiters)
            if open.isEmpty { continue }
            tally.freshLooks += 1
            if let sums { try checkRoom(for: one, sums) }
            let blocked = waiter.pools.filter { !open.contains($0) }
            let decision = try core.freshLook(at: one, leavingOut: blocked, now: now)
            guard case .refused(let refusal) = decision.answer, refusal.isOfWant else {
                if try isServedByPlans(one, leavingOut: blocked) { continue }
                fault("a wake-up was lost: \(waiter) is \(decision.answer)")
                continue
            }
            // It is not its turn as long as a guest comes before it.
            let isBehindGuest = open.contains { pool in
                waiters.contains { $0.isGuestInTheWay(of: waiter, in: pool) }
            }
            if !decision.events.isEmpty, !isBehindGuest,
                try !isServedByPlans(one, leavingOut: blocked)
            {
                fault("nobody was told to leave for \(waiter): \(decision.events) \(terms)")
            }
        }
        if let deadline = core.waiting.nextDeadline, deadline <= now { fault("one waits too long") }
    }

    /// Whether it would be granted, or others told to leave for it, only because what is booked, or
    /// to be drained, keeps it from a place that is too dear, or that a gang would begin with: that
    /// comes by time alone, and nobody is looked at for it.
    private mutating func isServedByPlans(
        _ waiter: Waiter,
        leavingOut blocked: [String]
    ) throws -> Bool {
        let core = try scene.core
        guard core.hasBookings else { return false }
        let decision = try core.freshLook(
            at: waiter,
            leavingOut: blocked,
            besideBookings: false,
            now: core.now
        )
        guard case .refused = decision.answer, decision.events.isEmpty else { return false }
        tally.servedByPlans += 1
        return true
    }
}
