// What becomes of a lease that is held, for programs: it grows, gets another holder, is carved up.

public import TenureModel

extension Ledger {
    /// Adds amounts to a lease, all of them or nothing.
    ///
    /// The lease keeps its id and deadline and has a new token from then on: the old one is
    /// `FENCED`. With a request id, repeating it with the old token returns the first answer.
    ///
    /// - Throws: `Refusal`: `EXHAUSTED` and `QUOTA` as for `acquire`, `FENCED`, `EXPIRED`.
    public func grow(_ reference: LeaseReference, by request: GrowRequest) async throws -> Grant {
        try await grant(.grow(reference, request))
    }

    /// Makes a part of a lease a lease of its own, which ends with it at the latest.
    ///
    /// - Throws: `Refusal`: `FENCED`, `EXPIRED`, `QUOTA` of a tenant below the lease's, `BUSY` past
    ///   `Limits.subleasesPerLease`.
    public func sublease(
        _ reference: LeaseReference,
        _ request: SubleaseRequest
    ) async throws -> Grant {
        try await grant(.sublease(reference, request))
    }

    /// Gives a lease to another holder, with a new token: the old one is `FENCED` from then on.
    ///
    /// With a request id, repeating it with the old token returns the first answer.
    ///
    /// - Throws: `Refusal`: `FENCED`, or `EXPIRED` when the lease or the session has ended.
    public func handOver(
        _ reference: LeaseReference,
        to request: HandOverRequest
    ) async throws -> Grant {
        try await grant(.handOver(reference, request))
    }
}
