// Why the ledger said no. A refusal is an answer: it changes nothing and names the remedy.

/// The code of a refusal, the first word of its line on the wire.
///
/// When several apply, the first in this list is the answer.
public enum RefusalCode: String, CaseIterable, Sendable {
    /// Malformed, or out of the bounds that the pool or the ledger states.
    case malformed = "ERR"
    /// The caller may not do that.
    case notPermitted = "NOPERM"
    /// A time-ordered request id from before the window in which answers are kept.
    case requestTooOld = "IDTOOOLD"
    /// The request id was used with another body.
    case conflict = "CONFLICT"
    /// No such pool, resource, lease, session or request.
    case notFound = "NOTFOUND"
    /// The token is not the current one.
    case fenced = "FENCED"
    /// At or past the deadline.
    case expired = "EXPIRED"
    /// The pool does not grant for now: its breaker is open.
    case circuitOpen = "CIRCUITOPEN"
    /// Could not fit even an empty pool.
    case unsatisfiable = "UNSATISFIABLE"
    /// A quota stands in the way.
    case quota = "QUOTA"
    /// Not enough is free now.
    case exhausted = "EXHAUSTED"
    /// The wait ended without a grant.
    case timeout = "TIMEOUT"
    /// Waiting would never end.
    case deadlock = "DEADLOCK"
    /// A limit of the ledger is reached; try again later.
    case busy = "BUSY"
    /// Only reads, renewals and releases are served.
    case readOnly = "READONLY"
    /// Whether it happened is not known; ask with the request id after the restart.
    case unknown = "UNKNOWN"

    /// Whether repeating the same request can never succeed, so that it uses up a request id.
    package var isTerminal: Bool { self == .unsatisfiable }
}

/// An answer that says no.
public struct Refusal: Error, Hashable, Sendable {
    /// The limit of a refusal whose token this ledger can not have given out yet.
    package static let newerToken = "token ahead of the ledger"

    /// Why, for programs.
    public let code: RefusalCode
    /// Why, for people: names the limiting thing and the remedy.
    public let message: String
    /// The limit that stands in the way, for those who count: a quota as `tenant kind`, a kind, or
    /// nothing where there is only one limit of the code.
    public let limit: String
    /// What each of several pools answered, in their order; none where one was asked.
    package var pools: [PoolLimit] = []

    /// A refusal with its reason and remedy.
    public init(_ code: RefusalCode, _ message: String, limit: String = "") {
        self.code = code
        self.message = message
        self.limit = limit
    }
}

/// What one of several pools answered to a request that none of them grants.
package struct PoolLimit: Hashable, Sendable {
    /// The pool.
    package let pool: String
    /// Why it does not grant.
    package let code: RefusalCode
    /// The limit that stands in the way there.
    package let limit: String

    package init(pool: String, code: RefusalCode, limit: String) {
        self.pool = pool
        self.code = code
        self.limit = limit
    }

    /// In a few words, for a list of several.
    var text: String { "\(pool): \(code.rawValue)" + (limit.isEmpty ? "" : " \(limit)") }
}
