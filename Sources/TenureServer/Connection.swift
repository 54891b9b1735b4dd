// One connection: bytes in, requests to the ledger in one batch per read, answers out in order.
//
//   S1  Answers leave in the order of their requests.
//   S2  Past `ServerLimits.outstanding` commands or `pendingOutputBytes` of answers nothing more is
//       decoded or read: memory for a connection is bounded, and the kernel makes the client wait.
//   S3  Nothing that a client sends ends anything but its own connection.
//   S4  Behind a request that may wait nothing is decoded until it is answered: what follows on the
//       connection happens after it. When the client is gone, the wait is called off.
//
// How requests flow is in Connection+Flow.swift; what the commands of a connection answer, in
// Connection+Commands.swift; who is at the other end, in Connection+Standing.swift; what it may
// hold and how long things may take, in HeldBytes.swift and Connection+Sweep.swift.

internal import CTenureSystem
internal import Logging
internal import NIOCore
internal import NIOSSL
internal import NIOTLS
internal import Tenure
internal import TenureModel
internal import TenureWire

/// One connection; lives in its event loop.
final class Connection: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// How a connection goes on.
    enum Phase {
        /// Not let in yet.
        case new
        /// Serves.
        case open
        /// Reads no more; ends when what is outstanding has left.
        case finishing
        /// Has said its last; waits until the client has read it.
        case lingering(until: NIODeadline)
        /// Over.
        case closed
    }

    let hub: LoopHub
    let isLocal: Bool
    let since = NIODeadline.now()
    /// Its number, for tickets and CLIENT ID.
    let number: UInt64
    /// Leases whose loss is pushed to it.
    var leases: Set<LeaseID> = []
    /// Whether it is in the list of those to write to.
    var isTouched = false
    /// Who is at the other end.
    var identity = Identity.stranger
    /// What that amounts to under the policy of `policyVersion`.
    var standing = Standing.stranger
    var policyVersion: UInt64 = 0
    /// Whether the bounds of who has no role hold for it; nothing before any do.
    var isRestricted: Bool?
    /// Where it comes from, over TCP.
    var origin = PeerAddress.unknown
    /// Whether a secret is being looked at; nothing is decoded meanwhile.
    var isVerifying = false
    /// What is done when the secret was right.
    var afterVerifying: ((Connection) -> Void)?
    var version = RESPVersion.two
    var client = ClientFacts()
    var passwordAttempts = 0
    /// Since when it has had nothing to wait for but its own next word.
    var strangerSince = NIODeadline.now()
    /// The pool whose events it watches; all pools when the inner value is nothing.
    var watched: String??
    /// The process that connected.
    private(set) var peer: ProcessIdentity?
    var isStranger = false
    private(set) var context: ChannelHandlerContext?
    var user: UInt32?
    var isAdmitted = false
    /// Whether it is among the connections of those who have no role.
    var isCountedWithoutRole = false
    var phase = Phase.new
    var decoder = RequestDecoder(limits: .unknown)
    /// The most bytes of answers that may wait for its client.
    var outputLimit = ServerLimits.pendingOutputBytesWithoutRole
    var input = ByteBuffer()
    var output = ByteBuffer()
    var slots = ReplySlots()
    var batch: [Submission] = []
    var weight = 0
    var weights: [UInt64: Int] = [:]
    /// The ticket of the request that may wait, until it is answered.
    var wait: UInt64?
    private var hasCalledOff = false
    /// The ticket of the INFO that is under way, until it is answered.
    var informing: UInt64?
    var holding = Holding()
    var isReadHeld = false
    var isReadWanted = false
    var isTurnScheduled = false
    var isInputEnded = false
    private var hasSaidFarewell = false
    var isTurnedAway = false
    var requestBegan: NIODeadline?

    /// Whether TLS is not agreed on yet: nothing that is said to the client can leave before.
    private(set) var isAgreeing: Bool

    init(hub: LoopHub, isLocal: Bool, isAgreeing: Bool = false) {
        self.hub = hub
        self.isLocal = isLocal
        self.isAgreeing = isAgreeing
        number = hub.numbers.next()
    }

    var isOpen: Bool { if case .open = phase { true } else { false } }

    /// As which the ledger is asked.
    var caller: Caller { standing.caller }

    func channelActive(context: ChannelHandlerContext) {
        self.context = context
        if isLocal {
            guard let peer = Self.credentials(of: context.channel) else {
                phase = .closed
                context.close(promise: nil)
                return
            }
            user = peer.uid
            become(.user(peer.uid, groups: groups(of: context.channel, peer)))
            self.peer = Ledger.identifyProcess(pid: peer.pid)
        } else {
            isStranger = true
            origin = PeerAddress(context.remoteAddress)
            refreshStanding()
        }
        isCountedWithoutRole = user != nil && standing.role == nil
        if let why = hub.admission.enter(user: user, lacksRole: isCountedWithoutRole) {
            isTurnedAway = hub.admission.linger()
            guard isTurnedAway else {
                phase = .closed
                context.close(promise: nil)
                return
            }
            output.writeError(code: RefusalCode.busy.rawValue, why)
            finish()
            // It is not among those that are swept.
            context.eventLoop.assumeIsolated().scheduleTask(in: ServerLimits.farewellTime) {
                [weak self] in self?.abort()
            }
        } else {
            isAdmitted = true
            phase = .open
            if !hub.state.value.add(self) {
                output.writeError(code: RefusalCode.busy.rawValue, "the daemon is stopping")
                leaveAdmission()
                finish()
            }
        }
        flush()
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard isOpen else { return }
        var part = unwrapInboundIn(data)
        if input.readableBytes == 0 { input = part } else { input.writeBuffer(&part) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        proceed()
        context.fireChannelReadComplete()
    }

    func read(context: ChannelHandlerContext) {
        if isReadHeld { isReadWanted = true } else { context.read() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { proceed() }
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? TLSUserEvent, case .handshakeCompleted = event {
            isAgreeing = false
            takeCertificate()
        }
        if let event = event as? ChannelEvent, event == .inputClosed {
            switch phase {
            case .open:
                // What was sent before the end is still answered, however many turns it takes.
                isInputEnded = true
                proceed()
            case .new, .finishing, .lingering, .closed:
                isInputEnded = true
                // What is left to say is written before the connection ends.
                if case .lingering = phase, hasSaidFarewell { abort() }
            }
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        if case .new = phase {} else { end() }
        self.context = nil
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A broken pipe or a reset: the client is gone; what it asked for goes on. Or bytes that
        // are no TLS, or a certificate that is not believed.
        if isStranger, let error = error as? NIOSSLError {
            warn("no TLS", ["reason": "\(TLSReason.word(in: "\(error)"))"])
        }
        context.close(promise: nil)
    }

    private func end() {
        if case .closed = phase { return }
        phase = .closed
        callOffWait()
        leaveAdmission()
        hub.state.value.remove(self)
        releaseHeld()
    }

    /// Tells the ledger that nobody takes the answer of the request that waits, if one does.
    func callOffWait() {
        guard let wait, !hasCalledOff else { return }
        hasCalledOff = true
        hub.ledger.abandon([wait], of: hub)
    }
}

extension Connection {
    /// Writes what is there; ends the connection when it was the last.
    func flush() {
        guard let context else { return }
        if case .finishing = phase, slots.isEmpty { return sayFarewell(context) }
        guard output.readableBytes > 0 else { return }
        let bytes = output
        output = ByteBuffer()
        holding.noteWritten(bytes.readableBytes)
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
        countHeld()
    }

    /// Writes the last bytes, then ends our side; the client ends the other when it has read them.
    ///
    /// Closing before they are written would lose them, and so could a plain close after it while
    /// the client still sends.
    private func sayFarewell(_ context: ChannelHandlerContext) {
        phase = .lingering(until: .now() + ServerLimits.farewellTime)
        let written = context.eventLoop.makePromise(of: Void.self)
        holding.noteWritten(output.readableBytes)
        context.writeAndFlush(wrapOutboundOut(output), promise: written)
        output = ByteBuffer()
        input = ByteBuffer()
        written.futureResult.assumeIsolated().whenComplete { [weak self] _ in
            guard let self, let context = self.context else { return }
            hasSaidFarewell = true
            if hub.state.value.isStopped { hurry() }
            context.close(mode: isInputEnded ? .all : .output, promise: nil)
        }
        isReadHeld = false
        context.read()
    }

    /// Takes no more requests and ends behind the last answer.
    func finish() {
        switch phase {
        case .new, .open: phase = .finishing
        case .finishing, .lingering, .closed: break
        }
    }

    /// Logs what a client did, within bounds: strangers can not fill the log.
    func warn(_ message: Logger.Message, _ facts: @autoclosure () -> Logger.Metadata = [:]) {
        let user = identity.text
        hub.log.warn(message, of: user, identifying(facts(), user))
    }

    /// Says whose facts these are.
    private func identifying(_ facts: Logger.Metadata, _ user: String) -> Logger.Metadata {
        var facts = facts
        facts["connection"] = "\(number)"
        facts["user"] = "\(user)"
        if !isLocal, let address = context?.remoteAddress?.ipAddress {
            facts["address"] = "\(address)"
        }
        return facts
    }

    /// Ends at once.
    func abort() {
        context?.close(promise: nil)
    }

    /// Takes no more requests because the daemon stops.
    func drain() {
        if isAgreeing { return abort() }
        finish()
        proceed()
        if hasSaidFarewell { hurry() }
    }

    /// Gives the client little time to end its side of a connection that is over.
    private func hurry() {
        guard case .lingering = phase else { return }
        phase = .lingering(until: .now() + ServerLimits.stopFarewellTime)
    }

    /// Answers everything outstanding with `refusal` and ends.
    func fail(_ refusal: Refusal) {
        slots.settleAll(.refused(refusal))
        wait = nil
        informing = nil
        drain()
    }
}
