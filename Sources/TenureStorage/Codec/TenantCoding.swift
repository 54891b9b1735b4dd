// The limits of a tenant as bytes, behind the tenant: in the event that sets them and in their row.
//
//   tenant limits   leases optional u64 · rate optional u64 · burst u64 · count u64
//                   · next arrival u64

package import TenureBase
package import TenureModel

extension TenantLimits: StorableRow {
    package static var table: RowTable { .tenantLimits }

    package func writePayload(to writer: inout FieldWriter) { writer.tenantLimits(self) }

    package static func read(
        _ key: String,
        from reader: inout ByteReader
    ) throws(DecodeError) -> TenantLimits {
        try reader.tenantLimits(key)
    }
}

extension FieldWriter {
    mutating func tenantLimits(_ limits: TenantLimits) {
        optionalU64(limits.leases)
        optionalU64(limits.rate)
        u64(limits.burst)
        u64(limits.count)
        time(limits.arrival)
    }
}

extension ByteReader {
    mutating func tenantLimits(_ tenant: String) throws(DecodeError) -> TenantLimits {
        let start = offset
        var limits = TenantLimits(tenant: tenant)
        limits.leases = try optionalU64()
        limits.rate = try optionalU64()
        limits.burst = try read()
        limits.count = try read()
        limits.arrival = try time()
        let isInBounds =
            (1...Limits.grantBurstMax).contains(limits.burst)
            && (1...Limits.grantRateMax).contains(limits.rate ?? 1)
        guard isInBounds else { throw .invalid(offset: start, field: "tenant limits") }
        return limits
    }
}
