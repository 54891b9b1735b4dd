// What goes into the engine and what comes out of it: batches on both sides.

public import TenureModel

/// One command on its way in.
package struct Submission: Sendable {
    let command: Command
    let caller: Caller
    let ticket: UInt64
    let sink: any AnswerSink
    let origin: UInt64

    /// A command whose answer goes to `sink` under its own number `ticket`.
    ///
    /// Commands with one sink and one `origin`, such as those of one connection, are decided in the
    /// order in which they were submitted; under overload others may overtake them.
    package init(
        command: Command,
        caller: Caller,
        ticket: UInt64,
        sink: any AnswerSink,
        origin: UInt64 = 0
    ) {
        self.command = command
        self.caller = caller
        self.ticket = ticket
        self.sink = sink
        self.origin = origin
    }
}

/// A command whose answer nobody takes any more, so that it is not worth waiting for.
package struct Abandonment: Sendable {
    let ticket: UInt64
    let sink: any AnswerSink

    /// What was submitted under `ticket` with this sink.
    package init(ticket: UInt64, sink: any AnswerSink) {
        self.ticket = ticket
        self.sink = sink
    }
}

/// One answer on its way out.
package struct Delivery: Sendable {
    /// The number that the command was submitted under.
    package let ticket: UInt64
    /// The answer; everything that it shows is durable.
    package let answer: Answer
    /// The ticket that it tells the end of, when the command was answered `queued` before.
    package var queued: TicketID?
}

/// Where answers go.
package protocol AnswerSink: AnyObject, Sendable {
    /// Takes the answers of one commit group, in the order in which they were decided.
    ///
    /// A command is answered once. What was queued may be followed by one late delivery under its
    /// number.
    ///
    /// Called on the writer's thread; must not wait.
    func deliver(_ answers: [Delivery])
}

/// What a subscriber wants to hear of.
package enum NoticeInterest: Sendable {
    /// Leases and sessions that were taken back, and leases that are told to leave.
    case lost
    /// Everything that changed.
    case all
}

/// One durable change, for those who watch.
public struct Notice: Sendable {
    /// The position of the change.
    public let position: Position
    /// The ledger time of the change.
    public let time: LedgerTime
    /// What happened, in a word.
    public let name: String
    /// The lease it is about, if it is about one.
    public let lease: LeaseID?
    /// The pool of that lease, where the event names it.
    public let pool: String?
    /// The tenant of that lease, where the event names it.
    public let tenant: String?
    /// All facts.
    public let document: Document
}

/// Where notices go.
package protocol NoticeSink: AnyObject, Sendable {
    /// Takes the notices of one commit group. Called on the writer's thread; must not wait.
    func notice(_ notices: [Notice])
}

/// Why the ledger stopped serving.
package struct LedgerFailure: Error, Equatable, Sendable {
    /// What failed, where, and what to do.
    package let sentence: String
    /// The status with which the process should end.
    package let exitCode: Int32
}

/// Why a ledger could not be opened.
public struct LedgerOpenError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What is wrong, where, and what to do.
    public let sentence: String
    /// The status with which a process that needs the ledger should end.
    public let exitCode: Int32

    /// The sentence.
    public var description: String { sentence }

    /// The system has no room for what every ledger needs (EX_OSERR).
    static let noRoom: Int32 = 71
}
