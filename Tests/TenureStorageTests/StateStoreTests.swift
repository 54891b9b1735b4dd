// Checkpoints: rows, counts and digest move together, in both stores alike.

import TenureLMDB
import TenureLog
import TenureModel
import TenureStorage
import TenureTesting
import Testing

/// Which store a test runs against.
enum StoreChoice: String, CaseIterable {
    case simulated
    case lmdb
}

@Suite("State store", .computing)
struct StateStoreTests {
    private let scratch: Scratch

    init() throws {
        scratch = try Scratch()
    }

    private func make(_ choice: StoreChoice) throws -> any StateStore {
        switch choice {
        case .simulated:
            return SimulatedStateStore(ledger: Scratch.id)
        case .lmdb:
            try scratch.create()
            return try LMDBStateStore.open(
                in: scratch.ledger,
                on: HostDisk(root: scratch.ledger),
                ledger: Scratch.id
            )
        }
    }

    private func seal(_ byte: UInt8) throws -> Seal {
        try #require(Seal(bytes: [UInt8](repeating: byte, count: 32)))
    }

    @Test(arguments: StoreChoice.allCases)
    func `I6: digest and counts kept step by step are those computed anew`(
        choice: StoreChoice
    ) throws {
        let store = try make(choice)
        var model = ModelState(seed: 21)
        for round in 0..<12 {
            model.change(25)
            try store.commit(model.freeze(), seal: seal(UInt8(round)))
            let (digest, counts) = try StateDigest.of(model.rows, ledger: Scratch.id)
            #expect(store.checkpoint.digest == digest)
            #expect(store.checkpoint.counts == counts)
            #expect(store.checkpoint.facts == model.rows.facts)
            #expect(store.checkpoint.seal == (try seal(UInt8(round))))
        }
    }

    @Test(arguments: StoreChoice.allCases)
    func `every row is read back as it was committed`(choice: StoreChoice) throws {
        let store = try make(choice)
        var model = ModelState(seed: 22)
        for _ in 0..<5 {
            model.change(40)
            try store.commit(model.freeze(), seal: .zero)
        }
        let cache = try FrontCache(store)
        try expectRows(cache, of: model)
    }

    @Test
    func `both stores keep the same bytes`() throws {
        let disk = try make(.lmdb)
        let memory = SimulatedStateStore(ledger: Scratch.id)
        var model = ModelState(seed: 23)
        for _ in 0..<5 {
            model.change(40)
            let changes = model.freeze()
            try disk.commit(changes, seal: .zero)
            try memory.commit(changes, seal: .zero)
        }
        #expect(disk.checkpoint == memory.checkpoint)
        let (one, other) = (try disk.makeReader(), try memory.makeReader())
        for table in RowTable.counted {
            for prefix in [[], [0], [0x6e, 0x61]] as [[UInt8]] {
                let start = prefix.isEmpty ? ScanStart.first : .at(prefix)
                let left = try one.rows(table, from: start, prefix: prefix, limit: 300)
                let right = try other.rows(table, from: start, prefix: prefix, limit: 300)
                #expect(left == right)
                for row in left.prefix(5) {
                    let neighbours = try one.neighbours(table, of: row.key)
                    #expect(neighbours == (try other.neighbours(table, of: row.key)))
                }
            }
        }
    }

    @Test(arguments: StoreChoice.allCases)
    func `a row that is deleted and was never stored changes nothing`(
        choice: StoreChoice
    ) throws {
        let store = try make(choice)
        var changes = FrozenChanges()
        changes.facts.position = 3
        changes.leases[LeaseID(rawValue: 9)] = Changed(value: nil, position: 3)
        try store.commit(changes, seal: .zero)
        #expect(store.checkpoint.counts.total == 0)
        #expect(store.checkpoint.digest == StateDigest())
    }

    @Test
    func `I10: a damaged row is found when it is read and when it is replaced`() throws {
        let store = SimulatedStateStore(ledger: Scratch.id)
        var model = ModelState(seed: 24)
        model.change(8)
        let changes = model.freeze()
        try store.commit(changes, seal: .zero)
        for (table, rows) in store.rows {
            for (key, value) in rows {
                #expect(throws: Never.self) { try readAll(store, table) }
                for bit in stride(from: 0, to: value.count * 8, by: 7) {
                    store.flip(bit: bit, of: table, key: key)
                    #expect(throws: RowFault.self) { try readAll(store, table) }
                    store.flip(bit: bit, of: table, key: key)
                }
            }
        }
        let lease = try #require(changes.leases.first { $0.value.value != nil })
        store.flip(bit: 100, of: .leases, key: Lease.bytes(of: lease.key))
        let before = store.checkpoint
        #expect(throws: StorageError.self) { try store.commit(changes, seal: .zero) }
        #expect(store.checkpoint == before)
    }

    @Test
    func `a checkpoint that failed leaves the one before`() throws {
        let store = SimulatedStateStore(ledger: Scratch.id)
        var model = ModelState(seed: 25)
        model.change(10)
        let changes = model.freeze()
        let full = StorageError.full(Trouble("full", at: "disk", "make room"))
        store.failNext(full)
        #expect(throws: full) { try store.commit(changes, seal: .zero) }
        #expect(store.checkpoint == StoredCheckpoint(ledger: Scratch.id))
        try store.commit(changes, seal: .zero)
        #expect(
            store.checkpoint.digest == (try StateDigest.of(model.rows, ledger: Scratch.id).digest)
        )
    }

    /// Reads every row of a table as rows are read wherever they are used.
    private func readAll(_ store: SimulatedStateStore, _ table: RowTable) throws {
        var codec = RowCodec(ledger: Scratch.id)
        for row in try store.makeReader().rows(table, from: .first, prefix: [], limit: 1000) {
            try codec.check(table, key: row.key, value: row.value)
        }
    }
}

/// Compares what a row source says with the model.
func expectRows(_ source: any RowSource, of model: ModelState) throws {
    for (id, row) in model.all.leases { #expect(try source.lease(id) == row.value) }
    for (id, row) in model.all.sessions { #expect(try source.session(id) == row.value) }
    for (key, row) in model.all.storedAnswers {
        #expect(try source.storedAnswer(key) == row.value)
    }
    for (tenant, row) in model.all.usage { #expect(try source.usage(tenant) == row.value) }
    let rows = model.rows
    #expect(try source.leases(after: nil, limit: .max) == rows.leases.sortedRows())
    #expect(try source.sessions(after: nil, limit: .max) == rows.sessions.sortedRows())
    #expect(try source.due(after: nil, limit: .max) == rows.due.sortedRows())
    for session in 0..<5 {
        let id = SessionID(rawValue: UInt64(session))
        let members = rows.members.keys.filter { $0.session == id }.sorted().map(\.lease)
        #expect(try source.members(of: id, after: nil, limit: .max) == members)
        if let first = members.first {
            let rest = try source.members(of: id, after: first, limit: 2)
            #expect(rest == Array(members.dropFirst().prefix(2)))
        }
        let pool = "pool-\(session)"
        let giving = rows.preemptible.keys.filter { $0.pool == pool }.sorted()
        #expect(try source.preemptible(in: pool, after: nil, limit: .max) == giving)
        if let first = giving.first {
            let rest = try source.preemptible(in: pool, after: first, limit: 2)
            #expect(rest == Array(giving.dropFirst().prefix(2)))
        }
        try expectReclaimable(source, in: pool, rows.reclaimable.keys.sorted())
    }
}

private func expectReclaimable(
    _ source: any RowSource,
    in pool: String,
    _ all: [ReclaimableKey]
) throws {
    let keys = all.filter { $0.pool == pool }
    #expect(try source.reclaimable(in: pool, of: nil, after: nil, limit: .max) == keys)
    for tenant in (0..<3).map({ "team-\($0)" }) {
        let own = keys.filter { $0.tenant == tenant }
        #expect(try source.reclaimable(in: pool, of: tenant, after: nil, limit: .max) == own)
        // The next tenant is behind the last key that a tenant can have.
        let end = ReclaimableKey(endOf: tenant, in: pool)
        let next = keys.filter { $0.tenant > tenant }.prefix(1)
        #expect(try source.reclaimable(in: pool, of: nil, after: end, limit: 1) == Array(next))
    }
}

extension Dictionary where Key: Comparable {
    func sortedRows<Row>() -> [Row] where Value == Changed<Row> {
        sorted { $0.key < $1.key }.compactMap(\.value.value)
    }
}
