// What the engine asks of a command, and of its answer, without knowing what they are about.

internal import TenureModel

extension Command {
    /// Whether it asks for something new, so that a nearly full disk turns it away.
    var needsRoom: Bool {
        switch self {
        case .acquire(let request): !request.planOnly
        case .grow, .book, .planWindow, .sublease, .report, .openSession, .setPool, .setResource,
            .setQuota,
            .setTenant,
            .setBudget:
            true
        default: false
        }
    }

    /// Whether it keeps or gives back what somebody has, so that under overload it comes first.
    var comesFirst: Bool {
        switch self {
        case .renew, .keepSession, .commit, .release, .cancel, .cancelTicket, .cancelBooking,
            .closeSession, .revoke:
            true
        default: false
        }
    }

    /// Whether a holder has to be made for it.
    var needsHolder: Bool {
        switch self {
        case .acquire(let request): request.holder == nil
        case .book(let booking): booking.request.holder == nil
        case .openSession(let request): request.holder == nil
        case .handOver(_, let request): request.holder == nil
        case .sublease(_, let request): request.holder == nil
        default: false
        }
    }
}

extension Answer {
    /// Whether it says that something is over, as far as it can be for want of a renewal alone.
    var tellsOfAnEnd: Bool {
        switch self {
        case .refused(let refusal): refusal.code == .expired
        case .ended(let ending): ending.status == .alreadyEnded
        default: false
        }
    }
}

extension LedgerCore {
    /// Who asks, with a name for the holder where the command has none and needs one.
    func caller(of submission: Submission) -> Caller {
        var caller = submission.caller
        if caller.generatedHolder.isEmpty, submission.command.needsHolder {
            caller.generatedHolder = holderNames.next()
        }
        return caller
    }
}
