// The rows of the command table that are about planned drains, which RESOURCE DRAIN and NODE DRAIN
// plan, and about the ledger's own history.

extension CommandTable {
    /// What is asked about planned drains, and what ends them.
    static let windows = [
        row(
            .windowCancel,
            ["window"],
            isAdmin: true,
            "Calls a planned drain off, or ends it early.",
            "WINDOW CANCEL 281474976710673"
        ),
        row(
            .windowGet,
            ["window"],
            "Shows a planned drain that is not over.",
            "WINDOW GET 281474976710673"
        ),
        row(
            .windowList,
            options: [.pool, .limit, .after],
            "Lists planned drains that are not over, by age.",
            "WINDOW LIST POOL gpus"
        ),
    ]

    /// What is recorded about the ledger's history.
    static let history = [
        row(
            .prune,
            ["position", "seal"],
            isAdmin: true,
            "Records that history up to a position is no longer kept; 'tenure prune' sends it.",
            "PRUNE 4711 21d9fe01f9abdc4221d9fe01f9abdc4221d9fe01f9abdc4221d9fe01f9abdc42"
        )
    ]
}
