// Who is at the other end of a connection, and what that amounts to: looked at for every command,
// so that a policy that is read again holds for the next one.
//
// Who has no role is bounded nearly as a stranger: it can be told so, and needs no memory for that.

internal import CTenureSystem
internal import NIOCore
internal import TenureModel
internal import TenureWire

extension Connection {
    static func credentials(of channel: any Channel) -> tenure_peer? {
        var peer = tenure_peer(pid: 0, uid: 0, gid: 0)
        let operations = channel.pipeline.syncOperations
        let result = try? operations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) {
            // SAFETY: the descriptor is open for the call, and the structure is filled in it.
            unsafe tenure_peer_credentials($0, &peer)
        }
        return result == 0 ? peer : nil
    }

    /// The groups of the peer; none where no policy asks for them.
    func groups(of channel: any Channel, _ peer: tenure_peer) -> [UInt32] {
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
    func become(_ identity: Identity) {
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
        restrict(standing.role == nil)
    }

    /// Bounds what is taken from who has no role, and gives others their usual bounds.
    private func restrict(_ isRestricted: Bool) {
        guard isRestricted != self.isRestricted else { return }
        self.isRestricted = isRestricted
        decoder.limits = isStranger ? .unknown : isRestricted ? .withoutRole : .known
        outputLimit =
            isRestricted
            ? ServerLimits.pendingOutputBytesWithoutRole : ServerLimits.pendingOutputBytes
        let low =
            isRestricted
            ? ServerLimits.pendingOutputLowBytesWithoutRole : ServerLimits.pendingOutputLowBytes
        // It fails on a channel that is closed, which is not written to anyway.
        try? context?.channel.syncOptions?
            .setOption(.writeBufferWaterMark, value: .init(low: low, high: outputLimit))
        guard isAdmitted, let user, isRestricted != isCountedWithoutRole else { return }
        isCountedWithoutRole = isRestricted
        hub.admission.change(user: user, lacksRole: isRestricted)
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
        return true
    }

    /// It is among the connections no more.
    func leaveAdmission() {
        if isTurnedAway {
            isTurnedAway = false
            hub.admission.depart()
        }
        guard isAdmitted else { return }
        isAdmitted = false
        hub.admission.leave(
            user: user,
            isStranger: isStranger,
            lacksRole: isCountedWithoutRole
        )
    }
}
