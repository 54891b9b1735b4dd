// The ledger for programs: one asynchronous method for each thing that can be asked.

internal import Synchronization
public import TenureModel

extension Ledger {
    /// Decides one command and returns its answer when everything that it shows is durable.
    ///
    /// Cancelling the task calls a wait off, which then answers `TIMEOUT`; nothing else is taken
    /// back.
    public func perform(_ command: Command, caller: Caller = .embedder) async -> Answer {
        guard command.waits else {
            return await withCheckedContinuation { continuation in
                let answer = SingleAnswer()
                answer.await(continuation)
                submit([Submission(command: command, caller: caller, ticket: 0, sink: answer)])
            }
        }
        let answer = SingleAnswer()
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                answer.await(continuation)
                let submission = Submission(
                    command: command,
                    caller: caller,
                    ticket: 0,
                    sink: answer
                )
                if !answer.begin({ submit([submission]) }) {
                    answer.deliver([
                        Delivery(ticket: 0, answer: .refused(LedgerCore.abandonedRefusal))
                    ])
                }
            }
        } onCancel: {
            if answer.cancel() { abandon([0], of: answer) }
        }
    }

    /// Grants a lease, or a reservation when the request has a hold.
    ///
    /// With `waitMilliseconds` it waits where it would be refused for want of capacity or quota.
    ///
    /// - Throws: `Refusal` with the limiting thing and the remedy, `TIMEOUT` when the wait is over;
    ///   `CancellationError` when the task was cancelled while it waited: nothing was granted then.
    ///   A grant that came before the cancellation is returned, and is the caller's to give back.
    public func acquire(_ request: AcquireRequest) async throws -> Grant {
        try await grant(.acquire(request))
    }

    /// Holds amounts for `holdMilliseconds`, to be committed or cancelled; waits as `acquire`.
    public func reserve(
        _ request: AcquireRequest,
        holdMilliseconds: UInt64
    ) async throws -> Grant {
        var request = request
        request.holdMilliseconds = holdMilliseconds
        return try await grant(.acquire(request))
    }

    /// Grants a lease or a reservation at once, or gives the request a durable place in the queue.
    ///
    /// It waits up to `milliseconds` of ledger time, over restarts; `read(.ticket(…))` and, with a
    /// request id, `acquire` tell what became of it.
    ///
    /// - Throws: `Refusal`, also where neither a request id nor a session is given.
    public func queue(_ request: AcquireRequest, milliseconds: UInt64) async throws -> Queueing {
        var request = request
        request.queueMilliseconds = milliseconds
        switch await perform(.acquire(request)) {
        case .grant(let grant): return .granted(grant)
        case .queued(let queued): return .queued(queued)
        case let other: throw unexpected(other)
        }
    }

    /// Books amounts from a later time on; `read(.booking(…))` tells what becomes of it.
    ///
    /// The answer has the `booking` as an id, its `start` and `end` in milliseconds from now, and
    /// its `placements`. One that has begun and has a request id is answered with its grant.
    ///
    /// - Throws: `Refusal`, where what is wanted can not be kept free for it.
    public func book(_ booking: BookingRequest) async throws -> Document {
        switch await perform(.book(booking)) {
        case .refused(let refusal): throw refusal
        case let answer: return answer.document
        }
    }

    /// Ends a booking that has not begun.
    ///
    /// Repeating it is a success.
    public func cancelBooking(_ booking: TicketID) async throws -> Document {
        try await document(.cancelBooking(booking))
    }

    /// Plans a drain of a resource or a node from a time to a time; nothing is granted there from
    /// now on that may live into it.
    ///
    /// The answer has the `window` as an id, its `start` and `end` in milliseconds from now, how
    /// many `resources` it has, how many `leases` may still be there when it begins, and how many
    /// `bookings` it meets.
    ///
    /// - Throws: `Refusal`, also where another window has something of it at a part of the time.
    public func planWindow(_ window: WindowRequest) async throws -> Document {
        try await document(.planWindow(window))
    }

    /// Calls a planned drain off; one that has begun ends now.
    public func cancelWindow(_ window: WindowID) async throws -> Document {
        try await document(.cancelWindow(window))
    }

    /// What `acquire` would grant now; changes nothing.
    public func plan(_ request: AcquireRequest) async throws -> Grant {
        var request = request
        request.planOnly = true
        return try await grant(.acquire(request))
    }

    /// Turns a reservation, or the named parts of it, into a lease.
    public func commit(_ reference: LeaseReference, parts: [Part]? = nil) async throws -> Grant {
        try await grant(.commit(reference, parts: parts))
    }

    /// Gives a reservation back.
    ///
    /// Repeating it is a success.
    public func cancel(_ reference: LeaseReference) async throws -> Ending {
        try await ending(.cancel(reference))
    }

    /// Moves the deadline of a lease; without a TTL, by the TTL it was granted with.
    public func renew(
        _ reference: LeaseReference,
        ttlMilliseconds: UInt64? = nil
    ) async throws -> Renewal {
        switch await perform(.renew(reference, ttlMilliseconds: ttlMilliseconds)) {
        case .renewed(let renewal): return renewal
        case let other: throw unexpected(other)
        }
    }

    /// Gives a lease, or the named parts of it, back.
    ///
    /// Repeating it is a success.
    public func release(_ reference: LeaseReference, parts: [Part]? = nil) async throws -> Ending {
        try await ending(.release(reference, parts: parts))
    }

    /// Takes a lease from its holder.
    public func revoke(_ lease: LeaseID, reason: String) async throws -> Ending {
        try await ending(.revoke(lease, reason: reason))
    }

    /// Tells whether the token is the current one of a valid lease; throws when it is not.
    public func check(_ reference: LeaseReference) async throws -> Document {
        try await document(.check(reference))
    }

    /// Opens a session.
    public func openSession(_ request: SessionRequest) async throws -> SessionView {
        try await session(.openSession(request))
    }

    /// Moves the deadline of a session.
    public func keepSession(_ reference: SessionReference) async throws -> SessionView {
        try await session(.keepSession(reference))
    }

    /// Ends a session and all its leases.
    public func closeSession(_ reference: SessionReference) async throws -> Ending {
        try await ending(.closeSession(reference))
    }

    /// Reads something; see `Query`.
    public func read(_ query: Query) async throws -> Document {
        switch await perform(.query(query)) {
        case .refused(let refusal): throw refusal
        case let answer: return answer.document
        }
    }

    /// Performs a change of settings, such as `setPool`, and returns what it says.
    public func set(_ command: Command) async throws -> Document {
        try await document(command)
    }

    /// Everything that changes from now on, when it is durable.
    ///
    /// A reader that falls more than 4,096 changes behind loses the oldest: positions tell.
    public func notices() -> AsyncStream<Notice> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: Notice.self,
            bufferingPolicy: .bufferingNewest(EngineLimits.waitingNotices)
        )
        let id = subscribe(StreamSink(continuation), to: .all)
        continuation.onTermination = { [weak self] _ in self?.unsubscribe(id) }
        return stream
    }

    func grant(_ command: Command) async throws -> Grant {
        switch await perform(command) {
        case .grant(let grant): return grant
        case .refused(LedgerCore.abandonedRefusal): throw CancellationError()
        case let other: throw unexpected(other)
        }
    }

    private func ending(_ command: Command) async throws -> Ending {
        switch await perform(command) {
        case .ended(let ending): return ending
        case let other: throw unexpected(other)
        }
    }

    private func session(_ command: Command) async throws -> SessionView {
        switch await perform(command) {
        case .session(let view): return view
        case let other: throw unexpected(other)
        }
    }

    private func document(_ command: Command) async throws -> Document {
        switch await perform(command) {
        case .document(let document): return document
        case let other: throw unexpected(other)
        }
    }

    private func unexpected(_ answer: Answer) -> Refusal {
        if case .refused(let refusal) = answer { return refusal }
        return Refusal(.unknown, "the answer is of another sort than was asked for")
    }
}

private final class SingleAnswer: AnswerSink {
    private enum Stage {
        case new
        case submitted
        case cancelled
    }

    private let continuation = Mutex<CheckedContinuation<Answer, Never>?>(nil)
    private let stage = Mutex(Stage.new)

    func await(_ continuation: CheckedContinuation<Answer, Never>) {
        self.continuation.withLock { $0 = continuation }
    }

    /// Submits, unless it was cancelled before; false when it was.
    func begin(_ submit: () -> Void) -> Bool {
        stage.withLock { stage in
            guard case .new = stage else { return false }
            stage = .submitted
            // In the lock, so that the submission is before its cancellation.
            submit()
            return true
        }
    }

    /// Whether there is something submitted to be called off.
    func cancel() -> Bool {
        stage.withLock { stage in
            defer { stage = .cancelled }
            if case .submitted = stage { return true }
            return false
        }
    }

    func deliver(_ answers: [Delivery]) {
        let waiting = continuation.withLock { continuation in
            defer { continuation = nil }
            return continuation
        }
        // What becomes of a ticket may come with the answer that told of it.
        guard let answer = answers.first(where: { $0.queued == nil })?.answer else { return }
        waiting?.resume(returning: answer)
    }
}

private final class StreamSink: NoticeSink {
    private let continuation: AsyncStream<Notice>.Continuation

    init(_ continuation: AsyncStream<Notice>.Continuation) {
        self.continuation = continuation
    }

    func notice(_ notices: [Notice]) {
        for notice in notices { continuation.yield(notice) }
    }
}
