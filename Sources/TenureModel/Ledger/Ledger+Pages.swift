// Lists that are told a part at a time, and where each part goes on.

extension LedgerState {
    /// The id behind which a list goes on; nothing from its beginning on.
    ///
    /// `what` is what told the cursor.
    static func id(
        after cursor: String?,
        of what: String = "page"
    ) -> Result<UInt64?, Refusal> {
        guard let cursor else { return .success(nil) }
        if let id = UInt64(cursor) { return .success(id) }
        return .failure(
            Refusal(
                .malformed,
                "AFTER '\(cursor.printable)' is no cursor; use the one of the \(what) before"
            )
        )
    }

    /// A page of rows that are all in memory, ordered by id; O(rows).
    func page<Row>(
        _ page: Page,
        of rows: [Row],
        id: (Row) -> UInt64,
        where isAdmitted: (Row) -> Bool,
        _ document: (Row) -> Document
    ) -> Decision {
        switch Self.id(after: page.after) {
        case .failure(let refusal): return Decision(.refused(refusal))
        case .success(let after):
            let limit = min(max(page.limit, 1), Limits.pageItems)
            let found = rows.filter { row in (after.map { id(row) > $0 } ?? true) && isAdmitted(row)
            }
            let shown = found.prefix(limit)
            let last = found.count > limit ? shown.last : nil
            return list(shown.map(document), cursor: last.map { "\(id($0))" })
        }
    }
}
