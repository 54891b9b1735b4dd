// The formats as they are written today: a change here is a change of the format.

import TenureBase
import TenureLog
import TenureModel
import TenureStorage
import Testing

@Suite("Golden bytes")
struct GoldenTests {
    private let ledger = LedgerID(high: 0x0102_0304_0506_0708, low: 0x090a_0b0c_0d0e_0f10)

    @Test(arguments: zip(SampleEvents.all, GoldenBytes.events))
    func `an event has the bytes of format 1`(event: Event, golden: String) throws {
        #expect(hexadecimal(EventCodec.encode([event])) == golden)
        #expect(try EventCodec.decode(bytes(golden)).events == [event])
    }

    /// What came later stands behind the fields of the first version.
    @Test
    func `a grant that served a ticket ends in the learnt version and the ticket`() throws {
        guard case .granted(let first) = SampleEvents.all[9] else {
            throw DecodeError.invalid(offset: 0, field: "sample")
        }
        let served = ServedTicket(
            ticket: SampleEvents.ticket.id,
            keptUntil: LedgerTime(nanoseconds: 81)
        )
        let event = Event.granted(
            GrantRecord(lease: first.lease, stored: first.stored, why: first.why, served: served)
        )
        // The first version's fields are 200 bytes, as its golden event says.
        let golden =
            GoldenBytes.events[9].replacing("010ac8", with: "010adc", maxReplacements: 1)
            + "00000000" + "0c00000000000100" + "5100000000000000"
        #expect(hexadecimal(EventCodec.encode([event])) == golden)
        #expect(try EventCodec.decode(bytes(golden)).events == [event])
    }

    @Test(arguments: zip(SampleEvents.appended, GoldenBytes.appended))
    func `appended fields stand behind those of format 1`(event: Event, golden: String) throws {
        #expect(hexadecimal(EventCodec.encode([event])) == golden)
        #expect(try EventCodec.decode(bytes(golden)).events == [event])
    }

    @Test
    func `there is a golden event for every tag`() {
        #expect(SampleEvents.all.count == EventTag.allCases.count)
        #expect(GoldenBytes.events.count == EventTag.allCases.count)
        let tags = GoldenBytes.events.compactMap { bytes($0).dropFirst().first }
        #expect(tags == EventTag.allCases.map(\.rawValue))
    }

    @Test
    func `rows have the bytes of format 1`() {
        var codec = RowCodec(ledger: ledger)
        let lease = SampleEvents.lease
        var parent = lease
        parent.subleases = [SampleEvents.sublease.id]
        let pool = Pool(name: "gpus", settings: SampleEvents.poolSettings)
        let usage = TenantUsage(
            tenant: "a",
            entries: [.init(kind: .gpu, held: 1, reserved: 2, quarantined: 3)]
        )
        var drained = Resource(
            id: SampleEvents.declaration.id,
            request: SampleEvents.declaration.request
        )
        drained.state = .draining
        drained.drain = Drain(by: LedgerTime(nanoseconds: 79), past: lease.id)
        let breaker = SampleEvents.breaker
        var settings = SampleEvents.poolSettings
        settings.breakers.failures = 3
        let guarded = Pool(name: "gpus", settings: settings)
        let rows = [
            codec.encode(lease, key: Lease.bytes(of: lease.id), position: 8).value,
            codec.encode(pool, key: Pool.bytes(of: pool.name), position: 1).value,
            codec.encode(usage, key: TenantUsage.bytes(of: "a"), position: 9).value,
            codec.encode(StoredCheckpoint(ledger: ledger)),
            codec.encode(parent, key: Lease.bytes(of: lease.id), position: 11).value,
            codec.encode(
                SampleEvents.sublease,
                key: Lease.bytes(of: SampleEvents.sublease.id),
                position: 11
            ).value,
            codec.encode(drained, key: Resource.bytes(of: drained.id), position: 10).value,
            codec.encode(breaker, key: Breaker.bytes(of: breaker.subject), position: 11).value,
            codec.encode(guarded, key: Pool.bytes(of: guarded.name), position: 12).value,
            codec.encode(
                SampleEvents.window,
                key: Window.bytes(of: SampleEvents.window.id),
                position: 13
            ).value,
        ]
        #expect(rows.map(hexadecimal) == GoldenBytes.rows)
    }

    @Test
    func `keys have the bytes of format 1`() {
        let due = DueKey(
            time: LedgerTime(nanoseconds: 0x0102),
            subject: .session,
            id: 0x0304
        )
        let member = MemberKey(session: SessionID(rawValue: 1), lease: LeaseID(rawValue: 2))
        let request = RequestKey(tenant: "a/b", id: "r1")
        #expect(hexadecimal(Lease.bytes(of: LeaseID(rawValue: 0x0a0b))) == "0000000000000a0b")
        #expect(hexadecimal(Resource.bytes(of: ResourceID(rawValue: 7))) == "00000007")
        #expect(hexadecimal(DueEntry.bytes(of: due)) == "0000000000000102010000000000000304")
        #expect(
            hexadecimal(MemberKey.bytes(of: member)) == "00000000000000010000000000000002"
        )
        #expect(hexadecimal(StoredAnswer.bytes(of: request)) == "612f62007231")
        #expect(hexadecimal(Breaker.bytes(of: .pool("p"))) == "0070")
        #expect(hexadecimal(Breaker.bytes(of: .resource(ResourceID(rawValue: 7)))) == "0100000007")
        let quota = QuotaKey(tenant: "a", kind: .gpu)
        #expect(hexadecimal(Quota.bytes(of: quota)) == "6100677075")
    }

    private func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private func bytes(_ hexadecimal: String) -> [UInt8] {
        let digits = hexadecimal.compactMap(\.hexDigitValue)
        return stride(from: 0, to: digits.count - 1, by: 2).map {
            UInt8(digits[$0] << 4 | digits[$0 + 1])
        }
    }
}
