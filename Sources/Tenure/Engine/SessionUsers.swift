// Who has how many sessions open, so that one user can not fill the memory of all.

internal import TenureModel

/// The sessions of each user, but of those who have no number.
struct SessionUsers {
    private var users: [SessionID: UInt32] = [:]
    private var counts: [UInt32: Int] = [:]

    /// How many a user has open.
    func count(of user: UInt32) -> Int { counts[user] ?? 0 }

    /// A session is open; one that is known is not counted again.
    mutating func note(_ session: Session) {
        guard let user = session.uid, users.updateValue(user, forKey: session.id) == nil else {
            return
        }
        counts[user, default: 0] += 1
    }

    /// A session has ended.
    mutating func forget(_ id: SessionID) {
        guard let user = users.removeValue(forKey: id), let count = counts[user] else { return }
        counts[user] = count > 1 ? count - 1 : nil
    }
}

extension LedgerCore {
    /// Keeps in mind whose sessions were opened, which of them have processes, and which ended.
    func noteSessions(_ events: [Event]) {
        for event in events {
            switch event {
            case .sessionOpened(let session):
                sessionUsers.note(session)
                if session.process != nil { openedSessions.append(session) }
            case .sessionEnded(let id, _, _):
                sessionUsers.forget(id)
                endedSessions.append(id)
            default: break
            }
        }
    }

    /// Why a user who is no admin gets no other session; nothing when they do.
    ///
    /// The sessions from before the opening are counted when they have been looked at.
    func sessionRefusal(of submission: Submission) -> Refusal? {
        guard case .openSession = submission.command, !submission.caller.isAdmin,
            let user = submission.caller.uid,
            sessionUsers.count(of: user) >= EngineLimits.sessionsPerUser
        else { return nil }
        return Refusal(
            .busy,
            "user \(user) has \(EngineLimits.sessionsPerUser) sessions open; close some, or share "
                + "one among leases"
        )
    }
}
