// Setting, changing and deleting quotas.

extension LedgerState {
    /// Sets a quota, or changes what the request names of one.
    func setQuota(_ request: QuotaRequest) -> Decision {
        let tenant = request.tenant
        guard Names.isValidTenant(tenant) else {
            return Decision(refused: .malformed, "TENANT '\(tenant.printable)' is no path of names")
        }
        let key = QuotaKey(tenant: tenant, kind: request.kind)
        guard let limit = request.limit ?? quota(key)?.limit else {
            return Decision(
                refused: .malformed,
                "tenant \(tenant) has no quota for \(request.kind.name) yet; say LIMIT"
            )
        }
        let before = quota(key) ?? Quota(tenant: tenant, kind: request.kind, limit: limit)
        let quota = before.changed(by: request)
        if let fault = quota.fault { return Decision(refused: .malformed, fault) }
        return Decision(.quotaSet(quota), done)
    }

    func deleteQuota(_ tenant: String, _ kind: Kind) -> Decision {
        let key = QuotaKey(tenant: tenant, kind: kind)
        guard quota(key) != nil else {
            return Decision(
                refused: .notFound,
                "tenant \(tenant.printable) has no quota for \(kind.name); see QUOTA LIST"
            )
        }
        return Decision(.quotaDeleted(key), done)
    }
}
