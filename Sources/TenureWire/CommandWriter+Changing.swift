// The words of bookings and planned drains, and of commands that change a lease which is held.

internal import TenureModel

extension CommandWriter {
    static func words(_ booking: BookingRequest) -> [String] {
        let request = booking.request
        return ["BOOK", request.pool, text(request.claims)]
            + option(.at, "\(booking.startMilliseconds)")
            + option(.for, "\(booking.lengthMilliseconds)")
            + option(.tenant, request.tenant == "default" ? nil : request.tenant)
            + option(.holder, request.holder)
            + option(.ttl, request.ttlMilliseconds.map { "\($0)" })
            + option(.priority, request.priority == .normal ? nil : request.priority.name)
            + option(.request, request.requestID)
            + option(.select, request.selector.isEmpty ? nil : text(request.selector))
            + option(.tag, request.tags.isEmpty ? nil : text(request.tags))
            + option(.purpose, request.purpose)
    }

    /// The words of a planned drain.
    static func words(_ request: WindowRequest) -> [String] {
        var words: [String]
        switch request.subject {
        case .resource(let name): words = ["RESOURCE", "DRAIN", name]
        case .node(let node, let pool): words = ["NODE", "DRAIN", node] + option(.pool, pool)
        }
        words += option(.at, "\(request.startMilliseconds)")
        words += option(.for, "\(request.lengthMilliseconds)")
        words += option(.by, request.byMilliseconds.map { "\($0)" })
        return words + option(.reason, request.reason)
    }

    static func words(_ reference: LeaseReference, _ request: GrowRequest) -> [String] {
        ["GROW"] + words(reference) + [text(request.claims)]
            + option(.node, request.node)
            + option(.select, request.selector.isEmpty ? nil : text(request.selector))
            + option(.strategy, request.strategy?.rawValue)
            + option(.wait, request.waitMilliseconds.map { "\($0)" })
            + option(.request, request.requestID)
            + option(.plan, request.plan.map { "\($0)" })
    }

    static func words(_ request: RevokeRequest) -> [String] {
        ["LEASE", "REVOKE", "ALL", request.reason]
            + option(.pool, request.filter.pool)
            + option(.tenant, request.filter.tenant)
            + option(.holder, request.filter.holder)
            + option(.node, request.node)
            + option(.tag, request.tags.isEmpty ? nil : text(request.tags))
            + option(.after, request.after)
            + (request.isDry ? [OptionWord.dryRun.word] : [])
    }

    /// The words of a plan of moves.
    static func words(_ request: OptimizeRequest) -> [String] {
        let usual = OptimizeRequest(pool: request.pool)
        return ["OPTIMIZE", request.pool]
            + option(.moves, request.moves == usual.moves ? nil : "\(request.moves)")
            + option(.for, request.goal == usual.goal ? nil : request.goal.rawValue)
            + option(.after, request.after)
            + (request.isOffered ? [OptionWord.offer.word] : [])
    }

    static func words(_ reference: LeaseReference, _ request: HandOverRequest) -> [String] {
        ["HANDOVER"] + words(reference)
            + option(.holder, request.holder)
            + option(.ttl, request.ttlMilliseconds.map { "\($0)" })
            + option(.session, request.session.map { "\($0.rawValue)" })
            + option(.request, request.requestID)
    }

    static func words(_ reference: LeaseReference, _ request: SubleaseRequest) -> [String] {
        ["SUBLEASE"] + words(reference) + words(request.parts)
            + option(.tenant, request.tenant)
            + option(.holder, request.holder)
            + option(.ttl, request.ttlMilliseconds.map { "\($0)" })
            + option(.session, request.session.map { "\($0.rawValue)" })
            + option(.request, request.requestID)
            + option(.tag, request.tags.isEmpty ? nil : text(request.tags))
            + option(.purpose, request.purpose)
    }
}
