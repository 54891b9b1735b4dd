// Answers as documents: the fields of the protocol, in their order.

extension Answer {
    /// The answer as fields; a refusal as its code and message.
    public var document: Document {
        switch self {
        case .grant(let grant): grant.document
        case .queued(let queued): queued.document
        case .renewed(let renewal): renewal.document
        case .ended(let ending): ending.document
        case .session(let view): view.document
        case .document(let document): document
        case .refused(let refusal):
            .map([
                .init("error", .string(refusal.code.rawValue)),
                .init("message", .string(refusal.message)),
            ])
        }
    }
}

extension Grant {
    /// The grant as fields.
    public var document: Document {
        var fields: [Document.Field] = [
            .init("status", .string(status.rawValue)), .init("lease", .id(lease.rawValue)),
            .init("token", .id(token.rawValue)), .init("holder", .string(holder)),
            .init("ttl", ttlMilliseconds.map(Document.count) ?? .null),
            .init("placements", .list(placements.map(\.document))),
            .init("position", .id(position)), .init("replayed", .bool(replayed)),
            .init("price", price.map(Document.count) ?? .null),
            .init("confidence", confidence?.document ?? .null),
        ]
        if let version { fields.append(.init("version", .id(version))) }
        if let pool {
            fields += [
                .init("pool", .string(pool)), .init("fallback", .list(fallback.map(\.document))),
            ]
        }
        fields += breakers?.fields ?? []
        return .map(fields)
    }
}

extension PoolRefusal {
    /// The pool and its answer as fields.
    public var document: Document {
        .map([.init("pool", .string(pool)), .init("code", .string(code.rawValue))])
    }
}

extension Confidence {
    /// The confidence as fields.
    var document: Document {
        .map([
            .init("margin", margin.map(Document.count) ?? .null), .init("left", .count(left)),
            .init("preemption", .count(preemption)),
        ])
    }
}

extension PlacementView {
    /// The placement as fields.
    public var document: Document {
        .map([
            .init("resource", .string(resource)), .init("node", .string(node)),
            .init("kind", .string(kind.name)), .init("amount", .count(amount)),
        ])
    }
}

extension Renewal {
    /// The renewal as fields.
    public var document: Document {
        .map(
            [
                .init("status", .string("renewed")), .init("lease", .id(lease.rawValue)),
                .init("token", .id(token.rawValue)),
                .init("ttl", ttlMilliseconds.map(Document.count) ?? .null),
                .init("position", .id(position)),
            ] + (draining.map { [$0.field] } ?? [])
        )
    }
}

extension Ending {
    /// The ending as fields.
    public var document: Document {
        .map([
            .init("status", .string(status.rawValue)),
            .init(isSession ? "session" : "lease", .id(id)),
            .init("placements", .list(placements.map(\.document))),
            .init("position", .id(position)),
        ])
    }
}

extension SessionView {
    /// The session as fields.
    public var document: Document {
        .map([
            .init("status", .string("open")), .init("session", .id(session.rawValue)),
            .init("token", .id(token.rawValue)),
            .init("ttl", ttlMilliseconds.map(Document.count) ?? .null),
            .init("position", .id(position)),
        ])
    }
}

extension Resource {
    /// The resource as fields.
    ///
    /// I2: held + reserved + quarantined + free = capacity + debt.
    var document: Document {
        .map([
            .init("name", .string(name)), .init("pool", .string(pool)),
            .init("kind", .string(kind.name)), .init("node", .string(place)),
            .init("state", .string(state.name)), .init("capacity", .count(capacity)),
            .init("held", .count(held)), .init("reserved", .count(reserved)),
            .init("quarantined", .count(quarantined)), .init("free", .count(free)),
            .init("debt", .count(debt)), .init("cost", .count(cost)),
            .init("labels", labels.document), .init("detected", .bool(detected)),
        ])
    }
}
