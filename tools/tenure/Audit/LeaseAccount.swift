// What the log has of one lease: its story, its session, and who got its resources next.

internal import Tenure
internal import TenureModel
internal import TenureStorage

/// Follows a lease from its grant to its end, and its resources to their next holders.
struct LeaseAccount {
    /// A time in a session.
    struct Stay {
        let session: SessionID
        let from: Position
        /// Where it was handed over to somebody else.
        var to = Position.max
        /// The last gap meanwhile.
        var lastGap: Position?
    }

    /// Resources whose next holder is looked for, at most.
    static let nextMax = 8
    /// Segments that are read behind its end to find them, at most.
    static let segmentsMax = 2

    private(set) var story: LeaseStory
    /// The sessions that have kept it alive, one after the other.
    private(set) var stays: [Stay] = []
    /// The keep-alives of the last session since it has the lease.
    private(set) var keepAlives = SignsOfLife()
    private(set) var sessionEnd: StoryEvent?
    /// The gaps that its own deadline was moved for.
    private(set) var graces = GraceAccount()
    /// The end of its longest life.
    private(set) var lifetimeEnd = LedgerTime.never
    /// The ticket that it served.
    private(set) var ticket: TicketID?
    /// Who got its resources next, in order.
    private(set) var next: [(resource: ResourceID, by: StoryEvent)] = []
    /// What it has, sub-leases included.
    private var held: [ResourceID: UInt64] = [:]
    /// What it has nothing of any more, and nobody else got yet.
    private var awaited: Set<ResourceID> = []
    private var isCarved = false
    private var segmentsBehind = 0

    init(of lease: LeaseID) { story = LeaseStory(of: lease) }

    /// Where its story ends, as far as it was read.
    var end: StoryEvent? { story.end }

    /// The session that keeps it alive, the last one.
    var session: SessionID? { stays.last.flatMap { $0.to == .max ? $0.session : nil } }

    /// The last position that is of its story.
    var last: Position {
        guard let end else { return .max }
        return next.map(\.by.position).reduce(end.position, max)
    }

    /// Whether nothing further is looked for.
    var isDone: Bool {
        story.end != nil && (awaited.isEmpty || segmentsBehind > Self.segmentsMax)
    }

    /// What records are looked for.
    var subjects: Set<Subject> {
        var subjects = Set(awaited.map(Subject.resource))
        if story.end != nil { return subjects }
        subjects.insert(.id(story.lease.rawValue))
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
        for landmark in index.landmarks {
            if case .grace(let grace) = landmark.sort { note(grace, at: landmark.position) }
        }
        return true
    }

    /// Takes in a record.
    ///
    /// - Returns: whether other records are looked for from now on.
    mutating func take(_ record: LoggedRecord) -> Bool {
        let before = subjects
        for event in record.events {
            let told = StoryEvent(position: record.position, time: record.time, event: event)
            // What takes it and what grants it to the next one may be one record.
            takeNext(told)
            if story.end == nil { takeLife(told) }
        }
        return before != subjects
    }

    private mutating func takeLife(_ told: StoryEvent) {
        let lease = story.lease
        story.take([told.event], at: told.position, time: told.time)
        switch told.event {
        case .granted(let grant) where grant.lease.id == lease:
            begin(grant.lease, told)
            ticket = grant.served?.ticket
        case .subleased(let carved) where carved.lease.id == lease:
            isCarved = true
            begin(carved.lease, told)
        case .grown(let growth) where growth.lease == lease: add(growth.added)
        case .reduced(lease, let parts): subtract(parts)
        case .committed(lease, _, let kept):
            let before = held.keys
            held = [:]
            add(kept)
            for resource in before.sorted() where held[resource] == nil { seek(resource) }
        case .handedOver(let change) where change.lease == lease:
            graces.renew(ttlMilliseconds: change.ttlMilliseconds)
            belong(to: change.session, told)
        case .sessionKept(let id, _) where id == session: keepAlives.add(told)
        case .sessionEnded(let id, _, _) where id == session: sessionEnd = told
        case .grace(let grace): note(grace, at: told.position)
        default: break
        }
        graces.move(to: story.deadline)
        if story.end != nil { for resource in held.keys.sorted() { seek(resource) } }
    }

    private mutating func begin(_ lease: Lease, _ told: StoryEvent) {
        add(lease.placements)
        graces.begin(lease)
        lifetimeEnd = lease.terms.lifetimeEnd
        belong(to: lease.terms.session, told)
    }

    private mutating func belong(to session: SessionID?, _ told: StoryEvent) {
        if let last = stays.indices.last { stays[last].to = min(stays[last].to, told.position) }
        if let session { stays.append(Stay(session: session, from: told.position)) }
        keepAlives = SignsOfLife()
        keepAlives.begin(at: told.time)
    }

    private mutating func note(_ grace: Grace, at position: Position) {
        // What is quarantined has ended for its holder.
        guard story.goesOn, story.state != .quarantined else { return }
        graces.take(grace, at: position)
        if session != nil, let last = stays.indices.last { stays[last].lastGap = position }
    }

    // MARK: What it has, and who gets it next

    private mutating func add(_ parts: [Placement]) {
        for part in parts {
            held[part.resource, default: 0] += part.amount
            // It has come back: who had it meanwhile is not the next one.
            awaited.remove(part.resource)
            next.removeAll { $0.resource == part.resource }
        }
    }

    private mutating func subtract(_ parts: [Placement]) {
        for part in parts {
            guard let amount = held[part.resource] else { continue }
            held[part.resource] = amount > part.amount ? amount - part.amount : nil
            if amount <= part.amount { seek(part.resource) }
        }
    }

    private mutating func seek(_ resource: ResourceID) {
        // What a sub-lease held goes back to the lease that it is of.
        guard !isCarved, next.count + awaited.count < Self.nextMax else { return }
        awaited.insert(resource)
    }

    private mutating func takeNext(_ told: StoryEvent) {
        let parts: [Placement]
        switch told.event {
        case .granted(let grant): parts = grant.lease.placements
        case .grown(let growth) where growth.lease != story.lease: parts = growth.added
        default: return
        }
        for part in parts where awaited.remove(part.resource) != nil {
            next.append((part.resource, told))
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
    /// The gaps that its deadline was moved for.
    private(set) var graces = GraceAccount()
    /// How many leases it had.
    private(set) var count: UInt64 = 0
    /// The first of them.
    private(set) var leases: [LeaseID] = []

    init(of session: SessionID) { self.session = session }

    /// Whether a segment can be passed over by its index.
    mutating func passes(_ index: SegmentIndex) -> Bool {
        if index.contains(.id(session.rawValue)) { return false }
        for landmark in index.landmarks where end == nil {
            if case .grace(let grace) = landmark.sort { graces.take(grace, at: landmark.position) }
        }
        return true
    }

    /// Takes in a record.
    mutating func take(_ record: LoggedRecord) {
        for event in record.events where end == nil {
            let told = StoryEvent(position: record.position, time: record.time, event: event)
            switch event {
            case .sessionOpened(let made) where made.id == session:
                opened = told
                keepAlives.begin(at: record.time)
                graces.begin(made)
            case .sessionKept(session, let deadline):
                keepAlives.add(told)
                graces.move(to: deadline)
            case .grace(let grace): graces.take(grace, at: record.position)
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
