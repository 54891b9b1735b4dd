// Bytes behind a checksum that fits: events, rows and the small documents.

import TenureBase
import TenureLog
import TenureModel
import TenureStorage

enum FuzzRecords {
    /// Events that can be read are the same events when they are written and read anew, are told,
    /// and are found by the subjects that they name.
    static func events(_ bytes: [UInt8]) throws {
        guard let decoded = try? EventCodec.decode(bytes) else { return }
        let written = EventCodec.encode(decoded.events)
        let again = try EventCodec.decode(written)
        try require(again.events == decoded.events, "other events when they are read anew")
        var subjects: Set<Subject> = []
        for event in decoded.events {
            _ = event.fields { _ in nil }
            event.forEachSubject { subjects.insert($0) }
        }
        for subject in subjects.prefix(20) {
            // SAFETY: here and below, bytes have no padding that could be read uninitialised.
            let isFound = RecordFilter([subject]).admits(unsafe written.span.bytes)
            try require(isFound, "a record about \(subject) is passed over")
        }
    }

    /// A row that can be read is the same row when it is written and read anew.
    ///
    /// The first byte chooses the table, the second is the length of the key.
    static func rows(_ bytes: [UInt8]) throws {
        guard bytes.count >= 2 else { return }
        let tables = RowTable.counted
        let rest = bytes.dropFirst(2)
        let key = Array(rest.prefix(Int(bytes[1])))
        let payload = Array(rest.dropFirst(key.count))
        switch tables[Int(bytes[0]) % tables.count] {
        case .meta: break
        case .pools: try row(Pool.self, key, payload)
        case .resources: try row(Resource.self, key, payload)
        case .quotas: try row(Quota.self, key, payload)
        case .leases: try row(Lease.self, key, payload)
        case .sessions: try row(Session.self, key, payload)
        case .storedAnswers: try row(StoredAnswer.self, key, payload)
        case .usage: try row(TenantUsage.self, key, payload)
        case .due: try row(DueEntry.self, key, payload)
        case .members: try row(MemberKey.self, key, payload)
        case .tickets: try row(Ticket.self, key, payload)
        case .budgets: try row(Budget.self, key, payload)
        case .tenantLimits: try row(TenantLimits.self, key, payload)
        case .breakers: try row(Breaker.self, key, payload)
        case .bookings: try row(Booking.self, key, payload)
        case .preemptible: try row(PreemptibleKey.self, key, payload)
        case .windows: try row(Window.self, key, payload)
        case .reclaimable: try row(ReclaimableKey.self, key, payload)
        }
    }

    private static func row<Row: StorableRow>(
        _ type: Row.Type,
        _ keyBytes: [UInt8],
        _ payload: [UInt8]
    ) throws {
        guard let key = try? Row.readKey(keyBytes) else { return }
        try require(Row.bytes(of: key) == keyBytes, "a key has two forms in \(Row.table)")
        guard let once = try? rewritten(type, key, payload) else { return }
        let twice = try rewritten(type, key, once)
        try require(twice == once, "another row of \(Row.table) when it is read anew")
    }

    private static func rewritten<Row: StorableRow>(
        _ type: Row.Type,
        _ key: Row.Key,
        _ payload: [UInt8]
    ) throws -> [UInt8] {
        var reader = ByteReader(unsafe payload.span.bytes)
        let row = try Row.read(key, from: &reader)
        try reader.finish()
        var writer = FieldWriter()
        row.writePayload(to: &writer)
        return writer.bytes
    }

    /// The first byte chooses which document the others are.
    static func documents(_ bytes: [UInt8]) throws {
        guard let first = bytes.first else { return }
        let document = Array(bytes.dropFirst())
        switch first % 3 {
        case 0:
            guard let ledger = try? LedgerDocument(reading: document) else { return }
            try require(
                (try? LedgerDocument(reading: ledger.bytes)) == ledger,
                "ledger.json says something else when it is written anew"
            )
        case 1:
            let text = String(decoding: document, as: UTF8.self)
            guard let anchor = LogAnchor(text) else { return }
            try require(LogAnchor("\(anchor)") == anchor, "an anchor has two forms")
        default: try index(document)
        }
    }

    private static func index(_ bytes: [UInt8]) throws {
        guard bytes.count > 8 else { return }
        var bytes = bytes
        var checksum = CRC32C()
        checksum.update(unsafe bytes.span.bytes.extracting(8..<bytes.count))
        for index in 0..<4 {
            bytes[4 + index] = UInt8(truncatingIfNeeded: checksum.value >> (8 * UInt32(index)))
        }
        guard let index = try? SegmentIndex(bytes) else { return }
        _ = index.contains(.id(.max)) || index.contains(.id(0))
        let again = try SegmentIndex(index.bytes)
        try require(again == index, "an index says something else when it is written anew")
    }
}
