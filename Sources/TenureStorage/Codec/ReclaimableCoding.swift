// The row of a lease that may be asked back: a key and nothing else.

package import TenureBase
package import TenureModel

extension ReclaimableKey: StorableRow {
    package static var table: RowTable { .reclaimable }

    package static func write(_ key: ReclaimableKey, to writer: inout FieldWriter) {
        writer.rawText(key.pool)
        writer.u8(0)
        writer.rawText(key.tenant)
        writer.u8(0)
        writer.u8(key.priority.rawValue)
        // Who was granted last comes first.
        writer.u64BigEndian(~key.lease.rawValue)
    }

    package static func readKey(_ bytes: [UInt8]) throws(DecodeError) -> ReclaimableKey {
        let end = bytes.count - 10
        guard end >= 0, bytes[end] == 0, let priority = Priority(rawValue: bytes[end + 1]),
            let gap = bytes[..<end].firstIndex(of: 0)
        else { throw .invalid(offset: 0, field: "key") }
        let lease = try KeyBytes.u64(bytes, at: end + 2, of: bytes.count)
        return ReclaimableKey(
            pool: try KeyBytes.text(bytes[..<gap]),
            tenant: try KeyBytes.text(bytes[(gap + 1)..<end]),
            priority: priority,
            lease: LeaseID(rawValue: ~lease)
        )
    }

    package func writePayload(to writer: inout FieldWriter) {}

    package static func read(
        _ key: ReclaimableKey,
        from reader: inout ByteReader
    ) throws(DecodeError) -> ReclaimableKey {
        key
    }
}
