// The meeting place of one event loop: answers and notices come in from the writer's thread, each
// group as one task of the loop, and go to the connections they are for.

internal import NIOCore
internal import Synchronization
internal import Tenure
internal import TenureModel

/// What the connections of one event loop share.
///
/// Its own state is behind a lock or never changes; the connections are in `LoopState`, which only
/// the event loop touches.
final class LoopHub: AnswerSink {
    private struct Inbox {
        var deliveries: [Delivery] = []
        var isScheduled = false
    }

    let eventLoop: any EventLoop
    let ledger: any ServedLedger
    let log: ClientLog
    let held: HeldBytes
    let admission: Admission
    let numbers: ConnectionNumbers
    let password: String?
    let policies: PolicyBoard
    let verifier: SecretVerifier
    let state: NIOLoopBound<LoopState>
    private let inbox = Mutex(Inbox())
    /// Whether the event loop has ended, or is about to.
    private let hasEnded = Mutex(false)

    /// The hub of `eventLoop`, made in it.
    init(
        eventLoop: any EventLoop,
        ledger: any ServedLedger,
        log: ClientLog,
        held: HeldBytes,
        admission: Admission,
        numbers: ConnectionNumbers,
        password: String?,
        policies: PolicyBoard,
        verifier: SecretVerifier
    ) {
        self.eventLoop = eventLoop
        self.ledger = ledger
        self.log = log
        self.held = held
        self.admission = admission
        self.numbers = numbers
        self.password = password
        self.policies = policies
        self.verifier = verifier
        state = NIOLoopBound(LoopState(), eventLoop: eventLoop)
    }

    func deliver(_ answers: [Delivery]) {
        let isFirst = inbox.withLock { inbox in
            inbox.deliveries.append(contentsOf: answers)
            defer { inbox.isScheduled = true }
            return !inbox.isScheduled
        }
        if isFirst { tell { self.takeDeliveries() } }
    }

    /// Runs `body` in the event loop, from any thread; when that has ended nobody is left to tell.
    func tell(_ body: @escaping @Sendable () -> Void) {
        // A loop must not be given anything once it has ended.
        hasEnded.withLock { hasEnded in
            if !hasEnded { eventLoop.execute(body) }
        }
    }

    /// From now on nothing is told.
    func end() { hasEnded.withLock { $0 = true } }

    /// Answers one request from any thread.
    func answer(_ ticket: UInt64, _ answer: Answer) {
        tell { [state] in state.value.settle(ticket, answer) }
    }

    private func takeDeliveries() {
        let deliveries = inbox.withLock { inbox in
            inbox.isScheduled = false
            let taken = inbox.deliveries
            inbox.deliveries = []
            return taken
        }
        state.value.settle(deliveries)
    }

    /// Begins to look, each `interval`, for connections that take too long.
    func startSweeping(every interval: TimeAmount) {
        eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) {
            [state, log] task in
            log.tellLeftOut()
            state.value.sweep(at: .now())
            if state.value.isEmptied { task.cancel() }
        }
    }
}

/// Gives numbers to connections, over all event loops.
final class ConnectionNumbers: Sendable {
    private let last = Atomic<UInt64>(0)

    /// The next number, from 1.
    func next() -> UInt64 {
        last.add(1, ordering: .relaxed).newValue
    }
}

/// The connections of one event loop; only that loop touches it.
final class LoopState {
    /// Whether the loop is told of every event.
    private enum Subscription {
        case none
        case pending([@Sendable () -> Void])
        case held(UInt64)
    }

    private var connections: [UInt64: Connection] = [:]
    private var holders: [LeaseID: UInt64] = [:]
    private var watchers: Set<UInt64> = []
    private var subscription = Subscription.none
    private var emptied: EventLoopPromise<Void>?
    /// Whether the loop serves nobody any more.
    private(set) var isStopped = false
    /// Whether it has stopped and nobody is left.
    var isEmptied: Bool { isStopped && connections.isEmpty }
    /// Commands that were answered or sent to the ledger.
    var commands: UInt64 = 0
    /// Who waits for the ledger's figures.
    var desk = FiguresDesk()

    /// Adds a connection that was let in; false when the loop stops.
    func add(_ connection: Connection) -> Bool {
        if isStopped { return false }
        connections[connection.number] = connection
        return true
    }

    /// Tells a connection what became of the secret that it said.
    func settle(_ outcome: SecretVerifier.Outcome, of number: UInt64) {
        connections[number]?.settle(outcome)
    }

    /// Forgets a connection that has ended.
    func remove(_ connection: Connection) {
        connections[connection.number] = nil
        for lease in connection.leases { holders[lease] = nil }
        unwatch(connection)
        if connections.isEmpty { emptied?.succeed() }
    }

    /// Hands answers to the connections that asked, then writes once for each.
    func settle(_ deliveries: [Delivery]) {
        var touched: [Connection] = []
        var last: Connection?
        for delivery in deliveries {
            let number = delivery.ticket >> ReplySlots.sequenceBits
            if last?.number != number {
                last = connections[number]
                if let last, !last.isTouched {
                    last.isTouched = true
                    touched.append(last)
                }
            }
            if let ticket = delivery.queued {
                last?.settleLate(ticket, delivery.answer)
            } else {
                last?.settle(delivery.ticket, delivery.answer)
            }
        }
        for connection in touched {
            connection.isTouched = false
            connection.proceed()
        }
    }

    /// Hands one answer to the connection that asked.
    func settle(_ ticket: UInt64, _ answer: Answer) {
        guard let connection = connections[ticket >> ReplySlots.sequenceBits] else { return }
        connection.settle(ticket, answer)
        connection.proceed()
    }

    /// Whether the connection that asked is still there.
    func isThere(_ ticket: UInt64) -> Bool {
        connections[ticket >> ReplySlots.sequenceBits] != nil
    }

    /// Notes that the loss of `lease` is to be pushed to `connection`.
    func note(_ lease: LeaseID, of connection: Connection) {
        guard connection.leases.count < ServerLimits.watchedLeases else { return }
        if let before = holders.updateValue(connection.number, forKey: lease),
            before != connection.number
        {
            connections[before]?.leases.remove(lease)
        }
        connection.leases.insert(lease)
    }

    /// Notes that `lease` was given back.
    func forget(_ lease: LeaseID) {
        guard let number = holders.removeValue(forKey: lease) else { return }
        connections[number]?.leases.remove(lease)
    }
}

extension LoopState {
    /// Pushes events to `connection` from now on; `ready` when none can be missed any more.
    ///
    /// The first to watch makes the loop a subscriber, which waits for the writer, so elsewhere.
    func watch(_ connection: Connection, hub: LoopHub, ready: @escaping @Sendable () -> Void) {
        watchers.insert(connection.number)
        switch subscription {
        case .held: ready()
        case .pending(let waiting): subscription = .pending(waiting + [ready])
        case .none:
            subscription = .pending([ready])
            Blocking.start {
                let number = hub.ledger.subscribe(EventRelay(hub: hub), to: .all)
                hub.tell { hub.state.value.subscribed(number, hub: hub) }
            }
        }
    }

    private func subscribed(_ number: UInt64, hub: LoopHub) {
        guard case .pending(let waiting) = subscription else { return }
        subscription = .held(number)
        for ready in waiting { ready() }
        endSubscription(hub)
    }

    /// Ends the events for `connection`.
    func unwatch(_ connection: Connection) {
        guard watchers.remove(connection.number) != nil else { return }
        endSubscription(connection.hub)
    }

    private func endSubscription(_ hub: LoopHub) {
        guard watchers.isEmpty, case .held(let number) = subscription else { return }
        subscription = .none
        hub.ledger.unsubscribe(number)
    }

    /// Pushes leases that were taken back, are told to leave, or would better be elsewhere, to the
    /// connections that had asked for them.
    func pushLost(_ notices: [Notice]) {
        for notice in notices {
            guard let lease = notice.lease, let number = holders[lease],
                let connection = connections[number]
            else { continue }
            if notice.isOffer {
                connection.push("lease-move", Self.fields(of: notice, lease))
                continue
            }
            if notice.isPreemption {
                connection.push("lease-preempted", Self.fields(of: notice, lease))
                continue
            }
            holders[lease] = nil
            connection.leases.remove(lease)
            let cause = Document.Field("cause", notice.document["cause"] ?? .string(notice.name))
            connection.push("lease-lost", Self.fields(of: notice, lease, cause))
        }
        for connection in connections.values { connection.flush() }
    }

    /// What a holder is told: the lease, `first` if it is there, and what else the notice says.
    private static func fields(
        of notice: Notice,
        _ lease: LeaseID,
        _ first: Document.Field? = nil
    ) -> Document {
        var fields: [Document.Field] = [.init("lease", .id(lease.rawValue))]
        if let first { fields.append(first) }
        fields.append(.init("position", .id(notice.position)))
        if case .map(let rest) = notice.document {
            let known: Set<String> = ["lease", "cause", "position", "event", "token"]
            fields += rest.filter { !known.contains($0.name) }
        }
        return .map(fields)
    }

    /// Pushes events to the connections that watch.
    func pushEvents(_ notices: [Notice]) {
        for number in watchers {
            guard let connection = connections[number] else { continue }
            for notice in notices where connection.watches(notice) {
                connection.push("event", connection.visible(notice.document))
            }
            connection.flush()
        }
    }

    /// Ends connections that take too long, or too much.
    func sweep(at now: NIODeadline) {
        for connection in connections.values {
            connection.sweepHeld(at: now)
            connection.sweep(at: now)
        }
        makeRoom(connections.values, at: now)
    }

    /// Lets connections finish what is outstanding and end; succeeds when all have.
    func drain(_ done: EventLoopPromise<Void>) {
        isStopped = true
        emptied = done
        if connections.isEmpty { done.succeed() }
        for connection in connections.values { connection.drain() }
    }

    /// Ends all connections at once.
    func closeAll() {
        for connection in connections.values { connection.abort() }
    }

    /// Answers everything outstanding with `refusal`, then drains.
    func fail(_ refusal: Refusal) {
        isStopped = true
        for connection in connections.values { connection.fail(refusal) }
    }
}

/// Brings events to the event loop of a hub.
final class EventRelay: NoticeSink {
    private let hub: LoopHub

    init(hub: LoopHub) {
        self.hub = hub
    }

    func notice(_ notices: [Notice]) {
        hub.tell { [hub] in hub.state.value.pushEvents(notices) }
    }
}

/// Brings leases that were taken back to the event loop of a hub.
final class LossRelay: NoticeSink {
    private let hub: LoopHub

    init(hub: LoopHub) {
        self.hub = hub
    }

    func notice(_ notices: [Notice]) {
        hub.tell { [hub] in hub.state.value.pushLost(notices) }
    }
}
