// What the engine itself refuses with, whatever was asked.

internal import TenureModel

extension LedgerCore {
    static let unknownRefusal = Refusal(
        .unknown,
        "the ledger stopped before it could tell; ask with REQUEST GET after it is back"
    )

    static let readOnlyRefusal = Refusal(
        .readOnly,
        "the disk is nearly full: only reads, renewals and releases are served until there is room"
    )

    static func keptRefusal(_ ticket: TicketID) -> Refusal {
        Refusal(
            .unknown,
            "the ledger is closed; ticket \(ticket.rawValue) keeps its place; ask again with the "
                + "same request id when it is open"
        )
    }

    static let cancelledRefusal = Refusal(
        .timeout,
        "the queued request was cancelled; nothing was granted"
    )

    static let abandonedRefusal = Refusal(
        .timeout,
        "the wait was called off by who asked; nothing was granted"
    )

    static let closingRefusal = Refusal(
        .unknown,
        "the ledger is closed; nothing was granted to those who waited; ask again when it is open"
    )
}
