// Scans and neighbours against a sorted array, in both kinds of transaction.

import TenureLMDB
import Testing

@Suite("Order")
struct OrderTests {
    /// Even numbers, so that every odd one is a gap.
    private let rows = (UInt64(1)...300).map { $0 * 2 }

    @Test
    func `a scan gives every row once, in the order of keys`() throws {
        let scratch = try Scratch()
        let (environment, table) = try scratch.open()
        try fill(environment, table, rows.shuffled())
        let scanned = try everything(environment, table)
        #expect(scanned.map(\.key) == rows.map(key))
        #expect(scanned.map(\.value) == rows.map(value))
    }

    @Test
    func `a scan starts where it is told, in a gap and on a row`() throws {
        let scratch = try Scratch()
        let (environment, table) = try scratch.open()
        try fill(environment, table, rows)
        try environment.read { (transaction) throws(StoreError) in
            for number in UInt64(0)...602 {
                let at = try firstOfScan(transaction, table, .at(key(number)))
                #expect(at == rows.first { $0 >= number }.map(key))
                let after = try firstOfScan(transaction, table, .after(key(number)))
                #expect(after == rows.first { $0 > number }.map(key))
            }
        }
    }

    @Test
    func `a scan ends when its body says so`() throws {
        let scratch = try Scratch()
        let (environment, table) = try scratch.open()
        try fill(environment, table, rows)
        var seen = 0
        try environment.read { (transaction) throws(StoreError) in
            try transaction.scan(table) { (_, _) throws(StoreError) in
                seen += 1
                return seen == 10 ? .stop : .next
            }
        }
        #expect(seen == 10)
    }

    @Test
    func `neighbours, floor and ceiling agree with a sorted array for every key and gap`() throws {
        let scratch = try Scratch()
        let (environment, table) = try scratch.open()
        try fill(environment, table, rows)
        try environment.read { (transaction) throws(StoreError) in
            try compare(transaction, table)
        }
        try environment.write { (transaction) throws(StoreError) in
            try compare(transaction, table)
        }
    }

    @Test
    func `an empty table has no first, no last, no neighbours and nothing to scan`() throws {
        let scratch = try Scratch()
        let (environment, table) = try scratch.open()
        try environment.read { (transaction) throws(StoreError) in
            #expect(try transaction.first(table) { (key, _) in key.copied } == nil)
            #expect(try transaction.last(table) { (key, _) in key.copied } == nil)
            #expect(try transaction.get(table, key: [1]) == nil)
            let around = try transaction.neighbours(table, key: [1])
            #expect(around.before == nil && around.after == nil)
        }
        #expect(try everything(environment, table).isEmpty)
    }

    @Test
    func `keys of different lengths are ordered as bytes`() throws {
        let scratch = try Scratch()
        let (environment, table) = try scratch.open()
        let keys: [[UInt8]] = [
            [0], [0, 0], [0, 255], [1], [1, 0], [127], [128], [255], [255, 255],
        ]
        try environment.write { (transaction) throws(StoreError) in
            for key in keys.reversed() { try transaction.put(table, key: key, value: key) }
        }
        #expect(try everything(environment, table).map(\.key) == keys)
    }

    private func firstOfScan(
        _ transaction: borrowing ReadTransaction,
        _ table: Table,
        _ start: ScanStart
    ) throws(StoreError) -> [UInt8]? {
        var first: [UInt8]?
        try transaction.scan(table, from: start) { (key, _) throws(StoreError) in
            first = key.copied
            return .stop
        }
        return first
    }

    private func compare(
        _ transaction: borrowing some StoreReading & ~Copyable,
        _ table: Table
    ) throws(StoreError) {
        for number in UInt64(0)...602 {
            let before = rows.last { $0 < number }.map(key)
            let after = rows.first { $0 > number }.map(key)
            let hasRow = rows.contains(number)
            let around = try transaction.neighbours(table, key: key(number))
            #expect(around.before == before)
            #expect(around.after == after)
            let floor = try transaction.floor(table, key: key(number)) { (key, _) in key.copied }
            #expect(floor == (hasRow ? key(number) : before))
            let ceiling = try transaction.ceiling(table, key: key(number)) { (key, _) in
                key.copied
            }
            #expect(ceiling == (hasRow ? key(number) : after))
            #expect(try transaction.contains(table, key: key(number)) == hasRow)
        }
        #expect(try transaction.first(table) { (key, _) in key.copied } == rows.first.map(key))
        #expect(try transaction.last(table) { (key, _) in key.copied } == rows.last.map(key))
        #expect(try transaction.count(of: table) == rows.count)
    }
}
