// A quota as bytes, behind its tenant and kind: in the event that sets it and in its row.
//
//   quota   limit u64
//           · if it is more than a limit: guarantee u64 · borrowing optional u64
//             · lending optional u64 · weight u64

internal import TenureBase
internal import TenureModel

extension FieldWriter {
    mutating func quotaTerms(_ quota: Quota) {
        u64(quota.limit)
        if quota.isPlain { return }
        u64(quota.guarantee)
        optionalU64(quota.borrowing)
        optionalU64(quota.lending)
        u64(quota.weight)
    }
}

extension ByteReader {
    mutating func quota(_ key: QuotaKey) throws(DecodeError) -> Quota {
        var quota = Quota(tenant: key.tenant, kind: key.kind, limit: try read())
        if remaining == 0 { return quota }
        quota.guarantee = try read()
        quota.borrowing = try optionalU64()
        quota.lending = try optionalU64()
        quota.weight = try read()
        return quota
    }
}
