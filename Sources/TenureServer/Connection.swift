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
// Connection+Commands.swift.

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
    private(set) var identity = Identity.stranger
    /// What that amounts to under the policy of `policyVersion`.
    private(set) var standing = Standing.stranger
    private var policyVersion: UInt64 = 0
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
    private(set) var isStranger = false
    private(set) var context: ChannelHandlerContext?
    private var user: UInt32?
    private var isAdmitted = false
    var phase = Phase.new
    var decoder = RequestDecoder(limits: .known)
    var input = ByteBuffer()
    var output = ByteBuffer()
    var slots = ReplySlots()
    var batch: [Submission] = []
    var weight = 0
    var weights: [UInt64: Int] = [:]
    /// The ticket of the request that may wait, until it is answered.
    var wait: UInt64?
    private var hasCalledOff = false
    var isReadHeld = false
    var isReadWanted = false
    var isTurnScheduled = false
    var isInputEnded = false
    private var hasSaidFarewell = false
    private var isTurnedAway = false
    var requestBegan: NIODeadline?

    /// Whether TLS is not agreed on yet: nothing that is said to the client can leave before.
    private var isAgreeing: Bool

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
            decoder.limits = .unknown
        }
        if let why = hub.admission.enter(user: user) {
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

    private static func credentials(of channel: any Channel) -> tenure_peer? {
        var peer = tenure_peer(pid: 0, uid: 0, gid: 0)
        let operations = channel.pipeline.syncOperations
        let result = try? operations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) {
            // SAFETY: the descriptor is open for the call, and the structure is filled in it.
            unsafe tenure_peer_credentials($0, &peer)
        }
        return result == 0 ? peer : nil
    }

    /// The groups of the peer; none where no policy asks for them.
    private func groups(of channel: any Channel, _ peer: tenure_peer) -> [UInt32] {
        guard hub.policies.policy != nil else { return [] }
        let operations = channel.pipeline.syncOperations
        var groups = [UInt32](repeating: 0, count: ServerLimits.peerGroups)
        let count = try? operations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) {
            // SAFETY: the descriptor is open for the call, and the array has the room it is told.
            unsafe tenure_peer_groups($0, &groups, Int32(clamping: groups.count))
        }
        // A kernel that does not tell leaves the one group that it tells otherwise.
        return [peer.gid] + groups.prefix(max(Int(count ?? 0), 0))
    }

    /// From now on it is `identity` that asks.
    private func become(_ identity: Identity) {
        self.identity = identity
        policyVersion = 0
        refreshStanding()
    }

    /// Looks whether the identity still amounts to the same.
    func refreshStanding() {
        let version = hub.policies.version
        if version != policyVersion {
            policyVersion = version
            standing = hub.policies.standing(of: identity)
        }
        if let expires = standing.expires, WallClock.seconds >= expires { standing = .stranger }
    }

    /// The connection has authenticated as `identity`; false when that has too many connections,
    /// which it is told.
    func introduce(_ identity: Identity) -> Bool {
        let standing = hub.policies.standing(of: identity)
        if isStranger {
            if let why = hub.admission.introduce(user: standing.caller.uid) {
                reply { $0.writeError(code: RefusalCode.busy.rawValue, why) }
                finish()
                return false
            }
            isStranger = false
            user = standing.caller.uid
        }
        become(identity)
        decoder.limits = .known
        return true
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
        input = ByteBuffer()
        output = ByteBuffer()
    }

    /// Tells the ledger that nobody takes the answer of the request that waits, if one does.
    func callOffWait() {
        guard let wait, !hasCalledOff else { return }
        hasCalledOff = true
        hub.ledger.abandon([wait], of: hub)
    }

    private func leaveAdmission() {
        if isTurnedAway {
            isTurnedAway = false
            hub.admission.depart()
        }
        guard isAdmitted else { return }
        isAdmitted = false
        hub.admission.leave(user: user, isStranger: isStranger)
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
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
    }

    /// Writes the last bytes, then ends our side; the client ends the other when it has read them.
    ///
    /// Closing before they are written would lose them, and so could a plain close after it while
    /// the client still sends.
    private func sayFarewell(_ context: ChannelHandlerContext) {
        phase = .lingering(until: .now() + ServerLimits.farewellTime)
        let written = context.eventLoop.makePromise(of: Void.self)
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

    /// Logs what a client did, within the loop's budget: strangers can not fill the log.
    func warn(_ message: Logger.Message, _ facts: Logger.Metadata = [:]) {
        guard hub.state.value.mayWarn() else { return }
        var metadata = facts
        metadata["connection"] = "\(number)"
        metadata["user"] = "\(identity.text)"
        hub.logger.warning(message, metadata: metadata)
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
        drain()
    }

    /// Ends the connection when it has taken too long for something.
    func sweep(at now: NIODeadline) {
        switch phase {
        case .lingering(let until) where now > until:
            abort()
        case .open where isStranger && isVerifying: break
        case .open where isAgreeing && now > strangerSince + ServerLimits.strangerTime:
            abort()
        case .open where isStranger && now > strangerSince + ServerLimits.strangerTime:
            let limit = ServerLimits.seconds(ServerLimits.strangerTime)
            reply {
                $0.writeError(
                    code: "NOAUTH",
                    "not authenticated within \(limit) s; send AUTH first"
                )
            }
            drain()
        case .open:
            guard let began = requestBegan, now > began + ServerLimits.requestTime else { return }
            let limit = ServerLimits.seconds(ServerLimits.requestTime)
            let sentence = "Protocol error: half a request, and nothing for \(limit) s"
            reply(Refusal(.malformed, sentence))
            drain()
        case .new, .finishing, .lingering, .closed: break
        }
    }
}
