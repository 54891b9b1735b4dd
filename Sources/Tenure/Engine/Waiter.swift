// One request that waits, who asked for it, and who of two such comes first.
//
// For whom others leave comes first among those of its class, or among all: what they leave is set
// aside for it (`Earmark`).

internal import TenureBase
internal import TenureModel

/// Who asked earlier.
///
/// Tickets are older than everybody who came after their record, and keep that over restarts.
struct WaitAge: Hashable, Comparable {
    /// The position of the ledger when it came; of a ticket, that of its own record.
    let position: Position
    /// Counts those who came to wait in memory; 0 for a ticket.
    let number: UInt64

    /// Younger than everybody.
    static let newest = WaitAge(position: .max, number: .max)

    static func < (left: WaitAge, right: WaitAge) -> Bool {
        (left.position, left.number) < (right.position, right.number)
    }
}

/// A level of a tenant's path, with its share of the ledger.
final class Level {
    let name: String
    var share: Share
    /// In which queues requests of it and all below it stand, and how many.
    var queues: [Shortage: Int] = [:]
    /// How many tenants that wait are it or below it.
    var payers = 0

    init(_ name: String, _ share: Share) {
        self.name = name
        self.share = share
    }
}

/// A tenant that waits, by its levels, the root first.
final class Payer {
    let tenant: String
    let levels: [Level]
    /// How many of its requests wait.
    var waiters = 0

    init(_ tenant: String, _ levels: [Level]) {
        invariant(!levels.isEmpty, "a tenant has a root")
        self.tenant = tenant
        self.levels = levels
    }

    /// Whether it has less than `other`; nothing when it has the same.
    ///
    /// Levels are compared from the root down. A path that ends earlier counts with its last
    /// level against what is below, so that this is an order.
    func hasLess(than other: Payer) -> Bool? {
        if self === other { return nil }
        for depth in 0..<max(levels.count, other.levels.count) {
            let ours = levels[min(depth, levels.count - 1)]
            let theirs = other.levels[min(depth, other.levels.count - 1)]
            if ours === theirs || ours.share == theirs.share { continue }
            return ours.share < theirs.share
        }
        return nil
    }
}

/// What decides who comes first: the class with what waiting has added to it, whether others leave
/// for it, the share, the age.
struct WaitOrder {
    let rank: UInt8
    var isEarmarked = false
    let payer: Payer
    let age: WaitAge

    /// Whether this one comes before `other`.
    func isBefore(_ other: WaitOrder) -> Bool {
        if rank != other.rank { return rank > other.rank }
        if isEarmarked != other.isEarmarked { return isEarmarked }
        if rank < Aging.overdue, let hasLess = payer.hasLess(than: other.payer) { return hasLess }
        return age < other.age
    }
}

/// One request that waits: in memory for the one who asked, or under a ticket for whoever asks.
final class Waiter {
    /// One whose connection waits for the answer, and how long for.
    struct Party {
        let number: UInt64
        let submission: Submission
        let since: LedgerTime
        let until: LedgerTime
    }

    let request: AcquireRequest
    let payer: Payer
    let age: WaitAge
    let since: LedgerTime
    /// Its place in the queue, if it is one that is kept.
    let ticket: TicketID?
    /// The pools that it asks, in order.
    private(set) var pools: [String]
    /// Where it is promised something: the first of its pools in which it waits for capacity.
    ///
    /// In the lines of the others it is a guest.
    var home: String
    /// Everything that it could lack.
    private(set) var needs: [Shortage]
    /// How its class rises.
    var aging: Aging
    /// Its class now.
    var rank: UInt8
    /// When its class rises next.
    var nextRise = LedgerTime.never
    /// When its ticket gives up; `never` without one.
    var until = LedgerTime.never
    /// Whose connections wait, the first first; never empty without a ticket.
    var parties: [Party] = []
    /// Who was answered `queued` and is told what becomes of it.
    var listeners: [Submission] = []
    /// What it was found to lack; until it was looked at, all capacity that it could lack.
    var lacks: [Shortage] = []
    /// What is set aside for it.
    var earmark: Earmark?
    /// Who holds something while it waits, if somebody does.
    var holder: WaitingHolder?
    /// The lease that is to grow, if one is.
    var grows: LeaseID?
    /// The request id of that.
    var growthID: String?
    /// Why it was not granted at the last look; nothing before the first.
    var refusal: Refusal?
    /// Whether at the last look only those before it kept it from a grant, or leases from being
    /// told to leave for it: a change of the order alone may help.
    var isBehind = false
    /// What somebody before it waits for who keeps leases from being told to leave for it.
    var heldUpBy: Shortage?
    /// Whether it waits no more.
    var isGone = false
    /// Whether it can not be looked at before the leases were read for their tags.
    var awaitsTags = false
    /// What it is promised, if that was worked out: only for the first of a line.
    var promise: Promise?
    /// When that may be worked out anew.
    var nextDating = LedgerTime.zero

    /// How many who queued it are told what becomes of it: the latest.
    static let listenersMax = 4

    /// One who waits in memory for one of `pools`.
    init(
        _ request: AcquireRequest,
        _ pools: [String],
        _ payer: Payer,
        _ aging: Aging,
        _ age: WaitAge,
        since: LedgerTime
    ) {
        self.request = request
        self.payer = payer
        self.aging = aging
        self.age = age
        self.since = since
        ticket = nil
        rank = request.priority.rawValue
        self.pools = pools
        home = pools.first ?? ""
        needs = request.possibleShortages(in: pools)
    }

    /// One who waits under a ticket for one of `pools`.
    init(_ ticket: Ticket, _ pools: [String], _ payer: Payer, _ aging: Aging) {
        request = ticket.request
        self.payer = payer
        self.aging = aging
        age = WaitAge(position: Token(rawValue: ticket.id.rawValue).position, number: 0)
        since = ticket.since
        until = ticket.until
        self.ticket = ticket.id
        rank = ticket.request.priority.rawValue
        self.pools = pools
        home = pools.first ?? ""
        needs = request.possibleShortages(in: pools)
    }

    /// Takes in which pools it asks now.
    func ask(_ pools: [String]) {
        self.pools = pools
        needs = request.possibleShortages(in: pools)
    }

    /// Whether it can be looked at.
    var isReady: Bool { !isGone && !awaitsTags }

    /// Whether nothing is promised to it in this pool, because its home is another.
    func isGuest(in pool: String) -> Bool { !pool.isEmpty && pool != home }

    /// What of its needs it could lack where it asks one of its pools.
    func needs(in pool: String) -> [Shortage] {
        pools.count > 1 ? needs.filter { $0.isQuota || $0.pool == pool } : needs
    }

    /// What of its claims it was found to lack of one of its pools.
    func lacking(in pool: String) -> [Claim] {
        request.claims.map { claim in
            let amounts = claim.amounts.filter { amount in
                lacks.contains { $0.pool == pool && $0.limit == amount.kind.name }
            }
            return Claim(places: claim.places, amounts: amounts)
        }
    }

    /// What it asks of one of its pools.
    func asked(of pool: String) -> AcquireRequest {
        request.asksSeveralPools ? request.asked(of: pool) : request
    }

    /// What it asks where it is at home.
    var homeRequest: AcquireRequest { asked(of: home) }

    /// What is to be decided about it.
    var command: Command {
        ticket == nil ? parties[0].submission.command : .acquire(request)
    }

    /// Whether it is in the way of one who needs this and selects so, where that one comes later.
    func contends(for needs: [Shortage], selecting selector: [Label]) -> Bool {
        lacks.contains { !$0.isQuota && needs.contains($0) }
            && !request.selector.excludes(selector)
    }

    /// How others call it.
    var name: String {
        ticket.map { "ticket \($0.rawValue)" } ?? "a request of tenant \(request.tenant)"
    }

    /// Its place among others, now.
    var order: WaitOrder {
        WaitOrder(
            rank: earmark?.isForAll == true ? Aging.overdue : rank,
            isEarmarked: earmark != nil,
            payer: payer,
            age: age
        )
    }

    /// Keeps one more who is to be told.
    func listen(_ submission: Submission) {
        if listeners.count == Self.listenersMax { listeners.removeFirst() }
        listeners.append(submission)
    }
}
