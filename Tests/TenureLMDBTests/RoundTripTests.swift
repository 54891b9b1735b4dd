// What goes in comes out: single rows, all sizes, a long random history against a dictionary.

import TenureLMDB
import Testing

@Suite("Rows")
struct RoundTripTests {
    @Test(arguments: [0, 1, 100, 2_000, 5_000, 100_000])
    func `a value of any size comes back as it was`(count: Int) throws {
        let scratch = try Scratch()
        let (environment, table) = try scratch.open()
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        try environment.write { (transaction) throws(StoreError) in
            try transaction.put(table, key: [1], value: bytes)
            #expect(try transaction.get(table, key: [1]) == bytes)
        }
        let stored = try environment.read { (transaction) throws(StoreError) in
            try transaction.get(table, key: [1])
        }
        #expect(stored == bytes)
    }

    @Test(arguments: [1, 2, 8, 510, 511])
    func `a key of 1 to 511 bytes finds its row`(count: Int) throws {
        let scratch = try Scratch()
        let (environment, table) = try scratch.open()
        let key = [UInt8](repeating: 7, count: count)
        try environment.write { (transaction) throws(StoreError) in
            try transaction.put(table, key: key, value: [9])
        }
        try environment.read { (transaction) throws(StoreError) in
            #expect(try transaction.get(table, key: key) == [9])
            #expect(try transaction.contains(table, key: key))
        }
    }

    @Test(arguments: [0, 512, 5_000])
    func `a key of another length is refused by every call`(count: Int) throws {
        let scratch = try Scratch()
        let (environment, table) = try scratch.open()
        let key = [UInt8](repeating: 7, count: count)
        let refusal = StoreError.invalidKey(byteCount: count)
        #expect(throws: refusal) {
            try environment.write { (transaction) throws(StoreError) in
                try transaction.put(table, key: key, value: [9])
            }
        }
        #expect(throws: refusal) {
            try environment.write { (transaction) throws(StoreError) in
                try transaction.delete(table, key: key)
            }
        }
        #expect(throws: refusal) {
            try environment.read { (transaction) throws(StoreError) in
                try transaction.get(table, key: key)
            }
        }
        #expect(throws: refusal) {
            try environment.read { (transaction) throws(StoreError) in
                try transaction.neighbours(table, key: key)
            }
        }
    }

    @Test
    func `a long random history leaves what a dictionary has, and so does a new opening`() throws {
        let scratch = try Scratch()
        var chance = Chance(seed: 1)
        var model: [[UInt8]: [UInt8]] = [:]
        do {
            let (environment, table) = try scratch.open()
            for _ in 0..<40 {
                var changed = model
                try environment.write { (transaction) throws(StoreError) in
                    for _ in 0..<100 {
                        let key = key(UInt64.random(in: 0..<2_000, using: &chance))
                        if Bool.random(using: &chance) {
                            let length = Int.random(in: 0..<400, using: &chance)
                            let value = [UInt8](repeating: key[7], count: length)
                            try transaction.put(table, key: key, value: value)
                            changed[key] = value
                        } else {
                            let existed = try transaction.delete(table, key: key)
                            #expect(existed == (changed.removeValue(forKey: key) != nil))
                        }
                    }
                }
                model = changed
            }
            try compare(environment, table, model)
            environment.close()
        }
        let (environment, table) = try scratch.open()
        try compare(environment, table, model)
    }

    @Test
    func `deleting all rows of a table leaves the other table alone`() throws {
        let scratch = try Scratch()
        let environment = try Environment.open(path: scratch.path)
        let tables = try environment.tables(["one", "two"])
        for table in tables { try fill(environment, table, 0..<500) }
        try environment.write { (transaction) throws(StoreError) in
            try transaction.deleteAll(in: tables[0])
        }
        #expect(try environment.entryCounts(tables) == [0, 500])
    }

    private func compare(
        _ environment: Environment,
        _ table: Table,
        _ model: [[UInt8]: [UInt8]]
    ) throws {
        let reader = try PersistentReader(environment)
        for number in UInt64(0)..<2_000 {
            let stored = try reader.get(table, key: key(number)) { value in value.copied }
            #expect(stored == model[key(number)])
        }
        #expect(try environment.entryCounts([table]) == [model.count])
    }
}
