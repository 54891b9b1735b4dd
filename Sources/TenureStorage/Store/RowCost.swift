// What a decoded row costs in memory, by estimate: enough to keep a budget, not to the byte.

internal import TenureModel

/// Estimated bytes of what rows are made of.
enum RowCost {
    /// A slot of the list and its entry in the dictionary.
    static let slot = 200
    /// The object with the terms of a lease.
    static let terms = 240

    /// A string's own storage; short ones have none.
    static func text(_ text: String?) -> Int {
        let count = text?.utf8.count ?? 0
        return count > 15 ? count + 32 : 0
    }

    static func array(_ count: Int, of size: Int) -> Int {
        count == 0 ? 0 : 32 + count * size
    }

    static func labels(_ labels: [Label]) -> Int {
        labels.reduce(array(labels.count, of: 32)) { $0 + text($1.name) + text($1.value) }
    }
}

extension Lease {
    var cacheBytes: Int {
        let texts = [
            terms.pool, terms.tenant, terms.holder, terms.purpose ?? "", terms.requestID ?? "",
        ]
        return texts.reduce(RowCost.slot + RowCost.terms) { $0 + RowCost.text($1) }
            + RowCost.array(placements.count, of: 16) + RowCost.labels(terms.tags)
            + RowCost.array(subleases.count, of: 8)
            + RowCost.array(charge?.prices.count ?? 0, of: 16)
    }
}

extension Session {
    var cacheBytes: Int {
        RowCost.slot + RowCost.text(holder) + RowCost.text(process?.bootID)
    }
}

extension StoredAnswer {
    var cacheBytes: Int {
        let key = RowCost.text(key.tenant) + RowCost.text(key.id)
        let fixed = RowCost.slot + key + RowCost.array(body.count, of: 1)
        switch outcome {
        case .granted(_, _, let holder, _, let placements),
            .changed(_, _, _, let holder, _, let placements):
            return fixed + RowCost.text(holder) + RowCost.array(placements.count, of: 16)
        case .refused(let code, let message):
            return fixed + RowCost.text(code) + RowCost.text(message)
        }
    }
}

extension TenantUsage {
    var cacheBytes: Int {
        RowCost.slot + RowCost.text(tenant) + RowCost.array(entries.count, of: 48)
    }
}
