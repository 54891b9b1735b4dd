// Asking for amounts from a later time on.

internal import TenureModel

extension CommandParser {
    /// BOOK.
    static func booking(_ words: CommandWords) throws(Refusal) -> BookingRequest {
        var request = AcquireRequest(
            pool: try words.name(operand: 0),
            claims: try Grammar.claims(try words.text(operand: 1))
        )
        if let tenant = try words.tenant() { request.tenant = tenant }
        request.holder = try words.name(.holder)
        request.ttlMilliseconds = try words.milliseconds(.ttl)
        if let text = try words.text(.priority) { request.priority = try priority(text) }
        if let text = try words.text(.request) { request.requestID = try Grammar.requestID(text) }
        if let text = try words.text(.select) {
            request.selector = try Grammar.labels(text, "SELECT")
        }
        if let text = try words.text(.tag) { request.tags = try Grammar.labels(text, "TAG") }
        if let text = try words.text(.purpose) {
            request.purpose = try Grammar.freeText(text, "PURPOSE")
        }
        return BookingRequest(
            request,
            startMilliseconds: try words.milliseconds(.at) ?? 0,
            lengthMilliseconds: try words.milliseconds(.for) ?? 0
        )
    }
}
