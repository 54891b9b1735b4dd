// The text of a policy: JSON, read strictly, because a slip in it is a hole or a locked door.
//
//   {
//     "users":    [{"user": "alice", "role": "acquire", "tenants": ["research"]}],
//     "groups":   [{"group": "operators", "role": "operate"},
//                  {"group": "students", "role": "acquire", "tenants": ["lab"],
//                   "maxPriority": "low"}],
//     "accounts": [{"account": "ci", "uid": 60001, "role": "acquire", "tenants": ["ci"],
//                   "secrets": [{"hash": "$scrypt$…", "expires": "2027-01-31T00:00:00Z"}],
//                   "certificates": ["ci.example.org"]}]
//   }
//
// Every field that is not known, every name that is there twice and every value that is none is
// refused, with its place. What is not named may do nothing.

internal import FoundationEssentials
internal import Glibc
internal import TenureModel
internal import TenureWire

/// What is wrong with a policy.
package struct PolicyFault: Error, Equatable {
    /// Where, what, and what would be right.
    package let sentence: String
}

/// Reads the text of a policy.
package enum PolicyDocument {
    /// The policy that the text states.
    ///
    /// - Throws: what is wrong with it, and where.
    package static func read(_ bytes: [UInt8]) throws(PolicyFault) -> AccessPolicy {
        // A decoder of JSON also takes UTF-16 and UTF-32, in which no name would be found twice.
        guard !bytes.contains(0), String(validating: bytes, as: UTF8.self) != nil else {
            throw PolicyFault(sentence: "is no UTF-8; save it in that encoding")
        }
        if let name = RepeatedNames.first(in: bytes) {
            throw PolicyFault(sentence: "the field '\(name)' is twice in one object; keep one")
        }
        let value: JSONValue
        do {
            value = try JSONDecoder().decode(JSONValue.self, from: Data(bytes))
        } catch {
            throw PolicyFault(sentence: "is no JSON; look for a comma, quote or bracket")
        }
        let whole = try PolicyObject(value, at: "", fields: ["users", "groups", "accounts"])
        let common: Set = ["role", "tenants", "maxPriority"]
        let users = try whole.objects("users", fields: common.union(["user"]))
            .map { entry throws(PolicyFault) in try self.entry(entry, "user", Self.uid) }
        let groups = try whole.objects("groups", fields: common.union(["group"]))
            .map { entry throws(PolicyFault) in try self.entry(entry, "group", Self.gid) }
        let accounts = try whole.objects(
            "accounts",
            fields: common.union(["account", "uid", "secrets", "certificates"])
        ).map(account)
        try requireOnce(users.map { "user \($0.name) (\($0.id))" }, users.map { "\($0.id)" })
        try requireOnce(groups.map { "group \($0.name) (\($0.id))" }, groups.map { "\($0.id)" })
        try requireOnce(accounts.map { "account \($0.name)" }, accounts.map(\.name))
        try requireOnce(accounts.map { "uid \($0.uid)" }, accounts.map { "\($0.uid)" })
        let certificates = accounts.flatMap(\.certificates)
        try requireOnce(certificates.map { "certificate \($0)" }, certificates)
        return AccessPolicy(users: users, groups: groups, accounts: accounts)
    }

    private static func requireOnce(_ names: [String], _ keys: [String]) throws(PolicyFault) {
        var seen: Set<String> = []
        for (name, key) in zip(names, keys) where !seen.insert(key).inserted {
            throw PolicyFault(sentence: "\(name) is there twice; make it one entry")
        }
    }

    // MARK: Entries

    private static func entry(
        _ object: PolicyObject,
        _ field: String,
        _ number: (String) -> UInt32?
    ) throws(PolicyFault) -> AccessPolicy.Entry {
        let name: String
        switch try object.required(field) {
        case .string(let text): name = text
        case .number(let value): name = "\(try whole(value, object, field))"
        default: throw object.fault(field, "is no name or number of a \(field)")
        }
        guard let id = number(name), id != .max else {
            throw object.fault(field, "'\(Printable.text(name))' is no \(field) of this host")
        }
        return AccessPolicy.Entry(name: name, id: id, permission: try permission(object))
    }

    private static func account(_ object: PolicyObject) throws(PolicyFault) -> AccessPolicy.Account
    {
        let name = try object.string("account")
        guard Names.isValid(name), name != "default" else {
            throw object.fault(
                "account",
                "'\(Printable.text(name))' is no name of an account: letters, digits and ._:/-, "
                    + "and not 'default', which is the daemon's one password"
            )
        }
        guard case .number(let value) = try object.required("uid") else {
            throw object.fault("uid", "is no number")
        }
        let uid = try whole(value, object, "uid")
        guard uid != 0, uid != .max else {
            throw object.fault("uid", "is 1 to \(UInt32.max - 1), the user that the log records")
        }
        let secrets = try object.objects("secrets", fields: ["hash", "expires"])
        guard secrets.count <= ServerLimits.secretsPerAccount else {
            throw object.fault("secrets", "are at most \(ServerLimits.secretsPerAccount)")
        }
        let certificates = try object.strings("certificates")
        guard !secrets.isEmpty || !certificates.isEmpty else {
            throw object.fault("secrets", "and certificates are both empty: nothing opens it")
        }
        guard certificates.allSatisfy({ (1...253).contains($0.utf8.count) }) else {
            throw object.fault("certificates", "are names of 1 to 253 bytes")
        }
        return AccessPolicy.Account(
            name: name,
            uid: uid,
            permission: try permission(object),
            secrets: try secrets.map(secret),
            certificates: certificates
        )
    }

    private static func secret(_ object: PolicyObject) throws(PolicyFault) -> AccessPolicy.Secret {
        guard let hash = SecretHash(try object.string("hash")) else {
            throw object.fault("hash", "is no hash; make one with 'tenure policy hash'")
        }
        var expires: Double?
        if let text = try object.optionalString("expires") {
            guard let date = try? Date(text, strategy: .iso8601) else {
                throw object.fault("expires", "is no time; write it as 2027-01-31T00:00:00Z")
            }
            expires = date.timeIntervalSince1970
        }
        return AccessPolicy.Secret(hash: hash, expires: expires)
    }

    /// `*` is every tenant; who observes has none, and an admin needs none.
    private static func permission(_ object: PolicyObject) throws(PolicyFault) -> Permission {
        let text = try object.string("role")
        guard let role = Role(rawValue: text) else {
            let roles = Role.allCases.map(\.rawValue).joined(separator: ", ")
            throw object.fault("role", "'\(Printable.text(text))' is no role; there are \(roles)")
        }
        let tenants = try object.strings("tenants")
        switch role {
        case .observe where !tenants.isEmpty, .admin where !tenants.isEmpty:
            throw object.fault("tenants", "have no meaning for the role \(text); leave them out")
        case .acquire where tenants.isEmpty:
            throw object.fault("tenants", "are missing: name them, or \"*\" for all")
        case .observe, .acquire, .operate, .admin: break
        }
        let priority = try priorityMax(object, role)
        if role == .admin || tenants == ["*"] {
            return Permission(role, tenants: nil, priorityMax: priority)
        }
        for tenant in tenants where !Names.isValidTenant(tenant) {
            throw object.fault("tenants", "'\(Printable.text(tenant))' is no path of names")
        }
        return Permission(role, tenants: TenantScope(tenants), priorityMax: priority)
    }

    private static func priorityMax(
        _ object: PolicyObject,
        _ role: Role
    ) throws(PolicyFault) -> Priority {
        guard let text = try object.optionalString("maxPriority") else { return .critical }
        switch role {
        case .observe, .admin:
            throw object.fault("maxPriority", "has no meaning for the role \(role.rawValue)")
        case .acquire, .operate: break
        }
        guard let priority = Priority(name: text) else {
            let classes = Priority.allCases.map(\.name).joined(separator: ", ")
            throw object.fault(
                "maxPriority",
                "'\(Printable.text(text))' is no class; there are \(classes)"
            )
        }
        return priority
    }

    // MARK: Numbers and names of the host

    private static func whole(
        _ value: Double,
        _ object: PolicyObject,
        _ field: String
    ) throws(PolicyFault) -> UInt32 {
        guard let number = UInt32(exactly: value) else {
            throw object.fault(field, "is no number from 0 to \(UInt32.max)")
        }
        return number
    }

    private static func uid(_ name: String) -> UInt32? {
        if let number = UInt32(name) { return number }
        var entry = unsafe passwd()
        var found: UnsafeMutablePointer<passwd>?
        var room = [CChar](repeating: 0, count: 64 << 10)
        // SAFETY: the entry and the room for its text live for the call; only the number is used.
        guard unsafe getpwnam_r(name, &entry, &room, room.count, &found) == 0, unsafe found != nil
        else { return nil }
        return unsafe entry.pw_uid
    }

    private static func gid(_ name: String) -> UInt32? {
        if let number = UInt32(name) { return number }
        var entry = unsafe group()
        var found: UnsafeMutablePointer<group>?
        var room = [CChar](repeating: 0, count: 64 << 10)
        // SAFETY: the entry and the room for its text live for the call; only the number is used.
        guard unsafe getgrnam_r(name, &entry, &room, room.count, &found) == 0, unsafe found != nil
        else { return nil }
        return unsafe entry.gr_gid
    }
}
