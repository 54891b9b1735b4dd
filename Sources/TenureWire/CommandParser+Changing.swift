// Commands that change a lease which is held.

internal import TenureModel

extension CommandParser {
    /// GROW.
    static func changing(_ words: CommandWords) throws(Refusal) -> Command {
        .grow(try words.leaseReference(), try growth(words))
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
