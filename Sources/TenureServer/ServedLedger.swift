// What the front needs of a ledger: the engine has it, and tests put something worse there.

package import Tenure
package import TenureModel

/// What the front needs of a ledger.
package protocol ServedLedger: AnyObject, Sendable {
    /// Hands commands in; never waits.
    func submit(_ batch: [Submission])
    /// Ends the waits of commands whose answers nobody takes any more; never waits.
    func abandon(_ tickets: [UInt64], of sink: any AnswerSink)
    /// Calls `body` on the writer's thread when it comes by; never waits, and is never turned away
    /// for what else waits. After a failure, or the end, `body` is not called.
    func whenWriterComesBy(_ body: @escaping @Sendable () -> Void)
    /// Ends all waits because the ledger is about to close; never waits.
    func endWaiting()
    /// Sends notices from the next group on; may wait for the writer.
    func subscribe(_ sink: any NoticeSink, to interest: NoticeInterest) -> UInt64
    /// Sends no more notices.
    func unsubscribe(_ id: UInt64)
    /// Counts, sizes and positions; may wait for the writer.
    func figures() -> Document
    /// Calls `body` with an explanation from the log; never waits.
    func explain(_ subject: ExplainSubject, _ body: @escaping @Sendable (Answer) -> Void)
    /// Calls `body` when the ledger stops serving because of a failure.
    func onFailure(_ body: @escaping @Sendable (LedgerFailure) -> Void)
    /// Decides what has come in and closes; waits.
    func shutdown()
}

extension Ledger: ServedLedger {}
