// Rows as bytes: what is written is read, and a row that was changed is never believed.

import TenureBase
import TenureLog
import TenureModel
import TenureSimulation
import TenureStorage
import TenureTesting
import Testing

@Suite("Row codec")
struct RowCodecTests {
    private let ledger = LedgerID(high: 0x0102_0304_0506_0708, low: 0x090a_0b0c_0d0e_0f10)

    /// Draws rows, writes them and reads them back.
    private func roundTrip<Row: StorableRow & Equatable>(
        key: (Row) -> Row.Key,
        draw: (inout RandomValues) -> Row
    ) throws {
        var values = RandomValues(seed: 11)
        var codec = RowCodec(ledger: ledger)
        for _ in 0..<300 {
            let row = draw(&values)
            let keyBytes = Row.bytes(of: key(row))
            let position = values.u64()
            let (value, hash) = codec.encode(row, key: keyBytes, position: position)
            #expect(try codec.decode(Row.self, keyBytes: keyBytes, value: value) == row)
            #expect(codec.verify(Row.table, key: keyBytes, value: value) == hash)
            #expect(RowCodec.position(of: value) == position)
        }
    }

    @Test
    func `what is written is read back`() throws {
        try roundTrip(key: \.name) { $0.pool() }
        try roundTrip(key: \.id) { $0.resource() }
        try roundTrip(key: \.rowKey) { $0.quota() }
        try roundTrip(key: \.tenant) { $0.tenantLimits() }
        try roundTrip(key: \.id) { $0.lease() }
        try roundTrip(key: \.tenant) { $0.budget() }
        try roundTrip(key: \.id) { $0.chargedLease() }
        try roundTrip(key: \.id) { $0.relatedLease() }
        try roundTrip(key: \.id) { $0.session() }
        try roundTrip(key: \.key) { $0.storedAnswer() }
        try roundTrip(key: \.tenant) { $0.usage() }
        try roundTrip(key: \.key) { $0.due() }
        try roundTrip(key: \.self) { $0.member() }
        try roundTrip(key: \.id) { $0.ticket() }
        try roundTrip(key: \.id) { $0.booking() }
        try roundTrip(key: \.id) { $0.window() }
    }

    @Test
    func `the checkpoint row is read back`() throws {
        var values = RandomValues(seed: 12)
        var codec = RowCodec(ledger: ledger)
        for _ in 0..<100 {
            var checkpoint = StoredCheckpoint(ledger: ledger)
            checkpoint.facts = values.facts()
            checkpoint.seal = try #require(Seal(bytes: values.generator.bytes(32)))
            checkpoint.digest = StateDigest(sum: UInt128(values.u64()) << 64 | 5)
            for table in RowTable.counted { checkpoint.counts[table] = values.u64() }
            #expect(try codec.decodeCheckpoint(codec.encode(checkpoint)) == checkpoint)
        }
    }

    @Test
    func `I10: every flipped bit of a row, its key or its table is found`() throws {
        var values = RandomValues(seed: 13)
        var codec = RowCodec(ledger: ledger)
        for _ in 0..<20 {
            let lease = values.lease()
            let key = Lease.bytes(of: lease.id)
            let value = codec.encode(lease, key: key, position: 7).value
            for bit in 0..<(8 * value.count) {
                var damaged = value
                damaged[bit / 8] ^= 1 << (bit % 8)
                #expect(codec.verify(.leases, key: key, value: damaged) == nil)
            }
            for bit in 0..<(8 * key.count) {
                var other = key
                other[bit / 8] ^= 1 << (bit % 8)
                #expect(codec.verify(.leases, key: other, value: value) == nil)
            }
            #expect(codec.verify(.sessions, key: key, value: value) == nil)
        }
    }

    @Test
    func `a row of another ledger is not believed`() {
        var values = RandomValues(seed: 14)
        var codec = RowCodec(ledger: ledger)
        var other = RowCodec(ledger: LedgerID(high: 1, low: 2))
        let pool = values.pool()
        let key = Pool.bytes(of: pool.name)
        let value = codec.encode(pool, key: key, position: 1).value
        #expect(other.verify(.pools, key: key, value: value) == nil)
    }

    @Test
    func `every payload that was cut or goes on is refused`() throws {
        var values = RandomValues(seed: 15)
        try truncate(Pool.self, "p", values.pool())
        var resource = values.resource()
        resource.drain = Drain(by: values.time(), past: values.leaseID())
        try truncate(Resource.self, ResourceID(rawValue: 3), resource)
        try truncate(Budget.self, "t", values.budget())
        try truncate(TenantLimits.self, "t", values.tenantLimits())
        try truncate(Quota.self, SampleEvents.quota.key, SampleEvents.quota)
        var lease = values.lease()
        lease.parent = LeaseID(rawValue: 2)
        lease.subleases = [LeaseID(rawValue: 4), LeaseID(rawValue: 300)]
        lease.charge = values.charge()
        try truncate(Lease.self, LeaseID(rawValue: 3), lease)
        try truncate(Breaker.self, values.breakerSubject(), values.breaker())
        try truncate(Session.self, SessionID(rawValue: 3), values.session())
        try truncate(TenantUsage.self, "t", values.usage())
        try truncate(StoredAnswer.self, values.requestKey(), values.storedAnswer())
        try truncate(Ticket.self, TicketID(rawValue: 3), values.ticket(maxCost: 7))
        try truncate(Booking.self, TicketID(rawValue: 3), values.booking(maxCost: 7))
        try truncate(Window.self, WindowID(rawValue: 3), values.window())
        var checkpoint = StoredCheckpoint(ledger: ledger)
        checkpoint.counts[.breakers] = 3
        try truncate(StoredCheckpoint.self, 4, checkpoint)
    }

    private func truncate<Row: StorableRow>(
        _ type: Row.Type,
        _ key: Row.Key,
        _ row: Row
    ) throws {
        let payload = payload(of: row)
        for count in 0..<payload.count {
            let cut = Array(payload[..<count])
            // Without its last part, where that may be absent, it is another row.
            if let other = try? read(type, key, cut) {
                #expect(self.payload(of: other) == cut)
                continue
            }
            #expect(throws: DecodeError.self) { try read(type, key, cut) }
        }
        #expect(throws: DecodeError.trailing(offset: payload.count)) {
            try read(type, key, payload + [0])
        }
    }

    private func payload(of row: some StorableRow) -> [UInt8] {
        var writer = FieldWriter()
        row.writePayload(to: &writer)
        return writer.bytes
    }

    @discardableResult
    private func read<Row: StorableRow>(
        _ type: Row.Type,
        _ key: Row.Key,
        _ payload: [UInt8]
    ) throws(DecodeError) -> Row {
        var reader = ByteReader(unsafe payload.span.bytes)
        let row = try Row.read(key, from: &reader)
        try reader.finish()
        return row
    }

    @Test
    func `bytes that nobody wrote are no key and no trap`() {
        var generator = SeededGenerator(seed: 16)
        for count in 0..<40 {
            for _ in 0..<200 {
                let bytes = generator.bytes(count)
                _ = try? Pool.readKey(bytes)
                _ = try? Resource.readKey(bytes)
                _ = try? Quota.readKey(bytes)
                _ = try? Lease.readKey(bytes)
                _ = try? StoredAnswer.readKey(bytes)
                _ = try? DueEntry.readKey(bytes)
                _ = try? MemberKey.readKey(bytes)
            }
        }
    }

    @Test
    func `keys in the order of bytes are keys in order`() {
        var values = RandomValues(seed: 17)
        let due = (0..<500).map { _ in values.due().key }.sorted()
        let members = (0..<500).map { _ in values.member() }.sorted()
        let leases = (0..<500).map { _ in values.leaseID() }.sorted()
        for bytes in [
            due.map(DueEntry.bytes(of:)), members.map(MemberKey.bytes(of:)),
            leases.map(Lease.bytes(of:)),
        ] {
            let ordered = zip(bytes, bytes.dropFirst())
                .allSatisfy { !$1.lexicographicallyPrecedes($0) }
            #expect(ordered)
        }
    }

    @Test
    func `the digest does not depend on the order of rows and takes rows out again`() {
        var values = RandomValues(seed: 18)
        var codec = RowCodec(ledger: ledger)
        let hashes = (0..<50).map { _ in
            let lease = values.lease()
            return codec.encode(lease, key: Lease.bytes(of: lease.id), position: 1).hash
        }
        var forth = StateDigest()
        for hash in hashes { forth.add(hash) }
        var back = StateDigest()
        for hash in hashes.reversed() { back.add(hash) }
        #expect(forth == back)
        #expect(forth != StateDigest())
        for hash in hashes { forth.remove(hash) }
        #expect(forth == StateDigest())
    }
}

extension Quota {
    fileprivate var rowKey: QuotaKey { QuotaKey(tenant: tenant, kind: kind) }
}
