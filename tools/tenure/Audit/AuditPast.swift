// `audit as-of`, `audit diff` and `audit who`: the ledger as it was, and what became another.

internal import ArgumentParser
internal import TenureModel

struct AuditAsOf: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "as-of",
        abstract: "Show the ledger as it was at a moment, or ask it something there.",
        discussion: """
            Without a command everything is shown: pools, resources, quotas, budgets, sessions, \
            leases, tickets, bookings, windows. With one, its answer at that moment: anything \
            that a client can ask and that changes nothing.

            \(Moment.words) The state is made from the first record on, so the whole log must be \
            there.

            EXAMPLES
              tenure audit as-of /var/lib/tenure 4711
              tenure audit as-of /var/lib/tenure 2026-11-22T10:30:00Z RESOURCE LIST POOL gpus
              tenure audit as-of /backup/tenure 2h30m --json LEASE GET 281474976710661
            """
    )

    @Argument(help: ArgumentHelp("Directory of the ledger.", valueName: "directory"))
    var directory: String

    @Argument(help: "Position, ledger time, wall time or 'end'.")
    var moment: Moment

    @Flag(help: "Answer as JSON.")
    var json = false

    @Argument(parsing: .remaining, help: "A command that reads, as a client sends it.")
    var words: [String] = []

    func run() throws {
        var past = try StoppedLedger(directory).past(at: moment)
        let document = words.isEmpty ? try past.document() : try past.answer(words)
        try Terminal.data(json ? [JSONText.of(document)] : Rendering.lines(document))
    }
}

struct AuditDiff: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "Show what is another at one moment than at an earlier one.",
        discussion: """
            A line for everything that came (+), went (-), or has another value in a field (~). \
            What passes by itself, such as the time that is left to a lease, does not count.

            \(Moment.words)

            EXAMPLES
              tenure audit diff /var/lib/tenure 4711 end
              tenure audit diff /backup/tenure 2026-11-22T10:30:00Z 2026-11-22T11:00:00Z --json
            """
    )

    @Argument(help: ArgumentHelp("Directory of the ledger.", valueName: "directory"))
    var directory: String

    @Argument(help: "The earlier moment.")
    var from: Moment

    @Argument(help: "The later moment.")
    var to: Moment

    @Flag(help: "Answer as JSON.")
    var json = false

    func run() throws {
        let ledger = StoppedLedger(directory)
        var before: PastLedger?
        var after = try ledger.past(at: to) { past, record in
            guard before == nil, past.position > 0 else { return }
            if !from.includes(record) { before = copy past }
        }
        // Nothing happened between them, or the first is not before the second.
        if before == nil { before = try ledger.past(at: from) }
        guard var before, before.position <= after.position else {
            throw Failure(.usage, "the first moment is not before the second one")
        }
        let changes = StateDiff(from: try before.document(), to: try after.document()).changes
        guard json else { return try Terminal.data(changes.map(StateDiff.line)) }
        try Terminal.data(
            JSONText.of(
                .map([
                    .init("from", .map(before.label)), .init("to", .map(after.label)),
                    .init("changes", .list(changes)),
                ])
            )
        )
    }
}

struct AuditWho: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "who",
        abstract: "Tell who had a resource at a moment, since when, and how that ended.",
        discussion: """
            \(Moment.words)

            EXAMPLES
              tenure audit who /var/lib/tenure box/gpu0 --at 2026-11-22T10:30:00Z
              tenure audit who /backup/tenure box/gpu0 --at 4711 --json
            """
    )

    @Argument(help: ArgumentHelp("Directory of the ledger.", valueName: "directory"))
    var directory: String

    @Argument(help: "Name of the resource.")
    var resource: String

    @Option(help: ArgumentHelp("Position, ledger time, wall time or 'end'.", valueName: "moment"))
    var at = Moment.end

    @Flag(help: "Answer as JSON.")
    var json = false

    func run() throws {
        var past: PastLedger?
        var ends = LeaseEndings()
        let last = try StoppedLedger(directory).past(at: .end) { ledger, record in
            if past == nil, ledger.position > 0, !at.includes(record) {
                past = copy ledger
                past?.ask(at)
            }
            if past != nil { ends.note(record) }
        }
        var then = past ?? last
        let document = try then.holders(of: resource, ends)
        try Terminal.data(json ? [JSONText.of(document)] : Rendering.lines(document))
    }
}

/// How leases ended.
struct LeaseEndings {
    private var ends: [LeaseID: (time: LedgerTime, how: String)] = [:]

    /// Takes in a record.
    mutating func note(_ record: PastRecord) {
        for event in record.events {
            switch event {
            case .released(let id): ends[id] = (record.time, "released")
            case .reclaimed(let leases, let cause, _):
                for lease in leases { ends[lease.lease] = (record.time, cause.name) }
            default: break
            }
        }
    }

    /// When and how a lease ended; nothing when it has not.
    subscript(_ id: LeaseID) -> (time: LedgerTime, how: String)? { ends[id] }
}

extension PastLedger {
    /// Who has a resource now, and how that ended later.
    fileprivate mutating func holders(
        of resource: String,
        _ ends: LeaseEndings
    ) throws -> Document {
        if case .refused(let refusal) = try ask(.query(.resource(resource))) {
            throw Failure(.refused, "\(refusal.code.rawValue) \(refusal.message)")
        }
        var items: [Document] = []
        let (clock, now) = (clock, now)
        let leases: (Page) -> Query = { .leases(LeaseFilter(), page: $0) }
        try forEachItem(of: leases) { lease in
            guard case .list(let placements)? = lease["placements"],
                let part = placements.first(where: { $0["resource"] == .string(resource) }),
                case .id(let id)? = lease["lease"], case .integer(let age)? = lease["age"]
            else { return }
            let since = LedgerTime(
                nanoseconds: now.nanoseconds - min(now.nanoseconds, UInt64(age) * 1_000_000)
            )
            let end = ends[LeaseID(rawValue: id)]
            let told = ["lease", "state", "tenant", "holder"].compactMap { name in
                lease[name].map { Document.Field(name, $0) }
            }
            items.append(
                .map(
                    told + [
                        .init("kind", part["kind"] ?? .null),
                        .init("amount", part["amount"] ?? .null),
                        .init("since", .optional(clock.text(at: since))),
                        .init("ended", .optional(end.flatMap { clock.text(at: $0.time) })),
                        .init("how", .optional(end?.how)),
                    ]
                )
            )
        }
        return .map(label + [.init("resource", .string(resource)), .init("items", .list(items))])
    }
}

extension StateDiff {
    /// A change for people.
    static func line(_ change: Document) -> String {
        func text(_ name: String) -> String {
            if case .string(let text)? = change[name] { text } else { "" }
        }
        let kind = Kind(text("kind"))
        func value(_ name: String, _ field: String) -> String {
            Rendering.value(.init(field, change[name] ?? .null), kind: kind)
        }
        let what = "\(text("of")) \(text("name"))"
        let line =
            switch text("change") {
            case "added": "+ \(what) \(value("after", "after"))"
            case "removed": "- \(what) \(value("before", "before"))"
            default:
                "~ \(what) \(text("field")): \(value("before", text("field"))) -> "
                    + value("after", text("field"))
            }
        return Table.cell(line)
    }
}
