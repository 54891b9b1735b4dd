// Commands that change a lease which is held.

internal import TenureModel

extension CommandParser {
    /// GROW, HANDOVER and SUBLEASE.
    static func changing(_ words: CommandWords) throws(Refusal) -> Command {
        let reference = try words.leaseReference()
        switch words.row.word {
        case .handOver: return .handOver(reference, try handOver(words))
        case .sublease: return .sublease(reference, try sublease(words))
        default: return .grow(reference, try growth(words))
        }
    }

    private static func sublease(_ words: CommandWords) throws(Refusal) -> SubleaseRequest {
        var request = SubleaseRequest(parts: try Grammar.parts(try words.text(operand: 2)))
        request.tenant = try words.tenant()
        request.holder = try words.name(.holder)
        request.ttlMilliseconds = try words.milliseconds(.ttl)
        request.session = try words.session()
        if let text = try words.text(.request) { request.requestID = try Grammar.requestID(text) }
        if let text = try words.text(.tag) { request.tags = try Grammar.labels(text, "TAG") }
        if let text = try words.text(.purpose) {
            request.purpose = try Grammar.freeText(text, "PURPOSE")
        }
        try checkLife(request.ttlMilliseconds, request.session)
        return request
    }

    private static func handOver(_ words: CommandWords) throws(Refusal) -> HandOverRequest {
        var request = HandOverRequest(holder: try words.name(.holder))
        request.ttlMilliseconds = try words.milliseconds(.ttl)
        request.session = try words.session()
        if let text = try words.text(.request) { request.requestID = try Grammar.requestID(text) }
        try checkLife(request.ttlMilliseconds, request.session)
        return request
    }

    private static func growth(_ words: CommandWords) throws(Refusal) -> GrowRequest {
        var request = GrowRequest(claims: try Grammar.claims(try words.text(operand: 2)))
        request.node = try words.name(.node)
        if let text = try words.text(.select) {
            request.selector = try Grammar.labels(text, "SELECT")
        }
        if let text = try words.text(.strategy) { request.strategy = try strategy(text) }
        request.waitMilliseconds = try words.milliseconds(.wait)
        if let text = try words.text(.request) { request.requestID = try Grammar.requestID(text) }
        request.plan = try words.planVersion()
        return request
    }
}
