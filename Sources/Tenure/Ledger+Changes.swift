// What becomes of a lease that is held, for programs: it grows.

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
}
