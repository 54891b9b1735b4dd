// A page written to another page's place: rows come back right, or the damage is told.

import TenureLMDB
import Testing

@Suite("Misplaced pages")
struct MisplacedPageTests {
    private static let pageBytes = 4_096
    private static let rows = UInt64(0)..<3_000

    @Test(arguments: 0..<20)
    func `L5: a leaf over another leaf is never a wrong row nor a silent miss`(
        seed: Int
    ) throws {
        let scratch = try Scratch()
        let (environment, table) = try scratch.open(mapBytes: 1 << 30)
        // Every second number, so that there are gaps to ask for.
        try fill(environment, table, Self.rows.lazy.map { $0 * 2 })
        environment.close()
        var bytes = try scratch.readDataFile()
        let leaves = leaves(of: bytes)
        try #require(leaves.count > 50)
        var chance = Chance(seed: UInt64(seed))
        let from = try #require(leaves.randomElement(using: &chance))
        let over = try #require(leaves.filter { $0 != from }.randomElement(using: &chance))
        let source = bytes[(from * Self.pageBytes)..<((from + 1) * Self.pageBytes)]
        bytes.replaceSubrange((over * Self.pageBytes)..<((over + 1) * Self.pageBytes), with: source)
        try scratch.writeDataFile(bytes)
        let (told, believed) = try ask(scratch)
        #expect(told > 0, "page \(from) over \(over) was not noticed")
        #expect(believed > 0)
    }

    /// Asks for every key and every gap: how many answers told of damage, how many were right.
    private func ask(_ scratch: Scratch) throws -> (told: Int, believed: Int) {
        let audit = try Environment.open(
            path: scratch.path,
            options: EnvironmentOptions(access: .audit)
        )
        let table = try #require(try audit.tables(["rows"]).first)
        let reader = try PersistentReader(audit)
        var (told, believed) = (0, 0)
        for number in 0..<(Self.rows.upperBound * 2) {
            do {
                let stored = try reader.get(table, key: key(number)) { value in value.copied }
                #expect(stored == (number % 2 == 0 ? value(of: number / 2 * 2) : nil))
                believed += 1
            } catch StoreError.damaged {
                told += 1
            }
        }
        return (told, believed)
    }

    /// The leaves that hold rows of the sample: those with the type of a leaf and many rows.
    private func leaves(of bytes: [UInt8]) -> [Int] {
        (2..<(bytes.count / Self.pageBytes)).filter { page in
            let start = page * Self.pageBytes
            let lower = Int(bytes[start + 12]) | Int(bytes[start + 13]) << 8
            return bytes[start + 10] == 2 && bytes[start + 11] == 0 && lower > 16 + 2 * 20
        }
    }
}
