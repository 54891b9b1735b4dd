// Those who wait: in what order, for what, and who of them is to be looked at again.
//
//   W1  A waiter is in the queue of everything that it was found to lack, and in no other.
//   W2  Nobody is granted what somebody before him in this order waits for: class with aging, then
//       who was promised what others leave, then weighted dominant share, then age. Backfill is
//       the exception (LedgerCore+Backfill.swift), and who is a guest in a pool is passed there by
//       those who fit where it does not (WaitingRoom+Pools.swift).
//   W3  Whoever may be granted after a change is marked: who is freed by it, and the head of every
//       line whose order it may have changed; then those behind it, who may pass. A mark is taken
//       off by a look, or where none could end in a grant (no lost wake-up). Who can not be looked
//       at before the leases were read for their tags is marked then (WaitingRoom+Tags.swift).
//   W4  It is memory and nothing else: a waiter holds nothing. A restart forgets who waits without
//       a ticket, and finds the others in the state, in the same order.
//
// Within a line the order is strict; lines hold each other back unless their selectors exclude each
// other, so that one who waits for one model of a GPU does not hold up those who want another. Who
// has been short of two things keeps the place in both queues, so that newcomers can not take turns
// with him. Who lacks quota stands in the quota's queue alone, and holds up nobody else's capacity;
// so does who is kept back by leases that are there, or missing, in the queue of that rule.
//
// The order changes while they wait, by grants and by time. So queues are marked, not waiters: who
// their heads are is worked out when they are looked at.

internal import TenureModel

/// Everybody who waits.
struct WaitingRoom {
    private var all = SortedList<WaitAge, Waiter>()
    private(set) var queues: [Shortage: WaitQueue] = [:]
    /// The queues for capacity, by pool; no entry is empty.
    private(set) var awaited: [String: Set<Shortage>] = [:]
    /// Who is to be looked at wherever he stands.
    var marked = SortedList<WaitAge, Waiter>()
    /// The queues whose heads are to be looked at.
    var freed: Set<Shortage> = []
    /// Those for whom nobody is told to leave yet, by what somebody before them waits for.
    var heldUp: [Shortage: SortedList<WaitAge, Waiter>] = [:]
    /// The queues whose order may have changed.
    var reordered: Set<Shortage> = []
    /// Those who are to be looked at next, the first last.
    var turns: [Waiter] = []
    /// Those who hold something while they wait, and those who wait for more of a lease.
    var holding = SortedList<WaitAge, Waiter>()
    /// Where those behind the first of a line may pass; capacity only.
    var passable: Set<Shortage> = []
    /// Whether the newcomer who is decided is held back by those whose turn it may be.
    var isNewcomerPostponed = false
    /// Those who are looked at when the leases were read for their tags.
    var untagged = SortedList<WaitAge, Waiter>()
    /// Those who may pass others and are looked at again when no one else is.
    var postponed = SortedList<WaitAge, Waiter>()
    /// Those behind the first who are to be looked at when no one else is, the first last.
    var followers: [Waiter] = []
    var rises = SortedList<Rise, Waiter>()
    private var payers: [String: Payer] = [:]
    private var levels: [String: Level] = [:]
    var deadlines = SortedList<Deadline, Waiter>()
    private var byName: [PartyName: Waiter] = [:]
    private var byTicket: [TicketID: Waiter] = [:]
    private var bySession: [SessionID: [Waiter]] = [:]
    private var byTenant: [String: Int] = [:]
    private var arrivals: UInt64 = 0
    /// How many requests wait for several pools.
    private(set) var severalCount = 0

    /// Whether nobody waits: asked for every command, and all that those who do not wait pay.
    private(set) var isEmpty = true
    /// How many connections wait.
    var count: Int { byName.count }
    /// Whether somebody is to be looked at again, or may be.
    var hasMarked: Bool { hasTurns || hasFollowers || awaitsTags }
    /// Whether it may be the turn of one who is first, or of one who was marked.
    var hasTurns: Bool {
        !(marked.isEmpty && freed.isEmpty && reordered.isEmpty && turns.isEmpty)
    }
    /// Whether some behind the first of a line may be looked at again.
    var hasFollowers: Bool { !(passable.isEmpty && postponed.isEmpty && followers.isEmpty) }
    /// When the class of somebody rises; nothing when nobody's does.
    var nextRise: LedgerTime? { rises.first?.key.time }
    /// Whether the time of somebody is over at `now`.
    func isDue(at now: LedgerTime) -> Bool { nextDeadline.map { $0 <= now } ?? false }
    /// When the next one gives up; nothing when nobody waits.
    var nextDeadline: LedgerTime? { deadlines.first?.key.time }
    /// Everybody, by age.
    var waiters: some Sequence<Waiter> { all.values }

    // MARK: Coming and going

    /// Why one more can not wait; nothing when he can.
    func obstacle(toOneMoreOf tenant: String) -> Refusal? {
        if count >= EngineLimits.waiters {
            return Refusal(
                .busy,
                "\(EngineLimits.waiters) requests wait already; retry after a pause"
            )
        }
        if byTenant[tenant, default: 0] >= EngineLimits.waitersPerTenant {
            return Refusal(
                .busy,
                "\(EngineLimits.waitersPerTenant) requests of tenant \(tenant) wait already; "
                    + "retry after a pause"
            )
        }
        return nil
    }

    /// Lets a request wait in memory that was refused with `refusal`, from now on for so long.
    mutating func admit(
        _ submission: Submission,
        _ waiter: Waiter,
        refused refusal: Refusal,
        now: LedgerTime,
        milliseconds: UInt64
    ) {
        add(waiter, now: now)
        keep(waiter, refused: refusal)
        join(waiter, submission, now: now, milliseconds: milliseconds)
    }

    /// The age of one who comes now to wait in memory.
    mutating func nextAge(at position: Position) -> WaitAge {
        arrivals += 1
        return WaitAge(position: position, number: arrivals)
    }

    /// Lets a ticket wait that was just queued because of `refusal`.
    mutating func enter(_ waiter: Waiter, refused refusal: Refusal, now: LedgerTime) {
        add(waiter, now: now)
        keep(waiter, refused: refusal)
    }

    /// Lets a ticket of the state wait on after a restart.
    ///
    /// It is in the way of everybody who needs the same until it was looked at.
    mutating func restore(_ waiter: Waiter, now: LedgerTime) {
        add(waiter, now: now)
        stand(waiter, in: waiter.needs.filter { !$0.isQuota })
        marked.insert(waiter, at: waiter.age)
    }

    /// Has a waiter looked at again.
    mutating func mark(_ waiter: Waiter) { marked.insert(waiter, at: waiter.age) }

    private mutating func add(_ waiter: Waiter, now: LedgerTime) {
        all.insert(waiter, at: waiter.age)
        if waiter.request.asksSeveralPools { severalCount += 1 }
        isEmpty = false
        enroll(waiter.payer)
        raise(waiter, now: now)
        if let session = waiter.request.session { bySession[session, default: []].append(waiter) }
        guard let ticket = waiter.ticket else { return }
        byTicket[ticket] = waiter
        deadlines.insert(waiter, at: Self.deadline(of: waiter))
    }

    static func deadline(of waiter: Waiter, _ party: Waiter.Party? = nil) -> Deadline {
        Deadline(
            time: party?.until ?? waiter.until,
            age: waiter.age,
            party: party?.number ?? 0
        )
    }

    /// Lets one more connection wait for the answer, for so long.
    mutating func join(
        _ waiter: Waiter,
        _ submission: Submission,
        now: LedgerTime,
        milliseconds: UInt64
    ) {
        arrivals += 1
        let party = Waiter.Party(
            number: arrivals,
            submission: submission,
            since: now,
            until: now.advanced(byMilliseconds: milliseconds)
        )
        waiter.parties.append(party)
        deadlines.insert(waiter, at: Self.deadline(of: waiter, party))
        byName[PartyName(submission.sink, submission.ticket)] = waiter
        byTenant[waiter.request.tenant, default: 0] += 1
    }

    /// Moves the end of a ticket.
    mutating func prolong(_ waiter: Waiter, until time: LedgerTime) {
        deadlines.remove(at: Self.deadline(of: waiter))
        waiter.until = time
        deadlines.insert(waiter, at: Self.deadline(of: waiter))
    }

    /// The one who waits under a ticket.
    func waiter(of ticket: TicketID) -> Waiter? { byTicket[ticket] }

    /// The waiter and the party whose answer `sink` was to take under `ticket`.
    func waiter(_ sink: any AnswerSink, _ ticket: UInt64) -> (Waiter, Waiter.Party)? {
        guard let waiter = byName[PartyName(sink, ticket)],
            let party = waiter.parties.first(where: {
                $0.submission.sink === sink && $0.submission.ticket == ticket
            })
        else { return nil }
        return (waiter, party)
    }

    /// One whose time is over at `now`; without a party it is the ticket's.
    func due(at now: LedgerTime) -> (Waiter, Waiter.Party?)? {
        guard let (deadline, waiter) = deadlines.first, deadline.time <= now else { return nil }
        return (waiter, waiter.parties.first { $0.number == deadline.party })
    }

    /// A connection waits no more; with the last one, a request without a ticket does not.
    mutating func remove(_ party: Waiter.Party, of waiter: Waiter) {
        waiter.parties.removeAll { $0.number == party.number }
        deadlines.remove(at: Self.deadline(of: waiter, party))
        byName[PartyName(party.submission.sink, party.submission.ticket)] = nil
        let tenant = waiter.request.tenant
        let left = byTenant[tenant, default: 1] - 1
        byTenant[tenant] = left > 0 ? left : nil
        if waiter.parties.isEmpty, waiter.ticket == nil { removeRequest(of: waiter) }
    }

    /// Nobody waits for this request any more.
    mutating func remove(_ waiter: Waiter) {
        if waiter.ticket == nil, waiter.parties.isEmpty { return }
        for party in waiter.parties { remove(party, of: waiter) }
        if waiter.ticket != nil { removeRequest(of: waiter) }
    }

    private mutating func removeRequest(of waiter: Waiter) {
        waiter.isGone = true
        if waiter.request.asksSeveralPools { severalCount -= 1 }
        all.remove(at: waiter.age)
        marked.remove(at: waiter.age)
        postponed.remove(at: waiter.age)
        untagged.remove(at: waiter.age)
        holding.remove(at: waiter.age)
        rises.remove(at: Rise(time: waiter.nextRise, age: waiter.age))
        if let ticket = waiter.ticket {
            byTicket[ticket] = nil
            deadlines.remove(at: Self.deadline(of: waiter))
        }
        if let session = waiter.request.session {
            bySession[session]?.removeAll { $0 === waiter }
            if bySession[session]?.isEmpty == true { bySession[session] = nil }
        }
        note(waiter, heldUpBy: nil)
        stand(waiter, in: [])
        dismiss(waiter.payer)
        isEmpty = all.isEmpty
        if isEmpty { unmarkAll() }
    }

    /// With nobody to look at there is nothing to be woken for.
    private mutating func unmarkAll() {
        freed = []
        reordered = []
        turns = []
        passable = []
        postponed = SortedList()
        isNewcomerPostponed = false
        followers = []
    }

    // MARK: Shares and classes

    /// The tenant, if it has requests that wait.
    func payer(of tenant: String) -> Payer? { payers[tenant] }

    /// The level of a path, if requests of it or below it wait.
    func level(_ name: String) -> Level? { levels[name] }

    /// The names of all levels with requests that wait.
    var levelNames: Set<String> { Set(levels.keys) }

    private mutating func enroll(_ payer: Payer) {
        payer.waiters += 1
        guard payers.updateValue(payer, forKey: payer.tenant) == nil else { return }
        for level in payer.levels {
            level.payers += 1
            levels[level.name] = level
        }
    }

    private mutating func dismiss(_ payer: Payer) {
        payer.waiters -= 1
        guard payer.waiters == 0 else { return }
        payers[payer.tenant] = nil
        for level in payer.levels {
            level.payers -= 1
            if level.payers == 0 { levels[level.name] = nil }
        }
    }

    /// Notes the share that a level has now.
    mutating func set(_ share: Share, of level: Level) {
        guard level.share != share else { return }
        level.share = share
        reordered.formUnion(level.queues.keys)
    }

    // MARK: Queues

    /// Whether somebody waits for anything of this.
    func isAwaited(_ needs: [Shortage]) -> Bool { needs.contains { queues[$0] != nil } }

    /// Keeps a waiter that was looked at and refused, in the queues of what it lacks (W1).
    ///
    /// With `behind` only those before it keep it from a grant. With an obstacle leases would be
    /// told to leave for it, but for somebody before it who waits for that.
    mutating func keep(
        _ waiter: Waiter,
        refused refusal: Refusal,
        behind: Bool = false,
        heldUpBy obstacle: Shortage? = nil,
        earmark: Earmark? = nil
    ) {
        waiter.isBehind = behind || obstacle != nil
        note(waiter, heldUpBy: obstacle)
        if waiter.earmark != earmark { set(earmark, for: waiter) }
        // What a restored one was taken to lack was a guess.
        let isFirst = waiter.refusal == nil
        waiter.refusal = refusal
        stand(waiter, in: shortages(of: waiter, refused: refusal, isFirst: isFirst))
    }

    /// Puts a waiter into these queues and out of all others.
    private mutating func stand(_ waiter: Waiter, in shortages: [Shortage]) {
        let left = waiter.lacks.filter { !shortages.contains($0) }
        settle(waiter, lacking: shortages)
        for shortage in shortages where !waiter.lacks.contains(shortage) {
            let queue = queues[shortage] ?? WaitQueue(in: shortage.pool)
            queues[shortage] = queue
            if !shortage.isQuota { awaited[shortage.pool, default: []].insert(shortage) }
            queue.insert(waiter, selecting: shortage.selector(of: waiter))
            for level in waiter.payer.levels { level.queues[shortage, default: 0] += 1 }
        }
        waiter.lacks = shortages
        if !left.isEmpty, waiter.promise?.own.isEmpty == false {
            // What was promised to it is there for others, whatever they lack.
            freed.formUnion(awaited[waiter.home] ?? [])
        }
        for shortage in left {
            guard let queue = queues[shortage] else { continue }
            queue.remove(waiter, selecting: shortage.selector(of: waiter))
            for level in waiter.payer.levels {
                let rest = level.queues[shortage, default: 1] - 1
                level.queues[shortage] = rest > 0 ? rest : nil
            }
            if queue.lines.isEmpty { removeQueue(of: shortage) }
            if !queue.lines.isEmpty || heldUp[shortage] != nil { freed.insert(shortage) }
        }
    }

    private mutating func removeQueue(of shortage: Shortage) {
        queues[shortage] = nil
        awaited[shortage.pool]?.remove(shortage)
        if awaited[shortage.pool]?.isEmpty == true { awaited[shortage.pool] = nil }
    }

    // MARK: Marks

    /// Marks whom a change may concern (W3).
    mutating func mark(_ relief: Relief) {
        for shortage in relief.shortages where queues[shortage] != nil { freed.insert(shortage) }
        if relief.isBroad {
            for shortage in queues.keys where relief.mayServe(shortage) { freed.insert(shortage) }
        }
        if !relief.pools.isEmpty {
            for waiter in all.values where waiter.pools.contains(where: relief.pools.contains) {
                marked.insert(waiter, at: waiter.age)
            }
        }
        for session in relief.sessions {
            for waiter in bySession[session] ?? [] { marked.insert(waiter, at: waiter.age) }
        }
        for waiter in holding.values where mayPass(waiter, after: relief) { mark(waiter) }
    }
}
