// Who may do what: the policy as it is asked, command by command.
//
//   A1  Who is not named may do nothing: the default is to deny.
//   A2  Root and the daemon's own user may do everything under every policy: both can write the
//       policy and the ledger's files anyway, and nobody can lock himself out.
//   A3  What is said of a user and of groups of that user adds up.
//
// How a policy is written is in PolicyDocument.swift; which one holds now, in PolicyBoard.swift.

internal import FoundationEssentials
internal import Glibc
internal import TenureModel

/// Who may do what.
package struct AccessPolicy: Sendable {
    /// One who connects with a name and a secret, or with a certificate.
    package struct Account: Sendable {
        /// What it is called.
        package let name: String
        /// The user that the log records for what it does, and who may see the tokens of that.
        package let uid: UInt32
        /// What it may do.
        package let permission: Permission
        /// The secrets that open it: two while one takes the place of the other.
        package let secrets: [Secret]
        /// The names of client certificates that open it.
        package let certificates: [String]
    }

    /// A secret of an account.
    package struct Secret: Sendable {
        /// What is kept of it.
        package let hash: SecretHash
        /// When it ends, in seconds since 1970; never when absent.
        package let expires: Double?
    }

    /// A user or a group, as it was written.
    package struct Entry: Sendable {
        /// The name or number in the file.
        package let name: String
        /// The number.
        package let id: UInt32
        /// What it may do.
        package let permission: Permission
    }

    /// The users.
    package let users: [Entry]
    /// The groups.
    package let groups: [Entry]
    /// The accounts, by name.
    package let accounts: [String: Account]

    private let byUser: [UInt32: Permission]
    private let byGroup: [UInt32: Permission]
    private let byCertificate: [String: String]

    /// A policy of entries that are each there once.
    init(users: [Entry], groups: [Entry], accounts: [Account]) {
        self.users = users
        self.groups = groups
        self.accounts = Dictionary(uniqueKeysWithValues: accounts.map { ($0.name, $0) })
        byUser = Dictionary(uniqueKeysWithValues: users.map { ($0.id, $0.permission) })
        byGroup = Dictionary(uniqueKeysWithValues: groups.map { ($0.id, $0.permission) })
        byCertificate = Dictionary(
            uniqueKeysWithValues: accounts.flatMap { account in
                account.certificates.map { ($0, account.name) }
            }
        )
    }

    /// The account that a client certificate with one of `names` opens.
    ///
    /// - Returns: nothing where no account, or more than one, has such a name.
    package func account(forCertificateNames names: [String]) -> Account? {
        let found = Set(names.compactMap { byCertificate[$0] })
        guard found.count == 1, let name = found.first else { return nil }
        return accounts[name]
    }

    /// What a user of this host may do; nothing when the policy does not name it (A1).
    func permission(uid: UInt32, groups: [UInt32]) -> Permission? {
        if uid == 0 || uid == geteuid() { return .everything }
        return ([byUser[uid]] + groups.map { byGroup[$0] })
            .compactMap { $0 }
            .reduce(nil) { sum, next in sum.map { $0.adding(next) } ?? next }
    }
}

/// Who is at the other end of a connection.
enum Identity: Equatable, Sendable {
    /// Nobody has said yet.
    case stranger
    /// Who knows the one password of the daemon.
    case password
    /// A user of this host with its groups, as the kernel told when the connection was made.
    case user(UInt32, groups: [UInt32])
    /// An account, and the hash of the secret that it was opened with.
    case account(String, secret: SecretHash)
    /// An account that one of these names in a client certificate opens, until that ends.
    case certificate(account: String, names: [String], expires: Double)

    /// How a log names it.
    var text: String {
        switch self {
        case .stranger: "-"
        case .password: "default"
        case .user(let uid, _): "\(uid)"
        case .account(let name, _), .certificate(let name, _, _): "account \(name)"
        }
    }
}

/// What an identity amounts to under a policy.
struct Standing: Sendable {
    /// As which the ledger is asked.
    let caller: Caller
    /// How much it may do; nothing when that is nothing.
    let role: Role?
    /// The highest class that it may ask with.
    let priorityMax: Priority
    /// When that ends, in seconds since 1970.
    var expires: Double?

    init(uid: UInt32?, _ permission: Permission?, expires: Double? = nil) {
        caller = Caller(
            uid: uid,
            isAdmin: permission?.role == .admin,
            tenants: permission.map { $0.role == .admin ? nil : $0.tenants } ?? TenantScope.none
        )
        role = permission?.role
        priorityMax = permission?.priorityMax ?? .critical
        self.expires = expires
    }

    /// Of one who has said nothing yet.
    static let stranger = Standing(uid: nil, nil)
}

extension AccessPolicy {
    /// What `identity` amounts to.
    func standing(of identity: Identity) -> Standing {
        switch identity {
        case .stranger: return .stranger
        case .password: return Standing(uid: nil, .everything)
        case .user(let uid, let groups):
            return Standing(uid: uid, permission(uid: uid, groups: groups))
        case .account(let name, let hash):
            // A secret that was taken out of the file ends what it had opened.
            guard let account = accounts[name],
                let secret = account.secrets.first(where: { $0.hash == hash })
            else { return .stranger }
            return Standing(uid: account.uid, account.permission, expires: secret.expires)
        case .certificate(let name, let names, let expires):
            guard let account = account(forCertificateNames: names), account.name == name else {
                return .stranger
            }
            return Standing(uid: account.uid, account.permission, expires: expires)
        }
    }

    /// What `identity` amounts to where there is no policy: everybody who can connect may hold.
    static func unrestricted(_ identity: Identity) -> Standing {
        switch identity {
        case .password: Standing(uid: nil, .everything)
        case .user(let uid, _):
            Standing(uid: uid, uid == 0 || uid == geteuid() ? .everything : .unrestricted)
        case .stranger, .account, .certificate: .stranger
        }
    }
}
