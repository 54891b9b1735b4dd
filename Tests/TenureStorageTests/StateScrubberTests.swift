// The scrub finds what no checksum of a single row can: rows that are lost or of another time.

import TenureLog
import TenureModel
import TenureStorage
import Testing

@Suite("Scrub")
struct StateScrubberTests {
    private let store = SimulatedStateStore(ledger: Scratch.id)
    private var model = ModelState(seed: 71)

    init() throws {
        model.change(30)
        try store.commit(model.freeze(), seal: .zero)
    }

    /// One whole pass.
    private func pass(_ scrubber: StateScrubber, slice: Int = 7) throws(RowFault) -> ScrubFigures {
        while true {
            if let figures = try scrubber.step(slice) { return figures }
        }
    }

    @Test(arguments: [1, 7, 100_000])
    func `a whole state is found whole, again and again`(slice: Int) throws {
        let scrubber = try StateScrubber(store)
        for _ in 0..<3 {
            let figures = try pass(scrubber, slice: slice)
            #expect(figures.comparedDigest)
            #expect(figures.rows == store.checkpoint.counts.total)
        }
    }

    @Test
    func `the digest is not compared when a checkpoint came in between`() throws {
        var model = model
        let scrubber = try StateScrubber(store)
        #expect(try scrubber.step(5) == nil)
        model.change(5)
        try store.commit(model.freeze(), seal: .zero)
        #expect(try pass(scrubber).comparedDigest == false)
        #expect(try pass(scrubber).comparedDigest)
    }

    /// Rows come, change and go on both sides of the place that a pass has come to.
    @Test(arguments: [1, 3, 20, 100_000])
    func `a pass follows the checkpoints that are told about it`(slice: Int) throws {
        var model = model
        let scrubber = try StateScrubber(store)
        var (passes, steps, followed, scattered) = (0, 0, 0, 0)
        while passes < 5 {
            steps += 1
            if let figures = try scrubber.step(slice) {
                #expect(figures.comparedDigest)
                passes += 1
            }
            // The pass must be faster than what comes.
            guard steps.isMultiple(of: max(1, 40 / slice)) else { continue }
            model.change(1)
            let frontier = scrubber.frontier
            let figures = try store.commit(model.freeze(), seal: .zero, frontier: frontier)
            scrubber.follow(figures, to: store.checkpoint)
            if frontier != nil { followed += 1 }
            if figures.behindFrontier != StateDelta() { scattered += 1 }
        }
        #expect(followed > 0)
        #expect(scattered > 0)
    }

    @Test
    func `I10: a lost row is found although checkpoints were followed`() throws {
        var model = model
        let scrubber = try StateScrubber(store)
        let key = try #require(store.rows[.leases]?.keys.first)
        store.replace(.leases, key: key, by: nil)
        for _ in RowTable.counted { #expect(try scrubber.step(100_000) == nil) }
        model.change(1)
        let changes = model.freeze()
        let figures = try store.commit(changes, seal: .zero, frontier: scrubber.frontier)
        scrubber.follow(figures, to: store.checkpoint)
        #expect(throws: RowFault.self) { try pass(scrubber) }
    }

    @Test(arguments: RowTable.counted)
    func `I10: a lost, a stale and a damaged row of any table are found`(
        table: RowTable
    ) throws {
        let row = try #require(store.rows[table]?.min { $0.key.lexicographicallyPrecedes($1.key) })
        let scrubber = try StateScrubber(store)
        store.replace(table, key: row.key, by: nil)
        #expect(throws: RowFault.self) { try pass(scrubber) }

        // The same row as it was one change before: its checksum is right.
        var codec = RowCodec(ledger: Scratch.id)
        let stale = try codec.moved(table, key: row.key, value: row.value)
        store.replace(table, key: row.key, by: stale)
        #expect(codec.verify(table, key: row.key, value: stale) != nil)
        #expect(throws: RowFault.self) { try pass(StateScrubber(store)) }

        store.replace(table, key: row.key, by: row.value)
        #expect(try pass(StateScrubber(store)).comparedDigest)
        store.flip(bit: 8 * (row.value.count - 1), of: table, key: row.key)
        #expect(throws: RowFault.self) { try pass(StateScrubber(store)) }
    }
}

extension RowCodec {
    /// A row of any table with another position of its last change, and the checksum that fits.
    mutating func moved(
        _ table: RowTable,
        key: [UInt8],
        value: [UInt8]
    ) throws(RowFault) -> [UInt8] {
        switch table {
        case .meta: value
        case .pools: try moved(Pool.self, key, value)
        case .resources: try moved(Resource.self, key, value)
        case .quotas: try moved(Quota.self, key, value)
        case .leases: try moved(Lease.self, key, value)
        case .sessions: try moved(Session.self, key, value)
        case .storedAnswers: try moved(StoredAnswer.self, key, value)
        case .usage: try moved(TenantUsage.self, key, value)
        case .due: try moved(DueEntry.self, key, value)
        case .members: try moved(MemberKey.self, key, value)
        case .tickets: try moved(Ticket.self, key, value)
        case .bookings: try moved(Booking.self, key, value)
        case .windows: try moved(Window.self, key, value)
        case .budgets: try moved(Budget.self, key, value)
        case .tenantLimits: try moved(TenantLimits.self, key, value)
        case .breakers: try moved(Breaker.self, key, value)
        case .preemptible: try moved(PreemptibleKey.self, key, value)
        case .reclaimable: try moved(ReclaimableKey.self, key, value)
        }
    }

    private mutating func moved<Row: StorableRow>(
        _ type: Row.Type,
        _ key: [UInt8],
        _ value: [UInt8]
    ) throws(RowFault) -> [UInt8] {
        let row = try decode(type, keyBytes: key, value: value)
        return encode(row, key: key, position: 1_000_000).value
    }
}
