// Which refusals get a record of their own.
//
// The first of each sort in each second is recorded in full, the rest are counted in one record,
// so that a client that polls can not fill the log.
//
//   R1  Every refusal that an audit wants to see is recorded or counted, once.
//   R2  Memory and the record of the counts are bounded, whatever names clients come up with.

package import TenureModel

/// Decides about refusals, and counts those that are not recorded.
package struct RefusalMeter {
    private struct Sort: Hashable, Comparable {
        let tenant: String
        let pool: String
        let code: RefusalCode
        let limit: String

        /// What it costs in memory and in a record, about.
        var bytes: Int { 64 + tenant.utf8.count + pool.utf8.count + limit.utf8.count }

        static func < (left: Sort, right: Sort) -> Bool {
            (left.tenant, left.pool, left.code.rawValue, left.limit)
                < (right.tenant, right.pool, right.code.rawValue, right.limit)
        }
    }

    /// Stands for every limit in the counts of what is not told apart.
    package static let others = "others"

    private var second: UInt64 = 0
    private var counts: [Sort: UInt64] = [:]
    private var bytes = 0
    /// What is past the bounds, by code alone.
    private var rest: [RefusalCode: UInt64] = [:]

    /// A meter that has seen nothing.
    package init() {}

    /// Counts a refusal, and tells whether it deserves a record of its own.
    ///
    /// - Parameters:
    ///   - command: what was refused.
    ///   - refusal: why.
    ///   - isCountingOnly: whether there is no room for records: then all are counted.
    /// - Returns: the record; nothing when the refusal is only counted, or of no interest.
    package mutating func record(
        _ command: Command,
        _ refusal: Refusal,
        isCountingOnly: Bool
    ) -> RefusalRecord? {
        // A lease that there can not have been yet is as strange as a token.
        let code = refusal.limit == Refusal.newerToken ? .fenced : refusal.code
        guard let (tenant, pool) = subject(of: command, code) else { return nil }
        let sort = Sort(tenant: tenant, pool: pool, code: refusal.code, limit: refusal.limit)
        if let count = counts[sort] {
            counts[sort] = count + 1
            return nil
        }
        guard counts.count < EngineLimits.refusalSorts,
            bytes + sort.bytes <= EngineLimits.refusalSortBytes
        else {
            rest[refusal.code, default: 0] += 1
            return nil
        }
        bytes += sort.bytes
        counts[sort] = isCountingOnly ? 1 : 0
        if isCountingOnly { return nil }
        return RefusalRecord(
            tenant: tenant,
            pool: pool,
            code: refusal.code,
            limit: refusal.limit,
            message: refusal.message
        )
    }

    /// What was only counted before the second of `now`; nothing within one second.
    package mutating func turn(now: LedgerTime) -> [RefusalCount] {
        let current = now.nanoseconds / 1_000_000_000
        guard current != second else { return [] }
        second = current
        let counted = counts.filter { $0.value > 0 }.sorted { $0.key < $1.key }
        let others = rest.sorted { $0.key.rawValue < $1.key.rawValue }
        counts.removeAll(keepingCapacity: true)
        rest.removeAll()
        bytes = 0
        return counted.map { sort, count in
            RefusalCount(
                tenant: sort.tenant,
                pool: sort.pool,
                code: sort.code,
                limit: sort.limit,
                count: count
            )
        }
            + others.map { code, count in
                RefusalCount(tenant: "", pool: "", code: code, limit: Self.others, count: count)
            }
    }

    /// Whose request it was, for refusals that an audit wants to see.
    private func subject(of command: Command, _ code: RefusalCode) -> (String, String)? {
        switch code {
        case .exhausted, .quota, .timeout, .unsatisfiable, .fenced, .conflict, .notPermitted,
            .circuitOpen:
            break
        default: return nil
        }
        switch command {
        case .acquire(let request) where !request.planOnly:
            return (request.tenant, request.poolText)
        case .book(let booking): return (booking.request.tenant, booking.request.pool)
        case .renew, .release, .commit, .cancel, .grow, .handOver, .sublease, .report, .keepSession,
            .closeSession:
            return ("", "")
        default: return nil
        }
    }
}
