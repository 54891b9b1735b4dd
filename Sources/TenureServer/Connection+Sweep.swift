// How long things of a connection may take: looked at once in a while.

internal import NIOCore
internal import TenureModel
internal import TenureWire

extension Connection {
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
            // Where it is held for want of room nothing else would look whether there is some.
            if isReadHeld { proceed() }
            guard let began = requestBegan, now > began + ServerLimits.requestTime else { return }
            let limit = ServerLimits.seconds(ServerLimits.requestTime)
            let sentence = "Protocol error: half a request, and nothing for \(limit) s"
            reply(Refusal(.malformed, sentence))
            drain()
        case .new, .finishing, .lingering, .closed: break
        }
    }
}
