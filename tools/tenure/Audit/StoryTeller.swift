// The story of a lease, request, ticket or session, read from the log of a stopped ledger.
//
// What belongs to the story of a lease is decided by the same code that answers EXPLAIN
// (LeaseStory.swift). Read are the records of the lease, those of its ticket and session, and the
// declarations and openings before its end, which indexes have: O(segments that it is in).

internal import Tenure
internal import TenureLog
internal import TenureModel
internal import TenureStorage

/// Reads and tells.
struct StoryTeller {
    private var history: History
    private var names = ResourceNames()
    private var clock = WallClock()

    init(_ history: History) { self.history = history }

    /// The story of what has this number.
    mutating func story(_ number: UInt64, _ decide: Deciding) throws -> Story {
        try story(of: try history.subject(number), decide)
    }

    /// The story of a request.
    mutating func story(
        ofRequest id: String,
        tenant: String,
        _ decide: Deciding
    ) throws -> Story {
        try story(of: try history.subject(ofRequest: id, tenant: tenant), decide)
    }

    /// What a queued request lacked when it was queued, decided again; nothing when that is not
    /// asked for.
    typealias Deciding = (Ticket, StoryEvent) throws -> Document?

    /// Tells what was wrong with the log.
    ///
    /// - Throws: a failure with code 65 when a record may be missing in the story.
    func finish() throws { try history.finish() }

    private mutating func story(of subject: StorySubject, _ decide: Deciding) throws -> Story {
        switch subject {
        case .lease(let lease): return try story(of: lease, decide)
        case .ticket(let ticket):
            let wait = try wait(of: ticket)
            if let lease = wait.lease { return try story(of: lease, decide) }
            try look(to: wait.end?.position ?? .max)
            return story(of: wait, decided: try decided(wait, decide))
        case .session(let session): return try story(of: session)
        case .refusal(let refused):
            try look(to: refused.position)
            return story(of: refused)
        }
    }

    // MARK: Reading

    private mutating func account(of lease: LeaseID) throws -> LeaseAccount {
        var account = LeaseAccount(of: lease)
        var filter = RecordFilter(account.subjects)
        try history.readRecords(
            from: Token(rawValue: lease.rawValue).position,
            to: .max,
            until: { account.isDone },
            passing: { account.passes($0) },
            admitting: {
                !account.isDone && (filter.admits($0) || EventCodec.has(.grace, in: $0))
            },
            { if account.take($0) { filter = RecordFilter(account.subjects) } }
        )
        return account
    }

    private mutating func wait(of ticket: TicketID) throws -> WaitAccount {
        var wait = WaitAccount(of: ticket)
        let filter = RecordFilter([.id(ticket.rawValue)])
        try history.readRecords(
            from: Token(rawValue: ticket.rawValue).position,
            to: .max,
            until: { wait.end != nil },
            passing: { wait.passes($0) },
            admitting: {
                wait.end == nil && (filter.admits($0) || EventCodec.has(.granted, in: $0))
            },
            { wait.take($0) }
        )
        return wait
    }

    private mutating func account(
        of session: SessionID,
        to last: Position = .max
    ) throws -> SessionAccount {
        var account = SessionAccount(of: session)
        let filter = RecordFilter([.id(session.rawValue)])
        try history.readRecords(
            from: Token(rawValue: session.rawValue).position,
            to: last,
            until: { account.end != nil },
            passing: { account.passes($0) },
            admitting: { filter.admits($0) || EventCodec.has(.grace, in: $0) },
            { account.take($0) }
        )
        return account
    }

    /// The opening of a session; nothing when its record is gone.
    private mutating func opening(of session: SessionID) throws -> StoryEvent? {
        let position = Token(rawValue: session.rawValue).position
        guard try history.firstPosition.map({ $0 <= position }) ?? false else { return nil }
        var account = SessionAccount(of: session)
        try history.readRecords(
            from: position,
            to: position,
            until: { account.opened != nil },
            passing: { _ in false },
            admitting: { _ in true },
            { account.take($0) }
        )
        return account.opened
    }

    /// The gaps that moved the end of a lease: by its own deadline, or by that of its session.
    private mutating func graces(
        of account: LeaseAccount
    ) throws -> [GraceAccount.Prolongation] {
        var found = account.graces.told
        for stay in account.stays {
            guard let last = stay.lastGap, try isThere(stay.session.rawValue) else { continue }
            let session = try self.account(of: stay.session, to: last)
            found += session.graces.told.filter { moved in
                (stay.from..<stay.to).contains(moved.position)
                    && min(moved.until, account.lifetimeEnd) > moved.before
            }
        }
        return found.sorted { $0.position < $1.position }
    }

    /// Learns how resources are called, and when the ledger was opened, up to a position.
    private mutating func look(to last: Position) throws {
        var (names, clock) = (history.before.names, history.before.clock)
        func note(_ landmark: SegmentIndex.Landmark) {
            guard landmark.position <= last else { return }
            switch landmark.sort {
            case .opening(let wall), .wallClock(let wall): clock.note(wall, at: landmark.time)
            case .grace: break
            }
        }
        try history.readRecords(
            from: 1,
            to: last,
            passing: { index in
                names.learn(index)
                for landmark in index.landmarks { note(landmark) }
                return true
            },
            admitting: { payload in
                [.resourceSet, .opened, .wallClockSet].contains {
                    EventCodec.has($0, in: payload)
                }
            },
            { record in
                for event in record.events {
                    names.learn(event)
                    SegmentIndex.Landmark(event, at: record.position, time: record.time).map(note)
                }
            }
        )
        (self.names, self.clock) = (names, clock)
    }

    // MARK: Telling

    private mutating func story(of lease: LeaseID, _ decide: Deciding) throws -> Story {
        let account = try account(of: lease)
        guard let grant = account.story.grant else {
            throw Failure(.damaged, "the record that granted lease \(lease.rawValue) is missing")
        }
        let wait = try account.ticket.flatMap {
            try isThere($0.rawValue) ? try self.wait(of: $0) : nil
        }
        let opening = try account.session.flatMap { try self.opening(of: $0) }
        let graces = try graces(of: account)
        try look(to: account.last)
        var fields: [Document.Field] = [
            .init("lease", .id(lease.rawValue)), .init("state", .string(account.story.state.name)),
        ]
        fields.append(
            .init("waited", try wait.map { try document(of: $0, decide) } ?? .null)
        )
        fields += account.story.fields(telling: tell, place: place)
        fields += [
            .init("eventsLeftOut", .count(account.story.left)),
            .init("deadline", time(account.story.deadline)),
            .init("session", session(of: account, opening)),
            .init("graces", .list(graces.map { document(of: $0, in: account.lifetimeEnd) })),
            .init("next", .list(account.next.map { next(of: $0.resource, $0.by) })),
        ]
        var events = (wait.map { [$0.begin].compactMap(\.self) + $0.changes } ?? [])
        events += [opening, grant].compactMap(\.self) + account.story.events
        events += [account.sessionEnd, account.end].compactMap(\.self)
        return Story(document: .map(fields), lines: lines(of: events))
    }

    private func isThere(_ number: UInt64) throws -> Bool {
        let position = Token(rawValue: number).position
        return try history.firstPosition.map { $0 <= position } ?? false
    }

    private func session(of account: LeaseAccount, _ opening: StoryEvent?) -> Document {
        guard let session = account.session else { return .null }
        return .map([
            .init("session", .id(session.rawValue)), .init("opened", opening.map(tell) ?? .null),
            .init("keepAlives", .count(account.keepAlives.count)),
            .init("kept", account.keepAlives.document(telling: place)),
            .init("ended", account.sessionEnd.map(tell) ?? .null),
        ])
    }

    private func next(of resource: ResourceID, _ by: StoryEvent) -> Document {
        let name = names.name(of: resource)
        var fields: [Document.Field] = [
            .init("resource", .optional(name?.name)), .init("kind", .optional(name?.kind.name)),
        ]
        fields += place(by) + [.init("event", .string(by.event.name))]
        switch by.event {
        case .granted(let grant): fields += grant.lease.owner
        case .grown(let growth): fields.append(.init("lease", .id(growth.lease.rawValue)))
        default: break
        }
        return .map(fields)
    }

    private func decided(_ wait: WaitAccount, _ decide: Deciding) throws -> Document? {
        guard let asked = wait.asked, let begin = wait.begin else { return nil }
        return try decide(asked, begin)
    }

    private func document(of wait: WaitAccount, _ decide: Deciding) throws -> Document {
        .map(fields(of: wait, decided: try decided(wait, decide)))
    }

    private func fields(of wait: WaitAccount, decided: Document?) -> [Document.Field] {
        let since = wait.begin?.time ?? .zero
        var fields: [Document.Field] = [
            .init("ticket", .id(wait.ticket.rawValue)),
            .init("queued", wait.begin.map(tell) ?? .null),
            .init("waited", wait.end.map { .count($0.time.milliseconds(since: since)) } ?? .null),
            .init("changes", .list(wait.changes.map(tell))),
            .init(
                "grantedLater",
                .map([
                    .init("count", .count(wait.later)),
                    .init(
                        "first",
                        .list(
                            wait.first.map { told in
                                guard case .granted(let grant) = told.event else { return .null }
                                return .map(grant.lease.owner + place(told))
                            }
                        )
                    ),
                ])
            ),
        ]
        if let searched = wait.searchedTo { fields.append(.init("searchedTo", .id(searched))) }
        if let decided { fields.append(.init("decided", decided)) }
        return fields
    }

    private func story(of wait: WaitAccount, decided: Document?) -> Story {
        var fields = fields(of: wait, decided: decided)
        fields.insert(.init("state", .string(wait.end == nil ? "queued" : "ended")), at: 1)
        if case .ticketEnded(let end)? = wait.end?.event {
            fields.append(.init("code", .string(end.code.rawValue)))
            fields.append(.init("reason", .string(end.message)))
        }
        fields.append(.init("ended", wait.end.map(tell) ?? .null))
        let events = [wait.begin].compactMap(\.self) + wait.changes + [wait.end].compactMap(\.self)
        return Story(document: .map(fields), lines: lines(of: events))
    }

    private mutating func story(of session: SessionID) throws -> Story {
        let account = try account(of: session)
        try look(to: account.end?.position ?? .max)
        let fields: [Document.Field] = [
            .init("session", .id(session.rawValue)),
            .init("state", .string(account.end == nil ? "open" : "ended")),
            .init("opened", account.opened.map(tell) ?? .null),
            .init("keepAlives", .count(account.keepAlives.count)),
            .init("kept", account.keepAlives.document(telling: place)),
            .init("leases", .count(account.count)),
            .init("first", .list(account.leases.map { .id($0.rawValue) })),
            .init("graces", .list(account.graces.told.map { document(of: $0, in: .never) })),
            .init("ended", account.end.map(tell) ?? .null),
        ]
        let events = [account.opened, account.end].compactMap(\.self)
        return Story(document: .map(fields), lines: lines(of: events))
    }

    private func story(of refused: StorySubject.Refused) -> Story {
        Story(
            document: .map([
                .init("request", .string(refused.key.id)),
                .init("tenant", .string(refused.key.tenant)), .init("state", .string("refused")),
                .init("code", .string(refused.code)), .init("reason", .string(refused.message)),
                .init("position", .id(refused.position)),
                .init("time", .id(refused.time.nanoseconds)),
                .init("wall", .optional(clock.text(at: refused.time))),
            ]),
            lines: []
        )
    }

    // MARK: Parts

    private func place(_ told: StoryEvent) -> [Document.Field] {
        [
            .init("position", .id(told.position)), .init("time", .id(told.time.nanoseconds)),
            .init("wall", .optional(clock.text(at: told.time))),
        ]
    }

    private func tell(_ told: StoryEvent) -> Document {
        .map(
            place(told) + [.init("event", .string(told.event.name))] + names.fields(of: told.event)
        )
    }

    /// A gap, and until when it let its holder live.
    private func document(of moved: GraceAccount.Prolongation, in life: LedgerTime) -> Document {
        .map([
            .init("position", .id(moved.position)), .init("from", time(moved.grace.from)),
            .init("end", time(moved.grace.end)), .init("until", time(min(moved.until, life))),
        ])
    }

    private func time(_ time: LedgerTime) -> Document {
        guard time != .never else { return .null }
        return .map([
            .init("time", .id(time.nanoseconds)), .init("wall", .optional(clock.text(at: time))),
        ])
    }

    private func lines(of events: [StoryEvent]) -> [String] {
        events.sorted { $0.position < $1.position }.map { told in
            let when = [
                Durations.text(told.time.nanoseconds / 1_000_000), clock.text(at: told.time),
            ]
            let head = ["\(told.position)"] + when.compactMap(\.self) + [told.event.name]
            let said = names.fields(of: told.event).filter { !$0.value.isEmpty }
            return (head + said.map(Rendering.assignment)).joined(separator: " ")
        }
    }
}

extension Lease {
    /// Whose it is.
    fileprivate var owner: [Document.Field] {
        [
            .init("lease", .id(id.rawValue)), .init("tenant", .string(terms.tenant)),
            .init("holder", .string(terms.holder)),
        ]
    }
}
