// What the log has of one lease: its story, its session, and who got its resources next.

internal import Tenure
internal import TenureModel
internal import TenureStorage

/// Follows a lease from its grant to its end, and its resources to their next holders.
struct LeaseAccount {
    /// Resources whose next holder is looked for, at most.
    static let nextMax = 8
    /// Segments that are read behind its end to find them, at most.
    static let segmentsMax = 2

    private(set) var story: LeaseStory
    /// The session that keeps it alive, the last one.
    private(set) var session: SessionID?
    /// The keep-alives of that session since it has the lease.
    private(set) var keepAlives = SignsOfLife()
    private(set) var sessionEnd: StoryEvent?
    /// The ticket that it served.
    private(set) var ticket: TicketID?
    /// Who got its resources next, in order.
    private(set) var next: [(resource: ResourceID, by: StoryEvent)] = []
    private var held: Set<ResourceID> = []
    private var awaited: Set<ResourceID> = []
    private var isCarved = false
    private var segmentsBehind = 0

    init(of lease: LeaseID) { story = LeaseStory(of: lease) }

    /// Where its story ends, as far as it was read.
    var end: StoryEvent? { story.end }

    /// Whether nothing further is looked for.
    var isDone: Bool {
        story.end != nil && (awaited.isEmpty || segmentsBehind > Self.segmentsMax)
    }

    /// What records are looked for.
    var subjects: Set<Subject> {
        if story.end != nil { return Set(awaited.map(Subject.resource)) }
        var subjects: Set<Subject> = [.id(story.lease.rawValue)]
        if let session { subjects.insert(.id(session.rawValue)) }
        return subjects
    }

    /// Whether a segment can be passed over by its index; counts those that are read.
    mutating func passes(_ index: SegmentIndex) -> Bool {
        if isDone { return true }
        if subjects.contains(where: { index.contains($0) }) {
            if story.end != nil { segmentsBehind += 1 }
            return false
        }
        return true
    }

    /// Takes in a record.
    ///
    /// - Returns: whether other records are looked for from now on.
    mutating func take(_ record: LoggedRecord) -> Bool {
        let before = subjects
        if story.end == nil { takeLife(record) } else { takeNext(record) }
        return before != subjects
    }

    private mutating func takeLife(_ record: LoggedRecord) {
        story.take(record.events, at: record.position, time: record.time)
        for event in record.events {
            let told = StoryEvent(position: record.position, time: record.time, event: event)
            switch event {
            case .granted(let grant) where grant.lease.id == story.lease:
                begin(grant.lease, at: record.time)
                ticket = grant.served?.ticket
            case .subleased(let carved) where carved.lease.id == story.lease:
                begin(carved.lease, at: record.time)
                isCarved = true
            case .grown(let growth) where growth.lease == story.lease:
                held.formUnion(growth.added.map(\.resource))
            case .committed(story.lease, _, let kept): held = Set(kept.map(\.resource))
            case .handedOver(let change) where change.lease == story.lease:
                belong(to: change.session, at: record.time)
            case .sessionKept(let id, _) where id == session: keepAlives.add(told)
            case .sessionEnded(let id, _, _) where id == session: sessionEnd = told
            default: break
            }
        }
        // What a sub-lease held goes back to the lease that it is of.
        if story.end != nil, !isCarved { awaited = Set(held.sorted().prefix(Self.nextMax)) }
    }

    private mutating func begin(_ lease: Lease, at time: LedgerTime) {
        held = Set(lease.placements.map(\.resource))
        belong(to: lease.terms.session, at: time)
    }

    private mutating func belong(to session: SessionID?, at time: LedgerTime) {
        self.session = session
        keepAlives = SignsOfLife()
        keepAlives.begin(at: time)
    }

    private mutating func takeNext(_ record: LoggedRecord) {
        for event in record.events {
            let parts: [Placement]
            switch event {
            case .granted(let grant): parts = grant.lease.placements
            case .grown(let growth): parts = growth.added
            default: continue
            }
            let told = StoryEvent(position: record.position, time: record.time, event: event)
            for part in parts where awaited.remove(part.resource) != nil {
                next.append((part.resource, told))
            }
        }
    }
}

/// Follows a ticket or booking from its making to its grant or end.
struct WaitAccount {
    /// Segments that are read for who was granted meanwhile, at most.
    static let segmentsMax = 8
    /// Leases that are named of those.
    static let namesMax = 5

    let ticket: TicketID
    /// What made it.
    private(set) var begin: StoryEvent?
    /// What was asked.
    private(set) var asked: Ticket?
    /// How often it was prolonged, or its booking moved.
    private(set) var changes: [StoryEvent] = []
    /// What it became.
    private(set) var lease: LeaseID?
    /// What ended it: a grant, or another end.
    private(set) var end: StoryEvent?
    /// Grants of its pools meanwhile to who asked later, or has no ticket.
    private(set) var later: UInt64 = 0
    /// The first of these.
    private(set) var first: [StoryEvent] = []
    /// Where it was no longer looked for them; nothing when they were all seen.
    private(set) var searchedTo: Position?
    private var segments = 0
    private var last: Position = 0
    private static let changesMax = 100

    init(of ticket: TicketID) { self.ticket = ticket }

    /// Whether a segment can be passed over by its index.
    mutating func passes(_ index: SegmentIndex) -> Bool {
        if end != nil { return true }
        let isAbout = index.contains(.id(ticket.rawValue))
        segments += 1
        if segments <= Self.segmentsMax || isAbout { return false }
        searchedTo = searchedTo ?? last
        return true
    }

    /// Takes in a record.
    mutating func take(_ record: LoggedRecord) {
        last = record.position
        for event in record.events where end == nil {
            take(StoryEvent(position: record.position, time: record.time, event: event))
        }
    }

    private mutating func take(_ told: StoryEvent) {
        switch told.event {
        case .queued(let made) where made.id == ticket: (begin, asked) = (told, made)
        case .booked(let booking) where booking.id == ticket:
            (begin, asked) = (told, booking.ticket)
        case .ticketProlonged(ticket, _), .bookingMoved(ticket, _):
            if changes.count < Self.changesMax { changes.append(told) }
        case .ticketEnded(let ended) where ended.ticket == ticket: end = told
        case .granted(let grant):
            if grant.served?.ticket == ticket {
                (end, lease) = (told, grant.lease.id)
            } else {
                note(grant, told)
            }
        default: break
        }
    }

    private mutating func note(_ grant: GrantRecord, _ told: StoryEvent) {
        guard let asked, case .queued? = begin?.event, searchedTo == nil,
            asked.request.mayAsk(grant.lease.terms.pool)
        else { return }
        if let served = grant.served, served.ticket < ticket { return }
        later += 1
        if first.count < Self.namesMax { first.append(told) }
    }
}

/// Follows a session from its opening to its end.
struct SessionAccount {
    /// Leases that are named.
    static let leasesMax = 100

    let session: SessionID
    private(set) var opened: StoryEvent?
    private(set) var keepAlives = SignsOfLife()
    private(set) var end: StoryEvent?
    /// How many leases it had.
    private(set) var count: UInt64 = 0
    /// The first of them.
    private(set) var leases: [LeaseID] = []

    init(of session: SessionID) { self.session = session }

    /// Takes in a record.
    mutating func take(_ record: LoggedRecord) {
        for event in record.events {
            let told = StoryEvent(position: record.position, time: record.time, event: event)
            switch event {
            case .sessionOpened(let made) where made.id == session:
                opened = told
                keepAlives.begin(at: record.time)
            case .sessionKept(session, _): keepAlives.add(told)
            case .sessionEnded(session, _, _): end = told
            case .granted(let grant) where grant.lease.terms.session == session:
                note(grant.lease.id)
            case .subleased(let carved) where carved.lease.terms.session == session:
                note(carved.lease.id)
            case .handedOver(let change) where change.session == session: note(change.lease)
            default: break
            }
        }
    }

    private mutating func note(_ lease: LeaseID) {
        count += 1
        if leases.count < Self.leasesMax { leases.append(lease) }
    }
}
