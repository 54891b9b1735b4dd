// Which refusals get a record of their own.
//
// The first of each sort in each second is recorded in full, the rest are counted in one record,
// so that a client that polls can not fill the log.

internal import TenureModel

/// Decides about refusals, and counts those that are not recorded.
struct RefusalMeter {
    private struct Sort: Hashable, Comparable {
        let tenant: String
        let pool: String
        let code: RefusalCode

        static func < (left: Sort, right: Sort) -> Bool {
            (left.tenant, left.pool, left.code.rawValue)
                < (right.tenant, right.pool, right.code.rawValue)
        }
    }

    private var second: UInt64 = 0
    private var counts: [Sort: UInt64] = [:]

    /// The record that a refusal deserves, if it does.
    mutating func record(_ command: Command, _ refusal: Refusal) -> RefusalRecord? {
        guard let (tenant, pool) = subject(of: command, refusal.code) else { return nil }
        let sort = Sort(tenant: tenant, pool: pool, code: refusal.code)
        if let count = counts[sort] {
            counts[sort] = count + 1
            return nil
        }
        guard counts.count < EngineLimits.refusalSorts else { return nil }
        counts[sort] = 0
        return RefusalRecord(
            tenant: tenant,
            pool: pool,
            code: refusal.code,
            message: refusal.message
        )
    }

    /// What was only counted in the second before that of `now`; nothing within one second.
    mutating func turn(now: LedgerTime) -> [RefusalCount] {
        let current = now.nanoseconds / 1_000_000_000
        guard current != second else { return [] }
        second = current
        let counted = counts.filter { $0.value > 0 }.sorted { $0.key < $1.key }
        counts.removeAll(keepingCapacity: true)
        return counted.map { sort, count in
            RefusalCount(tenant: sort.tenant, pool: sort.pool, code: sort.code, count: count)
        }
    }

    /// Whose request it was, for refusals that an audit wants to see.
    private func subject(of command: Command, _ code: RefusalCode) -> (String, String)? {
        switch code {
        case .exhausted, .quota, .unsatisfiable, .fenced, .conflict, .notPermitted: break
        default: return nil
        }
        switch command {
        case .acquire(let request) where !request.planOnly: return (request.tenant, request.pool)
        case .renew, .release, .commit, .cancel, .keepSession, .closeSession: return ("", "")
        default: return nil
        }
    }
}
