// Who may send what: everybody may hold; only admins declare, and take from others.

internal import Glibc
internal import TenureModel

/// What a caller may send.
enum Roles {
    /// Why `caller` may not send `command`; nothing when it may.
    static func refusal(of command: Command, for caller: Caller) -> Refusal? {
        guard !caller.isAdmin else { return nil }
        switch command {
        case .setPool, .deletePool, .setResource, .setResourceState, .setNodeState, .deleteResource,
            .planWindow, .cancelWindow, .setQuota, .deleteQuota, .setTenant, .deleteTenant,
            .setBudget,
            .deleteBudget, .resetBreaker, .prune, .revoke, .revokeAll, .query(.optimize),
            .housekeeping:
            let who = caller.uid.map { "user \($0)" } ?? "this caller"
            return Refusal(
                .notPermitted,
                "\(who) may not do this; ask root or the user that the daemon runs as"
            )
        // Whose ticket it is, the ledger knows.
        case .acquire, .cancelTicket, .book, .cancelBooking, .commit, .cancel, .renew, .release,
            .grow, .handOver,
            .sublease, .check, .report, .openSession,
            .keepSession,
            .closeSession, .query:
            return nil
        }
    }

    /// The caller behind a Unix socket whose peer the kernel reported as `uid`.
    static func local(uid: UInt32) -> Caller {
        Caller(uid: uid, isAdmin: uid == 0 || uid == geteuid())
    }

    /// The caller that has said the password over TCP.
    static let authenticated = Caller(uid: nil, isAdmin: true)

    /// The caller that has said nothing yet.
    static let stranger = Caller(uid: nil, isAdmin: false)

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
