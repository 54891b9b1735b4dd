// The pre-open check against short files, foreign files, and every bit of both meta pages.

import TenureLMDB
import Testing

@Suite("Pre-open check")
struct PreOpenCheckTests {
    @Test
    func `what is sound is called sound, from birth on`() throws {
        let scratch = try Scratch()
        #expect(PreOpenCheck.run(directory: scratch.path) == .absent)
        try scratch.writeDataFile([])
        #expect(PreOpenCheck.run(directory: scratch.path) == .empty)
        let newborn = try Environment.open(path: scratch.path)
        try requireSound(scratch, transaction: 0)
        newborn.close()
        for round in UInt64(0)..<20 {
            let (environment, table) = try scratch.open()
            try fill(environment, table, 0..<(round * 40 + 1))
            environment.close()
            try requireSound(scratch, transaction: round + 2)
        }
    }

    @Test(arguments: [1, 16, 4_095, 4_096, 8_191])
    func `a file shorter than its meta pages is damaged`(count: Int) throws {
        let (scratch, bytes) = try sample()
        try scratch.writeDataFile(Array(bytes[..<count]))
        try requireDamaged(scratch)
    }

    @Test
    func `a file that ends before its roots is damaged`() throws {
        let (scratch, bytes) = try sample()
        try scratch.writeDataFile(Array(bytes[..<8_192]))
        try requireDamaged(scratch)
    }

    @Test
    func `a file whose metas are zero, foreign or swapped is damaged`() throws {
        let (scratch, bytes) = try sample()
        let zero = [UInt8](repeating: 0, count: 4_096)
        let (first, second) = (Array(bytes[..<4_096]), Array(bytes[4_096..<8_192]))
        let rest = Array(bytes[8_192...])
        let foreign = [UInt8]("SQLite format 3\0".utf8) + bytes[16...]
        let files: [[UInt8]] = [
            zero + zero + rest, zero + second + rest, first + zero + rest, second + first + rest,
            first + first + rest, foreign,
        ]
        for wrong in files {
            try scratch.writeDataFile(wrong)
            try requireDamaged(scratch)
        }
    }

    @Test
    func `a directory in the file's place is not read`() throws {
        let scratch = try Scratch()
        let inner = try Scratch()
        #expect(PreOpenCheck.run(directory: inner.path + "/data.mdb/none") == .absent)
        #expect(throws: StoreError.self) { try Environment.open(path: scratch.path + "/data.mdb") }
    }

    /// Offsets in a meta page whose every bit the check must guard: header, magic, version,
    /// address, and page size, flags, depth and root of both trees; a root may pass for an older
    /// version of itself, which the next test deals with.
    private static let guarded: [Range<Int>] = [
        0..<8, 10..<12, 16..<32, 40..<48, 88..<96,
    ]

    @Test(arguments: [0, 1], guarded)
    func `every flipped bit of what LMDB trusts most is refused`(
        page: Int,
        field: Range<Int>
    ) throws {
        let (scratch, bytes) = try sample()
        for offset in field {
            for bit in 0..<8 {
                var wrong = bytes
                wrong[page * 4_096 + offset] ^= 1 << UInt8(bit)
                try scratch.writeDataFile(wrong)
                let verdict = PreOpenCheck.run(directory: scratch.path)
                guard case .damaged = verdict else {
                    Issue.record("bit \(bit) of byte \(offset) of page \(page): \(verdict)")
                    continue
                }
            }
        }
    }

    @Test(arguments: [0, 1])
    func `L9: no flipped bit of a meta page leads to rows that were never together`(
        page: Int
    ) throws {
        let (scratch, bytes) = try sample()
        var opened = 0
        for offset in 0..<152 {
            for bit in 0..<8 {
                var wrong = bytes
                wrong[page * 4_096 + offset] ^= 1 << UInt8(bit)
                try scratch.writeDataFile(wrong)
                guard case .sound = PreOpenCheck.run(directory: scratch.path) else { continue }
                opened += try readsOneSnapshot(scratch) ? 1 : 0
            }
        }
        #expect(opened > 0, "padding at least is not guarded")
    }

    @Test(arguments: [EnvironmentOptions.Access.readWrite, .audit])
    func `L9: a meta page that leads to the rows of the commit before is refused`(
        access: EnvironmentOptions.Access
    ) throws {
        let (scratch, bytes) = try sample()
        let (newest, older) = metas(of: bytes)
        var wrong = bytes
        wrong.replaceSubrange(
            (newest + 88)..<(newest + 136),
            with: bytes[(older + 88)..<(older + 136)]
        )
        try scratch.writeDataFile(wrong)
        let environment = try Environment.open(
            path: scratch.path,
            options: EnvironmentOptions(access: access)
        )
        let error = #expect(throws: StoreError.self) { try environment.tables(["rows"]) }
        #expect(error?.description.contains("leads to the rows of transaction 22, not 23") == true)
    }

    @Test
    func `a root that states another page's number is refused`() throws {
        let (scratch, bytes) = try sample()
        let (newest, older) = metas(of: bytes)
        let (root, other) = (number(bytes, newest + 128), number(bytes, older + 128))
        try #require(root != other)
        var wrong = bytes
        let source = bytes[(other * 4_096)..<(other * 4_096 + 4_096)]
        wrong.replaceSubrange((root * 4_096)..<(root * 4_096 + 4_096), with: source)
        try scratch.writeDataFile(wrong)
        let verdict = PreOpenCheck.run(directory: scratch.path)
        #expect(verdict == .damaged("page \(root) states that it is page \(other)"))
    }

    /// Where the newest and the older meta page of `bytes` start.
    private func metas(of bytes: [UInt8]) -> (newest: Int, older: Int) {
        number(bytes, 144) > number(bytes, 4_096 + 144) ? (0, 4_096) : (4_096, 0)
    }

    private func number(_ bytes: [UInt8], _ offset: Int) -> Int {
        (0..<8).reduce(0) { $0 | Int(bytes[offset + $1]) << (8 * $1) }
    }

    /// The rows of the last two commits of `sample`, by number of commit.
    private func readsOneSnapshot(_ scratch: Scratch) throws -> Bool {
        let options = EnvironmentOptions(access: .audit)
        do {
            let audit = try Environment.open(path: scratch.path, options: options)
            defer { audit.close() }
            let table = try #require(try audit.tables(["rows"]).first)
            let rows = try everything(audit, table)
            let newest = rows.map(\.value) == (0..<220).map(value)
            let older = rows.map(\.value) == (0..<210).map(value)
            #expect(newest || older)
            return true
        } catch StoreError.damaged {
            return false
        } catch StoreError.noSuchTable {
            return false
        }
    }

    /// A closed environment after several commits, the last of which added rows 210 to 219.
    private func sample() throws -> (Scratch, [UInt8]) {
        let scratch = try Scratch()
        let (environment, table) = try scratch.open(mapBytes: 1 << 30)
        for commit in UInt64(0)..<22 {
            try fill(environment, table, (commit * 10)..<(commit * 10 + 10))
        }
        environment.close()
        return (scratch, try scratch.readDataFile())
    }

    private func requireSound(_ scratch: Scratch, transaction: UInt64) throws {
        let verdict = PreOpenCheck.run(directory: scratch.path)
        guard case .sound(let facts) = verdict else {
            Issue.record("\(verdict)")
            return
        }
        #expect(facts.transaction == transaction)
    }

    private func requireDamaged(_ scratch: Scratch) throws {
        guard case .damaged = PreOpenCheck.run(directory: scratch.path) else {
            Issue.record("called \(PreOpenCheck.run(directory: scratch.path))")
            return
        }
        #expect(throws: StoreError.self) { try Environment.open(path: scratch.path) }
    }
}
