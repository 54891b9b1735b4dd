// What became of one lease, told from its records in their order: for EXPLAIN and for audits.
//
// Whoever reads the log decides which records come here, and how what they say is shown; what of it
// belongs to the story is decided once. Memory is bounded: renewals are counted, and only so many
// other events are kept.

package import TenureModel

/// An event with its place in history.
package struct StoryEvent: Sendable {
    /// The position of its record.
    package let position: Position
    /// The ledger time of its record.
    package let time: LedgerTime
    /// What happened.
    package let event: Event

    /// An event of a record.
    package init(position: Position, time: LedgerTime, event: Event) {
        (self.position, self.time, self.event) = (position, time, event)
    }
}

/// Signs of life, counted: renewals of a lease, or keep-alives of its session.
package struct SignsOfLife: Sendable {
    /// How many there were.
    package private(set) var count: UInt64 = 0
    /// The first one.
    package private(set) var first: StoryEvent?
    /// The last one.
    package private(set) var last: StoryEvent?
    /// The longest time without one, from the beginning to the last of them, in milliseconds.
    package private(set) var longestGap: UInt64 = 0
    private var before: LedgerTime?

    /// There were none yet.
    package init() {}

    /// Life has begun.
    package mutating func begin(at time: LedgerTime) { before = time }

    /// Takes in one more.
    package mutating func add(_ sign: StoryEvent) {
        if let before { longestGap = max(longestGap, sign.time.milliseconds(since: before)) }
        before = sign.time
        count += 1
        first = first ?? sign
        last = sign
    }

    /// The first, the last and the longest gap; null when there was none.
    ///
    /// `telling` gives the place of an event.
    package func document(telling: (StoryEvent) -> [Document.Field]) -> Document {
        guard let first, let last else { return .null }
        return .map([
            .init("first", .map(telling(first))), .init("last", .map(telling(last))),
            .init("longestGap", .count(longestGap)),
        ])
    }
}

/// Who has a lease, and what keeps it alive.
package struct LeaseHolder: Equatable, Sendable {
    /// The name of the holder.
    package let holder: String
    /// The user that the holder is, where that is known.
    package let uid: UInt32?
    /// The session that the lease is in.
    package let session: SessionID?

    /// Who got a lease with these terms.
    init(_ terms: LeaseTerms) {
        (holder, uid, session) = (terms.holder, terms.uid, terms.session)
    }

    /// Who took a lease over.
    init(_ change: HandOverRecord) {
        (holder, uid, session) = (change.holder, change.uid, change.session)
    }

    fileprivate var document: Document {
        .map([
            .init("holder", .string(holder)),
            .init("uid", uid.map { .count(UInt64($0)) } ?? .null),
            .init("session", session.map { .id($0.rawValue) } ?? .null),
        ])
    }
}

/// The story of a lease, as far as its records were taken in.
package struct LeaseStory: Sendable {
    /// Whose story it is.
    package let lease: LeaseID
    /// What granted it; nothing until that came.
    package private(set) var grant: StoryEvent?
    /// Who got it; nothing until that came.
    package private(set) var grantedTo: LeaseHolder?
    /// Who took it over, the last one; nothing where nobody did.
    package private(set) var handedTo: LeaseHolder?
    /// What happened between grant and end, renewals apart.
    package private(set) var events: [StoryEvent] = []
    /// Events that were too many to be kept.
    package private(set) var left: UInt64 = 0
    /// Its renewals.
    package private(set) var renewals = SignsOfLife()
    /// What ended it, so that nothing of it is left.
    package private(set) var end: StoryEvent?
    /// Where it stands behind the records that were taken in.
    package private(set) var state = LeaseState.held
    /// Until when it is valid, as far as its own records say.
    package private(set) var deadline = LedgerTime.never
    private let eventsMax: Int

    /// The story of a lease, of which at most so many events are kept.
    package init(of lease: LeaseID, eventsMax: Int = EngineLimits.explainEvents) {
        self.lease = lease
        self.eventsMax = eventsMax
    }

    /// Whether further records can add to it: who was never granted has no story, and who has
    /// ended no more of it.
    package var goesOn: Bool { grant != nil && end == nil }

    /// Takes in a record that may be about the lease.
    package mutating func take(_ events: [Event], at position: Position, time: LedgerTime) {
        for event in events where event.leases.contains(lease) {
            take(StoryEvent(position: position, time: time, event: event.only(about: lease)))
        }
    }

    private mutating func take(_ told: StoryEvent) {
        switch told.event {
        case .granted(let record): begin(record.lease, told)
        case .subleased(let carved) where carved.lease.id == lease: begin(carved.lease, told)
        case .renewed(_, let until):
            renewals.add(told)
            deadline = until
        case .released, .quarantineEnded: finish(told)
        case .reclaimed(let taken, _, _):
            let isQuarantined = taken.contains { $0.lease == lease && $0.quarantinedUntil != nil }
            if isQuarantined {
                state = .quarantined
                keep(told)
            } else {
                finish(told)
            }
        default:
            change(told.event)
            keep(told)
        }
    }

    private mutating func begin(_ lease: Lease, _ told: StoryEvent) {
        grant = told
        grantedTo = LeaseHolder(lease.terms)
        (state, deadline) = (lease.state, lease.deadline)
        renewals.begin(at: told.time)
    }

    private mutating func finish(_ told: StoryEvent) {
        end = told
        state = .ended
    }

    private mutating func change(_ event: Event) {
        switch event {
        case .committed(_, let until, _):
            (state, deadline) = (.held, until)
        case .preempted(_, let until, _):
            (state, deadline) = (.preempted, min(deadline, until))
        case .handedOver(let change):
            deadline = change.deadline
            handedTo = LeaseHolder(change)
        default: break
        }
    }

    private mutating func keep(_ told: StoryEvent) {
        if events.count < eventsMax { events.append(told) } else { left += 1 }
    }

    /// The events of which the resources are told by name.
    package var named: [Event] { (grant.map { [$0.event] } ?? []) + events.map(\.event) }

    /// Who has it or had it last, who got it where that is somebody else; grant, renewals, events
    /// and end, each as `telling` tells it; of signs of life their places.
    package func fields(
        telling: (StoryEvent) -> Document,
        place: (StoryEvent) -> [Document.Field]
    ) -> [Document.Field] {
        [
            .init("heldBy", (handedTo ?? grantedTo)?.document ?? .null),
            .init("grantedTo", handedTo.flatMap { _ in grantedTo }?.document ?? .null),
            .init("granted", grant.map(telling) ?? .null),
            .init("renewals", .count(renewals.count)),
            .init("renewed", renewals.document(telling: place)),
            .init("events", .list(events.map(telling))),
            .init("ended", end.map(telling) ?? .null),
        ]
    }
}

extension Event {
    /// The same without the other leases that it happened to.
    fileprivate func only(about lease: LeaseID) -> Event {
        switch self {
        case .reclaimed(let taken, let cause, let evidence):
            .reclaimed(taken.filter { $0.lease == lease }, cause: cause, evidence: evidence)
        case .preempted(_, let until, let evidence):
            .preempted([lease], until: until, evidence: evidence)
        case .quarantineEnded: .quarantineEnded([lease])
        case .leasesForgotten: .leasesForgotten([lease])
        case .budgetSettled(let settled): .budgetSettled(settled.filter { $0.lease == lease })
        default: self
        }
    }
}
