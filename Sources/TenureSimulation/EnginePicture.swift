// Everything that a client can see of a ledger, asked in one batch and so at one position.

package import Tenure
internal import TenureModel

/// Reads a picture through the ledger's own queries.
package enum EnginePicture {
    private static func number(_ document: Document?) -> UInt64? {
        switch document {
        case .integer(let value)?: UInt64(value)
        case .id(let value)?: value
        default: nil
        }
    }

    private static func text(_ document: Document?) -> String? {
        if case .string(let text)? = document { text } else { nil }
    }

    private static func items(_ document: Document) -> [Document] {
        if case .list(let items)? = document["items"] { items } else { [] }
    }

    /// Asks for all leases, resources, quotas, uses, and for these sessions.
    package static func take(
        of core: LedgerCore,
        sessions: [UInt64]
    ) throws(LedgerFailure) -> ReferenceLedger.Picture {
        let page = Page(limit: Limits.pageItems)
        var queries: [Query] = [
            .leases(LeaseFilter(), page: page), .resources(pool: nil, page: page),
            .quotas(tenant: nil), .tenants(below: nil),
        ]
        queries += EngineWorkload.tenants.map { .usage(tenant: $0) }
        queries += sessions.map { .session(SessionID(rawValue: $0)) }
        let answers = try core.process(queries.map { (.query($0), .embedder) })
        var picture = ReferenceLedger.Picture()
        picture.leases = items(answers[0].document).map(lease)
        for item in items(answers[1].document) {
            picture.things[text(item["name"]) ?? ""] = thing(item)
        }
        for item in items(answers[2].document) {
            let tenant = text(item["tenant"]) ?? ""
            picture.limits[tenant, default: [:]][text(item["kind"]) ?? ""] = number(item["limit"])
        }
        for item in items(answers[3].document) {
            picture.leaseLimits[text(item["tenant"]) ?? ""] = number(item["leases"])
        }
        for (index, tenant) in EngineWorkload.tenants.enumerated() {
            var used: [String: UInt64] = [:]
            for item in items(answers[4 + index].document) {
                used[text(item["kind"]) ?? ""] = number(item["used"])
            }
            picture.used[tenant] = used
        }
        for (id, answer) in zip(sessions, answers.suffix(sessions.count)) {
            guard case .document(let item) = answer, text(item["state"]) == "open" else { continue }
            picture.sessions[id] = .some(number(item["ttl"]))
        }
        return picture
    }

    private static func lease(_ item: Document) -> ReferenceLedger.Picture.Lease {
        var parts: [String: UInt64] = [:]
        if case .list(let placements)? = item["placements"] {
            for part in placements {
                parts[text(part["resource"]) ?? "", default: 0] += number(part["amount"]) ?? 0
            }
        }
        return ReferenceLedger.Picture.Lease(
            id: number(item["lease"]) ?? 0,
            token: number(item["token"]) ?? 0,
            state: text(item["state"]) ?? "",
            holder: text(item["holder"]) ?? "",
            pool: text(item["pool"]) ?? "",
            tenant: text(item["tenant"]) ?? "",
            session: number(item["session"]),
            request: text(item["request"]),
            ttl: number(item["ttl"]),
            parts: parts
        )
    }

    private static func thing(_ item: Document) -> ReferenceLedger.Picture.Thing {
        ReferenceLedger.Picture.Thing(
            capacity: number(item["capacity"]) ?? 0,
            held: number(item["held"]) ?? 0,
            reserved: number(item["reserved"]) ?? 0,
            quarantined: number(item["quarantined"]) ?? 0,
            free: number(item["free"]) ?? 0,
            debt: number(item["debt"]) ?? 0,
            isActive: text(item["state"]) == "active"
        )
    }
}
