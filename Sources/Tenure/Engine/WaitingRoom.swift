// Those who wait: in what order, for what, and who of them is to be looked at again.
//
//   W1  A waiter is in the queue of everything that it was found to lack, and in no other.
//   W2  Nobody is granted what somebody before him waits for: by class, then by arrival.
//   W3  Whoever may fit after a change is marked, and so is the head of every line that somebody
//       left: a mark is taken off by a look only (no lost wake-up).
//   W4  It is memory and nothing else: a waiter holds nothing. A restart forgets who waits without
//       a ticket, and finds the others in the state, in the same order.
//
// A queue has a line for each selector that is waited with. Within a line the order is strict;
// lines hold each other back unless their selectors exclude each other, so that one who waits for
// one model of a GPU does not hold up those who want another. Who has been short of two things
// keeps the place in both queues, so that newcomers can not take turns with him. Who lacks quota
// stands in the quota's queue alone, and holds up nobody else's capacity.

internal import TenureModel

/// Those who lack the same, in a line for each selector.
private final class WaitQueue {
    struct Line {
        let selector: [Label]
        var waiters = SortedList<WaitOrder, Waiter>()
    }

    var lines: [Line] = []

    /// Whether one who comes before `order` waits here for what `selector` lets through.
    func holdsBack(_ order: WaitOrder, selecting selector: [Label]) -> Bool {
        lines.contains { line in
            guard let head = line.waiters.first, head.key < order else { return false }
            return !line.selector.excludes(selector)
        }
    }

    func insert(_ waiter: Waiter, selecting selector: [Label]) {
        let index =
            lines.firstIndex { $0.selector == selector }
            ?? {
                lines.append(Line(selector: selector))
                return lines.count - 1
            }()
        lines[index].waiters.insert(waiter, at: waiter.order)
    }

    func remove(_ waiter: Waiter, selecting selector: [Label]) {
        guard let index = lines.firstIndex(where: { $0.selector == selector }) else { return }
        lines[index].waiters.remove(at: waiter.order)
        if lines[index].waiters.isEmpty { lines.remove(at: index) }
    }
}

/// Everybody who waits.
struct WaitingRoom {
    /// The name of one who asked: who takes the answer, and under what number.
    private struct PartyName: Hashable {
        let sink: ObjectIdentifier
        let ticket: UInt64

        init(_ sink: any AnswerSink, _ ticket: UInt64) {
            self.sink = ObjectIdentifier(sink)
            self.ticket = ticket
        }
    }

    /// When somebody gives up: a party, or the ticket itself.
    private struct Deadline: Comparable {
        let time: LedgerTime
        let age: WaitAge
        /// The number of the party; 0 for the ticket, which is before its parties.
        let party: UInt64

        static func < (left: Deadline, right: Deadline) -> Bool {
            if left.time != right.time { return left.time < right.time }
            return left.age != right.age ? left.age < right.age : left.party < right.party
        }
    }

    private var all = SortedList<WaitOrder, Waiter>()
    private var queues: [Shortage: WaitQueue] = [:]
    private var marked = SortedList<WaitOrder, Waiter>()
    private var deadlines = SortedList<Deadline, Waiter>()
    private var byName: [PartyName: Waiter] = [:]
    private var byTicket: [TicketID: Waiter] = [:]
    private var bySession: [SessionID: [Waiter]] = [:]
    private var byTenant: [String: Int] = [:]
    private var arrivals: UInt64 = 0

    /// Whether nobody waits: asked for every command, and all that those who do not wait pay.
    private(set) var isEmpty = true
    /// How many connections wait.
    var count: Int { byName.count }
    /// Whether somebody is to be looked at again.
    var hasMarked: Bool { !marked.isEmpty }
    /// Whether the time of somebody is over at `now`.
    func isDue(at now: LedgerTime) -> Bool { nextDeadline.map { $0 <= now } ?? false }
    /// When the next one gives up; nothing when nobody waits.
    var nextDeadline: LedgerTime? { deadlines.first?.key.time }
    /// Everybody, in order.
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
        _ request: AcquireRequest,
        refused refusal: Refusal,
        now: LedgerTime,
        at position: Position,
        milliseconds: UInt64
    ) {
        arrivals += 1
        let age = WaitAge(position: position, number: arrivals)
        let waiter = Waiter(request, age, since: now)
        add(waiter)
        keep(waiter, refused: refusal)
        join(waiter, submission, now: now, milliseconds: milliseconds)
    }

    /// Lets a ticket wait that was just queued because of `refusal`.
    mutating func enter(_ ticket: Ticket, refused refusal: Refusal) -> Waiter {
        let waiter = Waiter(ticket)
        add(waiter)
        keep(waiter, refused: refusal)
        return waiter
    }

    /// Lets a ticket of the state wait on after a restart.
    ///
    /// It is in the way of everybody who needs the same until it was looked at.
    mutating func restore(_ ticket: Ticket) {
        let waiter = Waiter(ticket)
        add(waiter)
        stand(waiter, in: waiter.needs.filter { !$0.isQuota })
        marked.insert(waiter, at: waiter.order)
    }

    private mutating func add(_ waiter: Waiter) {
        all.insert(waiter, at: waiter.order)
        isEmpty = false
        if let session = waiter.request.session { bySession[session, default: []].append(waiter) }
        guard let ticket = waiter.ticket else { return }
        byTicket[ticket] = waiter
        deadlines.insert(waiter, at: Self.deadline(of: waiter))
    }

    private static func deadline(of waiter: Waiter, _ party: Waiter.Party? = nil) -> Deadline {
        Deadline(
            time: party?.until ?? waiter.until,
            age: waiter.order.age,
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
        all.remove(at: waiter.order)
        marked.remove(at: waiter.order)
        if let ticket = waiter.ticket {
            byTicket[ticket] = nil
            deadlines.remove(at: Self.deadline(of: waiter))
        }
        if let session = waiter.request.session {
            bySession[session]?.removeAll { $0 === waiter }
            if bySession[session]?.isEmpty == true { bySession[session] = nil }
        }
        stand(waiter, in: [])
        isEmpty = all.isEmpty
    }

    // MARK: Queues

    /// What somebody before `waiter` waits for and it needs as well (W2).
    func obstacle(to waiter: Waiter) -> Shortage? {
        obstacle(to: waiter.needs, of: waiter.request, waiter.order)
    }

    /// What somebody of the same class or a higher one waits for and a newcomer needs as well.
    func obstacle(toNewcomer request: AcquireRequest) -> Shortage? {
        let order = WaitOrder(
            priority: request.priority,
            age: WaitAge(position: .max, number: .max)
        )
        return obstacle(to: request.possibleShortages, of: request, order)
    }

    private func obstacle(
        to needs: [Shortage],
        of request: AcquireRequest,
        _ order: WaitOrder
    ) -> Shortage? {
        needs.first { need in
            queues[need]?.holdsBack(order, selecting: need.isQuota ? [] : request.selector) ?? false
        }
    }

    /// Keeps a waiter that was looked at and refused, in the queues of what it lacks (W1).
    mutating func keep(_ waiter: Waiter, refused refusal: Refusal) {
        // What a restored one was taken to lack was a guess.
        let isFirst = waiter.refusal == nil
        waiter.refusal = refusal
        let found = waiter.request.shortages(by: refusal) ?? []
        guard !isFirst, !found.contains(where: \.isQuota) else { return stand(waiter, in: found) }
        let before = waiter.lacks.filter { !$0.isQuota && !found.contains($0) }
        stand(waiter, in: before + found)
    }

    /// Puts a waiter into these queues and out of all others.
    private mutating func stand(_ waiter: Waiter, in shortages: [Shortage]) {
        let left = waiter.lacks.filter { !shortages.contains($0) }
        for shortage in shortages where !waiter.lacks.contains(shortage) {
            let queue = queues[shortage] ?? WaitQueue()
            queues[shortage] = queue
            queue.insert(waiter, selecting: shortage.isQuota ? [] : waiter.request.selector)
        }
        waiter.lacks = shortages
        for shortage in left {
            guard let queue = queues[shortage] else { continue }
            queue.remove(waiter, selecting: shortage.isQuota ? [] : waiter.request.selector)
            if queue.lines.isEmpty { queues[shortage] = nil } else { mark(shortage) }
        }
    }

    // MARK: Marks

    /// Marks whom a change may concern (W3).
    mutating func mark(_ relief: Relief) {
        for shortage in relief.shortages { mark(shortage) }
        for kind in relief.borrowed {
            for shortage in queues.keys where shortage.isBorrowing(of: kind) { mark(shortage) }
        }
        if !relief.pools.isEmpty {
            for waiter in all.values where relief.pools.contains(waiter.request.pool) {
                marked.insert(waiter, at: waiter.order)
            }
        }
        for session in relief.sessions {
            for waiter in bySession[session] ?? [] { marked.insert(waiter, at: waiter.order) }
        }
    }

    /// Marks the heads of those who wait for this.
    private mutating func mark(_ shortage: Shortage) {
        for line in queues[shortage]?.lines ?? [] {
            if let head = line.waiters.first { marked.insert(head.value, at: head.key) }
        }
    }

    /// Takes the first of those who are to be looked at again, and its mark.
    mutating func takeMarked() -> Waiter? { marked.popFirst() }
}
