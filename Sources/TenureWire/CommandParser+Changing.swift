// Commands that change a lease which is held.

internal import TenureModel

extension CommandParser {
    /// GROW and HANDOVER.
    static func changing(_ words: CommandWords) throws(Refusal) -> Command {
        let reference = try words.leaseReference()
        switch words.row.word {
        case .handOver: return .handOver(reference, try handOver(words))
        default: return .grow(reference, try growth(words))
        }
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
        if let text = try words.text(.request) { request.requestID = try Grammar.requestID(text) }
        return request
    }
}
