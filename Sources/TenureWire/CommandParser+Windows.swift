// Asking for a drain from a later time on.

internal import TenureModel

extension CommandParser {
    /// Whether a drain is to begin later: no other has a time or a reason.
    static func isPlanned(_ words: CommandWords) -> Bool {
        words[.at] != nil || words[.for] != nil || words[.reason] != nil
    }

    /// RESOURCE DRAIN and NODE DRAIN with AT and FOR.
    static func window(_ words: CommandWords) throws(Refusal) -> WindowRequest {
        let name = try words.name(operand: 0)
        var request = WindowRequest(
            words.row.word == .nodeDrain
                ? .node(name, pool: try words.name(.pool)) : .resource(name),
            startMilliseconds: try words.milliseconds(.at) ?? 0,
            lengthMilliseconds: try words.milliseconds(.for) ?? 0
        )
        request.byMilliseconds = try words.milliseconds(.by)
        if let text = try words.text(.reason) {
            request.reason = try Grammar.freeText(text, "REASON")
        }
        return request
    }
}
