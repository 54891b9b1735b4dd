// The whole state at a moment of the past, and what changed between two.

internal import TenureModel
internal import TenureWire

/// One sort of things that a state has.
struct StateSection: Sendable {
    /// Its name in a document: the plural.
    let name: String
    /// The fields that tell one from the others.
    let key: [String]
    /// The fields that say most of one that came or went.
    let brief: [String]
    /// Where its items come from.
    enum Source: Sendable {
        case leases
        case sessions
        case list(@Sendable (Page) -> Query)
    }

    let source: Source

    private init(
        _ name: String,
        key: [String],
        brief: [String],
        _ source: Source
    ) {
        (self.name, self.key, self.brief, self.source) = (name, key, brief, source)
    }

    private init(
        _ name: String,
        key: [String],
        brief: [String],
        _ query: @escaping @Sendable (Page) -> Query
    ) {
        self.init(name, key: key, brief: brief, .list(query))
    }

    /// All of them, what others depend on first.
    static let all: [StateSection] = [
        StateSection("pools", key: ["name"], brief: []) { _ in .pools },
        StateSection("resources", key: ["name"], brief: ["pool", "kind", "capacity", "node"]) {
            .resources(pool: nil, page: $0)
        },
        StateSection("breakers", key: ["guards", "name"], brief: ["state", "cause"]) {
            .breakers(pool: nil, page: $0)
        },
        StateSection("quotas", key: ["tenant", "kind"], brief: ["limit", "guarantee"]) { _ in
            .quotas(tenant: nil)
        },
        StateSection("tenants", key: ["tenant"], brief: ["leases", "rate"]) { _ in
            .tenants(below: nil)
        },
        StateSection("budgets", key: ["tenant"], brief: ["limit", "window"]) { _ in
            .budgets(below: nil)
        },
        StateSection("sessions", key: ["session"], brief: ["holder"], .sessions),
        StateSection("leases", key: ["lease"], brief: ["tenant", "holder", "placements"], .leases),
        StateSection("tickets", key: ["ticket"], brief: ["tenant", "pool", "amounts"]) {
            .tickets(TicketFilter(), page: $0)
        },
        StateSection("bookings", key: ["booking"], brief: ["tenant", "placements"]) {
            .bookings(TicketFilter(), page: $0)
        },
        StateSection("windows", key: ["window"], brief: ["node", "resource"]) {
            .windows(pool: nil, page: $0)
        },
    ]

    /// What tells an item from the others.
    func name(of item: Document) -> String {
        key.compactMap { item[$0] }.filter { $0 != .null }.map(\.scalarText)
            .joined(separator: " ")
    }
}

extension PastLedger {
    /// What is told in place of a time that is not known, because a snapshot does not say it.
    static let beforeHistory = "before the snapshot"

    /// From where on the past is made, for the help of commands.
    static let replayed = """
        from its first record, or the snapshot where history was pruned; a moment before that is \
        refused
        """

    /// Where it is in history, for people.
    var place: String {
        let time = Durations.text(now.nanoseconds / 1_000_000)
        return (["position \(position)", time] + (clock.text(at: now).map { [$0] } ?? []))
            .joined(separator: ", ")
    }

    /// Position, time, and what the wall clock showed, as far as that is known.
    var label: [Document.Field] {
        [
            .init("position", .id(position)), .init("time", .id(now.nanoseconds)),
            .init("wall", .optional(clock.text(at: now))),
        ]
    }

    /// Everything that the state has, by section: lists of what the protocol's lists say.
    ///
    /// All of it is in memory at once.
    mutating func document() throws -> Document {
        let sections = try StateSection.all.map { section in
            Document.Field(section.name, .list(try items(of: section)))
        }
        return .map(label + sections)
    }

    private mutating func items(of section: StateSection) throws -> [Document] {
        var items: [Document] = []
        switch section.source {
        case .list(let query): try forEachItem(of: query) { items.append($0) }
        case .leases: try forEachLease { _, document in items.append(document) }
        case .sessions:
            for session in sessions.sorted() {
                if case .document(let document) = try ask(.query(.session(session))) {
                    items.append(document)
                }
            }
        }
        return items
    }

    /// What a question was answered, that reads and changes nothing.
    ///
    /// The words are those of the command as a client sends it.
    ///
    /// - Throws: a failure when the words are no such command, or with the ledger's refusal.
    mutating func answer(_ words: [String]) throws -> Document {
        switch CommandParser.parse(RequestArguments(words)) {
        case .ledger(.query(let query)):
            switch try ask(try besideBookings(.query(query))) {
            case .refused(let refusal):
                throw Failure(.refused, "\(refusal.code.rawValue) \(refusal.message)")
            case let answer: return answer.document
            }
        case .refused(let refusal): throw Failure(.usage, refusal.message)
        case .ledger, .connection, .openSession:
            throw Failure(
                .usage,
                "only what reads the ledger is answered; 'audit decide' tells what would change it"
            )
        }
    }
}

/// What is another in one document of a state than in an earlier one.
struct StateDiff {
    /// What is told as a time from now, and so passes by itself.
    private static let passing: Set<String> = [
        "ttl", "age", "waited", "wait", "windowEnds", "pause", "start", "end", "draining", "retry",
    ]

    /// One thing that came, went, or has another value in a field.
    private(set) var changes: [Document] = []

    init(from before: Document, to after: Document) {
        for section in StateSection.all {
            let old = Self.items(section, of: before)
            let new = Self.items(section, of: after)
            let names = Set(new.map(\.name))
            for item in old where !names.contains(item.name) {
                add("removed", section, item, before: section.brief(of: item.document))
            }
            let known = Dictionary(old, uniquingKeysWith: { first, _ in first })
            for item in new {
                guard let earlier = known[item.name] else {
                    add("added", section, item, after: section.brief(of: item.document))
                    continue
                }
                compare(earlier, item, section)
            }
        }
    }

    private typealias Item = (name: String, document: Document)

    private static func items(_ section: StateSection, of state: Document) -> [Item] {
        guard case .list(let items)? = state[section.name] else { return [] }
        return items.map { (section.name(of: $0), $0) }
    }

    private mutating func compare(_ before: Document, _ item: Item, _ section: StateSection) {
        guard case .map(let old) = before, case .map(let new) = item.document else { return }
        let gone = old.filter { item.document[$0.name] == nil }
            .map { Document.Field($0.name, .null) }
        for field in new + gone where !Self.passing.contains(field.name) {
            let value = before[field.name] ?? .null
            if value == field.value { continue }
            add("changed", section, item, field: field.name, before: value, after: field.value)
        }
    }

    private mutating func add(
        _ change: String,
        _ section: StateSection,
        _ item: Item,
        field: String? = nil,
        before: Document = .null,
        after: Document = .null
    ) {
        let kind = item.document["kind"] ?? .null
        changes.append(
            .map([
                .init("of", .string(section.name)), .init("name", .string(item.name)),
                .init("kind", kind), .init("change", .string(change)),
                .init("field", .optional(field)), .init("before", before), .init("after", after),
            ])
        )
    }
}

extension StateSection {
    /// The fields that say most of an item.
    fileprivate func brief(of item: Document) -> Document {
        .map(brief.compactMap { name in item[name].map { Document.Field(name, $0) } })
    }
}

extension Document {
    /// A number or a text as it is.
    fileprivate var scalarText: String {
        switch self {
        case .integer(let number): String(number)
        case .id(let number): String(number)
        case .string(let text): text
        default: ""
        }
    }
}
