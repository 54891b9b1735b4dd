// Transactions: all or nothing, snapshots that end with their scope, misuse that stops the process.
//
// That a span or a transaction can not outlive its scope, and that a transaction is committed at
// most once, is the compiler's to prove: both types are noncopyable and only ever lent.

import TenureLMDB
import Testing

@Suite("Transactions")
struct TransactionTests {
    private struct Foreign: Error, Equatable {}

    @Test
    func `a scope that throws leaves nothing of what it did`() throws {
        let scratch = try Scratch()
        let (environment, table) = try scratch.open()
        try fill(environment, table, 0..<10)
        let before = try environment.facts().transaction
        #expect(throws: StoreError.busy) {
            try environment.write { (transaction) throws(StoreError) in
                try transaction.put(table, key: key(99), value: [1])
                try transaction.delete(table, key: key(3))
                throw .busy
            }
        }
        #expect(try everything(environment, table).map(\.key) == (0..<10).map(key))
        #expect(try environment.facts().transaction == before)
    }

    @Test
    func `an abandoned scope carries its value out and its changes nowhere`() throws {
        let scratch = try Scratch()
        let (environment, table) = try scratch.open()
        let result: Result<Int, Foreign> = try environment.writeOrAbandon {
            (transaction) throws(StoreError) in
            try transaction.put(table, key: [1], value: [1])
            return .abandon(.failure(Foreign()))
        }
        #expect(result == .failure(Foreign()))
        #expect(try environment.entryCounts([table]) == [0])
    }

    @Test
    func `a scope that changes nothing commits nothing`() throws {
        let scratch = try Scratch()
        let (environment, table) = try scratch.open()
        let before = try environment.facts()
        let existed = try environment.write { (transaction) throws(StoreError) in
            try transaction.delete(table, key: [1])
        }
        #expect(!existed)
        #expect(try environment.facts() == before)
    }

    @Test
    func `a snapshot does not see what is committed while it lives`() throws {
        let scratch = try Scratch()
        let (environment, table) = try scratch.open()
        try fill(environment, table, 0..<5)
        try environment.read { (transaction) throws(StoreError) in
            try environment.write { (writing) throws(StoreError) in
                try writing.put(table, key: key(5), value: [])
            }
            #expect(try transaction.count(of: table) == 5)
        }
        #expect(try environment.entryCounts([table]) == [6])
    }

    @Test
    func `L8: a persistent reader sees the newest commit at each call`() throws {
        let scratch = try Scratch()
        let (environment, table) = try scratch.open()
        let reader = try PersistentReader(environment)
        for number in UInt64(0)..<50 {
            #expect(try reader.get(table, key: key(number)) { _ in true } == nil)
            try fill(environment, table, [number])
            let stored = try reader.get(table, key: key(number)) { value in value.copied }
            #expect(stored == value(of: number))
        }
        try reader.read { (snapshot) throws(StoreError) in
            try environment.write { (transaction) throws(StoreError) in
                _ = try transaction.delete(table, key: key(7))
            }
            #expect(try snapshot.contains(table, key: key(7)))
        }
        #expect(try reader.get(table, key: key(7)) { _ in true } == nil)
    }

    @Test
    func `L8: an idle persistent reader pins no page`() throws {
        func pages(withReader: Bool) throws -> Int {
            let scratch = try Scratch()
            let (environment, table) = try scratch.open()
            let reader = withReader ? try PersistentReader(environment) : nil
            for number in UInt64(0)..<300 {
                try fill(environment, table, [number % 10])
                _ = try reader?.get(table, key: key(1)) { _ in true }
            }
            return try environment.facts().lastPage
        }
        #expect(try pages(withReader: true) == pages(withReader: false))
    }

    @Test
    func `L8: a persistent reader that throws is free again`() throws {
        let scratch = try Scratch()
        let (environment, table) = try scratch.open()
        try fill(environment, table, 0..<5)
        let reader = try PersistentReader(environment)
        for _ in 0..<100 {
            #expect(throws: StoreError.busy) {
                try reader.get(table, key: key(1)) { (_) throws(StoreError) in throw .busy }
            }
        }
        #expect(try reader.get(table, key: key(1)) { _ in true } == true)
    }

    @Test
    func `more readers than slots are refused, and slots come back`() throws {
        let scratch = try Scratch()
        let (environment, _) = try scratch.open()
        for _ in 0..<3 {
            var readers: [PersistentReader] = []
            #expect(throws: StoreError.readersFull) {
                while true { readers.append(try PersistentReader(environment)) }
            }
            #expect(readers.count > 20)
        }
    }

    @Test
    func `L2: a write transaction inside a write transaction stops the process`() async {
        await #expect(processExitsWith: .failure) {
            let scratch = try Scratch()
            let (environment, table) = try scratch.open()
            try environment.write { (transaction) throws(StoreError) in
                try transaction.put(table, key: [1], value: [1])
                try environment.write { (_) throws(StoreError) in }
            }
        }
    }

    @Test
    func `L4: a table of another environment stops the process`() async {
        await #expect(processExitsWith: .failure) {
            let (mine, other) = (try Scratch(), try Scratch())
            let (_, table) = try other.open()
            let (environment, _) = try mine.open()
            try environment.read { (transaction) throws(StoreError) in
                _ = try transaction.get(table, key: [1])
            }
        }
    }

    @Test
    func `L1: a use after the end of the environment stops the process`() async {
        await #expect(processExitsWith: .failure) {
            let scratch = try Scratch()
            let (environment, _) = try scratch.open()
            environment.close()
            _ = try environment.facts()
        }
    }

    @Test
    func `L1: closing under a live snapshot stops the process`() async {
        await #expect(processExitsWith: .failure) {
            let scratch = try Scratch()
            let (environment, _) = try scratch.open()
            try environment.read { (_) throws(StoreError) in environment.close() }
        }
    }
}
