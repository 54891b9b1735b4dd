// What a row of each table is as key and payload.
//
//   table         key                                  payload
//   pools         name                                 strategy u8 · 7 settings u64
//                                                      · policy optional (PolicyCoding.swift)
//                                                      · further settings, as in event 3
//   resources     id u32                               name text · pool text · kind text
//                                                      · node optional text · capacity u64 · labels
//                                                      · cost u64 · state u8 · detected u8
//                                                      · held u64 · reserved u64 · quarantined u64
//                                                      · by u64 · past u64, if its drain has an end
//   quotas        tenant 0x00 kind                     quota (QuotaCoding.swift)
//   leases        id u64                               lease · if either is there: parent
//                                                      optional u64 · sub-leases: count, each
//                                                      id u64 · charge, if any
//                                                      (BudgetCoding.swift)
//   sessions      id u64                               session
//   answers       tenant 0x00 request id               answer
//   usage         tenant                               count · each: kind text · held u64
//                                                      · reserved u64 · quarantined u64
//   due           time u64 · class u8 · id u64         request optional (tenant text · id text)
//   members       session u64 · lease u64              nothing
//   tickets       id u64                               ticket (TicketCoding.swift)
//   bookings      id u64                               booking (BookingCoding.swift)
//   windows       id u64                               window (WindowCoding.swift)
//   budgets       tenant                               budget (BudgetCoding.swift)
//   tenants       tenant                               tenant limits (TenantCoding.swift)
//   breakers      0x00 pool, or 0x01 resource u32      breaker (BreakerCoding.swift)
//   preemptible   pool 0x00 class u8 · 2^64-1-lease    nothing
//                   u64
//   reclaimable   pool 0x00 tenant 0x00 class u8       nothing (ReclaimableCoding.swift)
//                   · 2^64-1-lease u64
//
// Integers in keys are big-endian, so that byte order is their order. Names hold no 0x00. Lease,
// session and answer are in RecordCoding.swift. A payload that goes on behind its last field is
// refused: what stands there would be lost when the row is written again.

package import TenureBase
package import TenureModel

/// A value that is kept as one row.
package protocol StorableRow: Sendable {
    associatedtype Key: Sendable
    static var table: RowTable { get }
    static func write(_ key: Key, to writer: inout FieldWriter)
    static func readKey(_ bytes: [UInt8]) throws(DecodeError) -> Key
    func writePayload(to writer: inout FieldWriter)
    static func read(_ key: Key, from reader: inout ByteReader) throws(DecodeError) -> Self
}

extension StorableRow {
    /// The bytes of `key`.
    package static func bytes(of key: Key) -> [UInt8] {
        var writer = FieldWriter()
        write(key, to: &writer)
        return writer.take()
    }
}

// Tables whose key is a name.
extension StorableRow where Key == String {
    package static func write(_ key: String, to writer: inout FieldWriter) { writer.rawText(key) }

    package static func readKey(_ bytes: [UInt8]) throws(DecodeError) -> String {
        try KeyBytes.text(bytes)
    }
}

/// A key that is an integer of 64 bits.
package protocol NumberKey: Sendable {
    /// The integer.
    var rawValue: UInt64 { get }
    /// The key with this number.
    init(rawValue: UInt64)
}

extension LeaseID: NumberKey {}
extension SessionID: NumberKey {}

// Tables whose key is such an integer.
extension StorableRow where Key: NumberKey {
    package static func write(_ key: Key, to writer: inout FieldWriter) {
        writer.u64BigEndian(key.rawValue)
    }

    package static func readKey(_ bytes: [UInt8]) throws(DecodeError) -> Key {
        Key(rawValue: try KeyBytes.u64(bytes, at: 0, of: 8))
    }
}

/// The bytes of keys.
enum KeyBytes {
    /// The integer at `offset` of a key that has exactly `count` bytes.
    static func u64(_ bytes: [UInt8], at offset: Int, of count: Int) throws(DecodeError) -> UInt64 {
        guard bytes.count == count else { throw .invalid(offset: 0, field: "key length") }
        return bytes[offset..<(offset + 8)].reduce(0) { $0 << 8 | UInt64($1) }
    }

    static func text(_ bytes: some Collection<UInt8>) throws(DecodeError) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw .invalid(offset: 0, field: "key")
        }
        return text
    }

    /// The two names that a 0x00 divides.
    static func pair(_ bytes: [UInt8]) throws(DecodeError) -> (String, String) {
        guard let middle = bytes.firstIndex(of: 0) else {
            throw .invalid(offset: 0, field: "key")
        }
        return (try text(bytes[..<middle]), try text(bytes[(middle + 1)...]))
    }
}

extension Pool: StorableRow {
    package static var table: RowTable { .pools }

    package func writePayload(to writer: inout FieldWriter) {
        writer.settings(settings)
        writer.bool(policy != nil)
        if let policy { writer.policy(policy) }
        writer.furtherSettings(settings)
    }

    package static func read(
        _ key: String,
        from reader: inout ByteReader
    ) throws(DecodeError) -> Pool {
        var settings = try reader.settings()
        let policy = try reader.bool() ? try reader.policy() : nil
        try reader.furtherSettings(&settings)
        return Pool(name: key, settings: settings, policy: policy)
    }
}

extension Resource: StorableRow {
    package static var table: RowTable { .resources }

    package static func write(_ key: ResourceID, to writer: inout FieldWriter) {
        writer.u32BigEndian(key.rawValue)
    }

    package static func readKey(_ bytes: [UInt8]) throws(DecodeError) -> ResourceID {
        guard bytes.count == 4 else { throw .invalid(offset: 0, field: "key length") }
        return ResourceID(rawValue: bytes.reduce(0) { $0 << 8 | UInt32($1) })
    }

    package func writePayload(to writer: inout FieldWriter) {
        writer.text(name)
        writer.text(pool)
        writer.kind(kind)
        writer.optionalText(node)
        writer.u64(capacity)
        writer.labels(labels)
        writer.u64(cost)
        writer.u8(state.rawValue)
        writer.bool(detected)
        writer.u64(held)
        writer.u64(reserved)
        writer.u64(quarantined)
        guard drain != nil || !dated.isEmpty else { return }
        writer.time(drain?.by ?? .zero)
        writer.u64(drain?.past.rawValue ?? 0)
        guard !dated.isEmpty else { return }
        writer.u8(UInt8(dated.entries.count))
        for entry in dated.entries {
            writer.u8(entry.lifetime.rawValue)
            writer.u64(entry.amount)
        }
    }

    package static func read(
        _ key: ResourceID,
        from reader: inout ByteReader
    ) throws(DecodeError) -> Resource {
        let name = try reader.readString()
        let pool = try reader.readString()
        let kind = try reader.kind()
        let node = try reader.optionalText()
        let capacity: UInt64 = try reader.read()
        let request = ResourceRequest(
            name: name,
            pool: pool,
            kind: kind,
            capacity: capacity,
            node: node
        )
        var resource = Resource(id: key, request: request)
        resource.labels = try reader.labels()
        resource.cost = try reader.read()
        resource.state = try reader.coded(ResourceState.init(rawValue:), "resource state")
        resource.detected = try reader.bool()
        resource.held = try reader.read()
        resource.reserved = try reader.read()
        resource.quarantined = try reader.read()
        if reader.remaining > 0 {
            let by = try reader.time()
            let past = try reader.leaseID()
            // No drain ends when the ledger begins.
            if by > .zero { resource.drain = Drain(by: by, past: past) }
        }
        if reader.remaining > 0 { resource.dated = try reader.datedAmounts() }
        return resource
    }
}

extension ByteReader {
    fileprivate mutating func datedAmounts() throws(DecodeError) -> DatedAmounts {
        let start = offset
        let count: UInt8 = try read()
        var entries: [DatedAmounts.Entry] = []
        for _ in 0..<count {
            let lifetime = LifetimeClass(rawValue: try read())
            entries.append(DatedAmounts.Entry(lifetime: lifetime, amount: try read()))
        }
        guard let dated = DatedAmounts(entries: entries), !dated.isEmpty else {
            throw .invalid(offset: start, field: "amounts by length of life")
        }
        return dated
    }
}

extension Quota: StorableRow {
    package static var table: RowTable { .quotas }

    package static func write(_ key: QuotaKey, to writer: inout FieldWriter) {
        writer.rawText(key.tenant)
        writer.u8(0)
        writer.rawText(key.kind.name)
    }

    package static func readKey(_ bytes: [UInt8]) throws(DecodeError) -> QuotaKey {
        let (tenant, name) = try KeyBytes.pair(bytes)
        guard let kind = Kind(name) else { throw .invalid(offset: 0, field: "kind") }
        return QuotaKey(tenant: tenant, kind: kind)
    }

    package func writePayload(to writer: inout FieldWriter) { writer.quotaTerms(self) }

    package static func read(
        _ key: QuotaKey,
        from reader: inout ByteReader
    ) throws(DecodeError) -> Quota {
        try reader.quota(key)
    }
}

extension Lease: StorableRow {
    package static var table: RowTable { .leases }

    package func writePayload(to writer: inout FieldWriter) {
        writer.lease(self)
        guard parent != nil || !subleases.isEmpty || charge != nil else { return }
        writer.optionalU64(parent?.rawValue)
        writer.count(subleases.count)
        for sublease in subleases { writer.u64(sublease.rawValue) }
        if let charge { writer.charge(charge) }
    }

    package static func read(
        _ key: LeaseID,
        from reader: inout ByteReader
    ) throws(DecodeError) -> Lease {
        var lease = try reader.lease(key)
        let start = reader.offset
        guard reader.remaining > 0 else { return lease }
        lease.parent = try reader.optionalU64().map(LeaseID.init(rawValue:))
        for _ in 0..<(try reader.readCount()) {
            lease.subleases.append(LeaseID(rawValue: try reader.read()))
        }
        if reader.remaining > 0 {
            lease.charge = try reader.charge()
        } else if lease.parent == nil, lease.subleases.isEmpty {
            // It would be written without them.
            throw .trailing(offset: start)
        }
        return lease
    }
}

extension Session: StorableRow {
    package static var table: RowTable { .sessions }

    package func writePayload(to writer: inout FieldWriter) { writer.session(self) }

    package static func read(
        _ key: SessionID,
        from reader: inout ByteReader
    ) throws(DecodeError) -> Session {
        try reader.session(key)
    }
}

extension StoredAnswer: StorableRow {
    package static var table: RowTable { .storedAnswers }

    package static func write(_ key: RequestKey, to writer: inout FieldWriter) {
        writer.rawText(key.tenant)
        writer.u8(0)
        writer.rawText(key.id)
    }

    package static func readKey(_ bytes: [UInt8]) throws(DecodeError) -> RequestKey {
        let (tenant, id) = try KeyBytes.pair(bytes)
        return RequestKey(tenant: tenant, id: id)
    }

    package func writePayload(to writer: inout FieldWriter) { writer.answer(self) }

    package static func read(
        _ key: RequestKey,
        from reader: inout ByteReader
    ) throws(DecodeError) -> StoredAnswer {
        try reader.answer(key)
    }
}

extension TenantUsage: StorableRow {
    package static var table: RowTable { .usage }

    package func writePayload(to writer: inout FieldWriter) {
        writer.count(entries.count)
        for entry in entries {
            writer.kind(entry.kind)
            writer.u64(entry.held)
            writer.u64(entry.reserved)
            writer.u64(entry.quarantined)
        }
    }

    package static func read(
        _ key: String,
        from reader: inout ByteReader
    ) throws(DecodeError) -> TenantUsage {
        var usage = TenantUsage(tenant: key)
        for _ in 0..<(try reader.readCount()) {
            let kind = try reader.kind()
            let held: UInt64 = try reader.read()
            let reserved: UInt64 = try reader.read()
            let quarantined: UInt64 = try reader.read()
            usage.entries.append(
                Entry(kind: kind, held: held, reserved: reserved, quarantined: quarantined)
            )
        }
        return usage
    }
}

extension DueEntry: StorableRow {
    package static var table: RowTable { .due }

    package static func write(_ key: DueKey, to writer: inout FieldWriter) {
        writer.u64BigEndian(key.time.nanoseconds)
        writer.u8(key.subject.rawValue)
        writer.u64BigEndian(key.id)
    }

    package static func readKey(_ bytes: [UInt8]) throws(DecodeError) -> DueKey {
        let time = try KeyBytes.u64(bytes, at: 0, of: 17)
        let id = try KeyBytes.u64(bytes, at: 9, of: 17)
        guard let subject = DueKey.Class(rawValue: bytes[8]) else {
            throw .invalid(offset: 8, field: "class")
        }
        return DueKey(time: LedgerTime(nanoseconds: time), subject: subject, id: id)
    }

    package func writePayload(to writer: inout FieldWriter) {
        writer.bool(request != nil)
        if let request { writer.requestKey(request) }
    }

    package static func read(
        _ key: DueKey,
        from reader: inout ByteReader
    ) throws(DecodeError) -> DueEntry {
        DueEntry(key: key, request: try reader.bool() ? try reader.requestKey() : nil)
    }
}

extension MemberKey: StorableRow {
    package static var table: RowTable { .members }

    package static func write(_ key: MemberKey, to writer: inout FieldWriter) {
        writer.u64BigEndian(key.session.rawValue)
        writer.u64BigEndian(key.lease.rawValue)
    }

    package static func readKey(_ bytes: [UInt8]) throws(DecodeError) -> MemberKey {
        let session = try KeyBytes.u64(bytes, at: 0, of: 16)
        let lease = try KeyBytes.u64(bytes, at: 8, of: 16)
        return MemberKey(
            session: SessionID(rawValue: session),
            lease: LeaseID(rawValue: lease)
        )
    }

    package func writePayload(to writer: inout FieldWriter) {}

    package static func read(
        _ key: MemberKey,
        from reader: inout ByteReader
    ) throws(DecodeError) -> MemberKey {
        key
    }
}

extension PreemptibleKey: StorableRow {
    package static var table: RowTable { .preemptible }

    package static func write(_ key: PreemptibleKey, to writer: inout FieldWriter) {
        writer.rawText(key.pool)
        writer.u8(0)
        writer.u8(key.priority.rawValue)
        // Who was granted last comes first.
        writer.u64BigEndian(~key.lease.rawValue)
    }

    package static func readKey(_ bytes: [UInt8]) throws(DecodeError) -> PreemptibleKey {
        let end = bytes.count - 10
        guard end >= 0, bytes[end] == 0, let priority = Priority(rawValue: bytes[end + 1]) else {
            throw .invalid(offset: 0, field: "key")
        }
        let lease = try KeyBytes.u64(bytes, at: end + 2, of: bytes.count)
        return PreemptibleKey(
            pool: try KeyBytes.text(bytes[..<end]),
            priority: priority,
            lease: LeaseID(rawValue: ~lease)
        )
    }

    package func writePayload(to writer: inout FieldWriter) {}

    package static func read(
        _ key: PreemptibleKey,
        from reader: inout ByteReader
    ) throws(DecodeError) -> PreemptibleKey {
        key
    }
}
