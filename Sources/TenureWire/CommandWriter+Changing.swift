// The words of commands that change a lease which is held.

internal import TenureModel

extension CommandWriter {
    static func words(_ reference: LeaseReference, _ request: GrowRequest) -> [String] {
        ["GROW"] + words(reference) + [text(request.claims)]
            + option(.node, request.node)
            + option(.select, request.selector.isEmpty ? nil : text(request.selector))
            + option(.strategy, request.strategy?.rawValue)
            + option(.request, request.requestID)
    }
}
