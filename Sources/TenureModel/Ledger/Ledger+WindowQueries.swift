// What is told of windows.

extension LedgerState {
    func windowAnswer(_ id: WindowID, now: LedgerTime) -> Decision {
        guard let window = windows[id] else { return Decision(.refused(noWindow(id))) }
        return shown(document(of: window, now: now))
    }

    func windowPage(of pool: String?, _ page: Page, now: LedgerTime) -> Decision {
        if let pool, pools.index(forKey: pool) == nil { return Decision(.refused(noPool(pool))) }
        return self.page(
            page,
            of: windows.inOrder,
            id: \.id.rawValue,
            where: { window in
                pool == nil || window.members.contains { resource($0.resource)?.pool == pool }
            },
            { document(of: $0, now: now) }
        )
    }

    /// What is told of a window whenever it is; a time that is over is 0.
    func terms(of window: Window, now: LedgerTime) -> [Document.Field] {
        let resource = window.members.first.flatMap { self.resource($0.resource)?.name }
        return [
            .init("status", .string(window.hasBegun ? "running" : "planned")),
            .init("window", .id(window.id.rawValue)),
            .init("resource", .optional(window.node == nil ? resource : nil)),
            .init("node", .optional(window.node)), .init("pool", .optional(window.pool)),
            .init("resources", .count(window.members.count)),
            .init("start", .count(window.start.milliseconds(since: now))),
            .init("end", .count(window.end.milliseconds(since: now))),
            .init("by", window.byMilliseconds.map(Document.count) ?? .null),
            .init("reason", .optional(window.reason)),
        ]
    }

    private func document(of window: Window, now: LedgerTime) -> Document {
        .map(terms(of: window, now: now))
    }

    /// The window in which a resource drains, or else the next one, as a field; none without one.
    func windowField(of resource: ResourceID) -> [Document.Field] {
        guard windows.count > 0,
            let next = windows.having(resource).min(by: { $0.start < $1.start })
        else { return [] }
        return [.init("window", .id(next.id.rawValue))]
    }

    /// What a window drains, in words.
    func name(of window: Window) -> String {
        if let node = window.node {
            return "node \(node)" + (window.pool.map { " in pool \($0)" } ?? "")
        }
        return window.members.first.flatMap { resource($0.resource)?.name } ?? "nothing"
    }

    func noWindow(_ id: WindowID) -> Refusal {
        Refusal(
            .notFound,
            "window \(id.rawValue) is not there; it is over, or there never was such a window: see "
                + "WINDOW LIST"
        )
    }
}
