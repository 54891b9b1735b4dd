// One request that waits, and who asked for it.

internal import TenureModel

/// Who asked earlier.
///
/// Tickets are older than everybody who came after their record, and keep that over restarts.
struct WaitAge: Hashable, Comparable {
    /// The position of the ledger when it came; of a ticket, that of its own record.
    let position: Position
    /// Counts those who came to wait in memory; 0 for a ticket.
    let number: UInt64

    static func < (left: WaitAge, right: WaitAge) -> Bool {
        (left.position, left.number) < (right.position, right.number)
    }
}

/// Who comes first: the higher class, and within it who asked earlier.
struct WaitOrder: Comparable {
    let priority: Priority
    let age: WaitAge

    static func < (left: WaitOrder, right: WaitOrder) -> Bool {
        left.priority == right.priority
            ? left.age < right.age : left.priority.rawValue > right.priority.rawValue
    }
}

/// One request that waits: in memory for the one who asked, or under a ticket for whoever asks.
final class Waiter {
    /// One whose connection waits for the answer, and how long for.
    struct Party {
        let number: UInt64
        let submission: Submission
        let since: LedgerTime
        let until: LedgerTime
    }

    let request: AcquireRequest
    let order: WaitOrder
    let since: LedgerTime
    /// Its place in the queue, if it is one that is kept.
    let ticket: TicketID?
    /// Everything that it could lack.
    let needs: [Shortage]
    /// When its ticket gives up; `never` without one.
    var until = LedgerTime.never
    /// Whose connections wait, the first first; never empty without a ticket.
    var parties: [Party] = []
    /// Who was answered `queued` and is told what becomes of it.
    var listeners: [Submission] = []
    /// What it was found to lack; until it was looked at, all capacity that it could lack.
    var lacks: [Shortage] = []
    /// Why it was not granted at the last look; nothing before the first.
    var refusal: Refusal?

    /// How many who queued it are told what becomes of it: the latest.
    static let listenersMax = 4

    init(_ request: AcquireRequest, _ age: WaitAge, since: LedgerTime) {
        self.request = request
        order = WaitOrder(priority: request.priority, age: age)
        self.since = since
        ticket = nil
        needs = request.possibleShortages
    }

    init(_ ticket: Ticket) {
        request = ticket.request
        let position = Token(rawValue: ticket.id.rawValue).position
        order = WaitOrder(
            priority: ticket.request.priority,
            age: WaitAge(position: position, number: 0)
        )
        since = ticket.since
        until = ticket.until
        self.ticket = ticket.id
        needs = ticket.request.possibleShortages
    }

    /// Keeps one more who is to be told.
    func listen(_ submission: Submission) {
        if listeners.count == Self.listenersMax { listeners.removeFirst() }
        listeners.append(submission)
    }
}
