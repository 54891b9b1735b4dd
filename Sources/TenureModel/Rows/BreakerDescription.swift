// Breakers as fields, for audits and for who watches events.

extension BreakerSubject {
    /// The resource that it guards.
    var resources: [ResourceID] {
        switch self {
        case .pool: []
        case .resource(let id): [id]
        }
    }

    /// Its name, or the number of its resource, as a field.
    var field: Document.Field {
        switch self {
        case .pool(let name): .init("pool", .string(name))
        case .resource(let id): .init("resource", .count(UInt64(id.rawValue)))
        }
    }
}

extension Breaker {
    /// All of it as fields of an event.
    var fields: [Document.Field] {
        [
            subject.field, .init("cause", .string(cause)), .init("since", since.document),
            .init("until", until.document), .init("openings", .count(UInt64(openings))),
            .init("failures", .count(failures.count)),
            .init("probes", .list(probes.map { .id($0.rawValue) })),
        ]
    }
}
