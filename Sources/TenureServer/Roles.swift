// Whether a command may be sent: by role, for each command anew.

internal import TenureModel
internal import TenureWire

/// What a caller may send.
enum Roles {
    /// Why who has `standing` may not send `command`; nothing when it may.
    ///
    /// Whose tenant, ticket or lease it is, the ledger knows.
    static func refusal(
        of command: Command,
        for standing: Standing,
        _ identity: Identity
    ) -> Refusal? {
        if let refusal = refusal(needing: Role.needed(for: command), for: standing, identity) {
            return refusal
        }
        guard let asked = command.priority, asked.rawValue > standing.priorityMax.rawValue else {
            return nil
        }
        return Refusal(
            .notPermitted,
            "\(identity.subject) may not ask with PRIORITY \(asked.name), but with "
                + "\(standing.priorityMax.name) or less; ask root or the user that the daemon runs "
                + "as"
        )
    }

    /// Why who has `standing` may not send `command`; nothing when it may.
    static func refusal(
        of command: ConnectionCommand,
        for standing: Standing,
        _ identity: Identity
    ) -> Refusal? {
        Role.needed(for: command).flatMap { refusal(needing: $0, for: standing, identity) }
    }

    /// Why who has `standing` may not do what needs a role; nothing when it may.
    static func refusal(
        needing needed: Role,
        for standing: Standing,
        _ identity: Identity
    ) -> Refusal? {
        guard let role = standing.role else {
            return Refusal(
                .notPermitted,
                "\(identity.subject) has no role in the policy of this daemon, or has none any "
                    + "more; ask root or the user that the daemon runs as"
            )
        }
        guard role < needed else { return nil }
        return Refusal(
            .notPermitted,
            "\(identity.subject) may not do this, which needs the role \(needed.rawValue); ask "
                + "root or the user that the daemon runs as"
        )
    }

    /// Whether two passwords are the same, in a time that does not depend on where they differ.
    static func isSame(_ given: String, _ expected: String) -> Bool {
        let given = Array(given.utf8)
        let expected = Array(expected.utf8)
        var difference = UInt(bitPattern: given.count ^ expected.count)
        for index in expected.indices {
            let byte = index < given.count ? given[index] : 0
            difference |= UInt(byte ^ expected[index])
        }
        return difference == 0
    }
}

extension Command {
    /// The class that it asks with.
    fileprivate var priority: Priority? {
        switch self {
        case .acquire(let request): request.priority
        case .book(let booking): booking.request.priority
        default: nil
        }
    }
}

extension Identity {
    /// How a sentence names it.
    var subject: String {
        switch self {
        case .stranger, .password: "this caller"
        case .user(let uid, _): "user \(uid)"
        case .account(let name, _), .certificate(let name, _, _): "account \(name)"
        }
    }
}
