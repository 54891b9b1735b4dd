// The audit finds what was damaged, names its place, and writes nothing.

import Glibc
import TenureLog
import TenureModel
import TenureStorage
import TenureTesting
import Testing

/// A state of pools only, made from records.
private final class PoolState: ReplayedState {
    private var changes = FrozenChanges()

    func begin(from snapshot: LedgerState) {}

    func apply(_ events: [Event], at position: Position, time: LedgerTime) throws(RowFault) {
        for case .poolSet(let pool) in events {
            changes.pools[pool.name] = Changed(value: pool, position: position)
        }
        changes.facts.position = position
        changes.facts.time = time
    }

    func fault() throws(RowFault) -> String? { nil }

    func rows() throws(RowFault) -> FrozenChanges { changes }
}

@Suite("Verify", .computing)
struct VerifyTests {
    private let scratch: Scratch
    private let segment = "log/00000000000000000001.seg"

    /// One segment has room for everything.
    private let configuration = Scratch.configuration(segmentBytes: 256 << 10)

    /// Makes a ledger with 40 pools, the checkpoint at all but the last five of them.
    init() throws {
        scratch = try Scratch()
        try scratch.create(configuration)
        let storage = try Storage.prepare(
            at: scratch.ledger,
            configuration: configuration
        ).replay { _, _, _ in }
        let state = PoolState()
        for number in 1...40 as ClosedRange<UInt64> {
            let events = [Event.poolSet(Pool(name: "pool-\(number)", settings: PoolSettings()))]
            let payload = EventCodec.encode(events)
            let position = storage.log.append(time: number * 10, payload: payload)
            try storage.log.commit()
            guard number <= 35 else { continue }
            try state.apply(events, at: position, time: LedgerTime(nanoseconds: number * 10))
            if number == 35 { try storage.store.commit(state.rows(), seal: storage.log.seal) }
        }
    }

    private func verify(
        _ replayed: (any ReplayedState)? = nil
    ) throws(StorageError) -> VerifyReport {
        try Verify.run(at: scratch.ledger, runner: nil, replayed: replayed)
    }

    private func contents() throws -> [String: [UInt8]] {
        var contents: [String: [UInt8]] = [:]
        for directory in ["", "log", "archive", "state"] {
            for name in scratch.list(directory) {
                let path = directory.isEmpty ? name : "\(directory)/\(name)"
                if let bytes = try? scratch.read(path) { contents[path] = bytes }
            }
        }
        return contents
    }

    @Test
    func `I6: a whole ledger is found whole, and nothing is written`() throws {
        Scratch.remove("\(scratch.ledger)/state/lock.mdb")
        let before = try contents()
        let report = try verify(PoolState())
        #expect(report.findings.filter { $0.severity != .note } == [])
        #expect(report.exitCode == 0)
        #expect(report.replayAgrees == true)
        #expect(report.ledger == Scratch.id)
        #expect(report.log?.frames == 40)
        #expect(report.checkpoint?.position == 35)
        #expect(report.rows[.pools] == 35)
        #expect(report.rows.total == 35)
        let pages = try #require(report.pages)
        #expect(pages.live > 2 && pages.total >= pages.live)
        #expect(try contents() == before)
    }

    @Test
    func `I6: rows that do not follow from the log are found`() throws {
        final class Other: ReplayedState {
            let state = PoolState()
            func begin(from snapshot: LedgerState) {}
            func apply(_ events: [Event], at: Position, time: LedgerTime) throws(RowFault) {
                // Forgets one record.
                try state.apply(at == 7 ? [] : events, at: at, time: time)
            }
            func fault() throws(RowFault) -> String? { nil }

            func rows() throws(RowFault) -> FrozenChanges { try state.rows() }
        }
        let report = try verify(Other())
        #expect(report.replayAgrees == false)
        #expect(report.exitCode == 65)
        #expect(report.findings.contains { $0.place == "state: pools" })
    }

    @Test
    func `I10: every flipped bit of a live row is found`() throws {
        let bytes = try scratch.read("state/data.mdb")
        // The newest copy of this row; older pages hold others.
        let places = places(of: Array("pool-17".utf8), in: bytes)
        #expect(!places.isEmpty)
        for bit in stride(from: 0, to: 8 * 73, by: 37) {
            var damaged = bytes
            for place in places { damaged[place + 7 + bit / 8] ^= 1 << (bit % 8) }
            try scratch.write("state/data.mdb", damaged)
            let report = try verify()
            #expect(report.isDamaged)
            #expect(report.exitCode == 65)
        }
    }

    private func places(of text: [UInt8], in bytes: [UInt8]) -> [Int] {
        (0..<(bytes.count - text.count)).filter { bytes[$0] == text[0] }
            .filter { Array(bytes[$0..<($0 + text.count)]) == text }
    }

    @Test
    func `I10: a flipped bit in any used block of the log is found, with its place`() throws {
        let bytes = try scratch.read(segment)
        for block in 1...39 {
            var damaged = bytes
            damaged[block * 4096 + 160] ^= 4
            try scratch.write(segment, damaged)
            let report = try verify(PoolState())
            #expect(report.exitCode == 65)
            #expect(report.findings.contains { $0.place.contains("offset \(block * 4096)") })
            // Behind the checkpoint nothing keeps the stored rows from being compared.
            #expect(report.replayAgrees == (block > 35 ? true : nil))
        }
    }

    @Test
    func `a torn end is no damage, and is left as it is`() throws {
        var bytes = try scratch.read(segment)
        let last = try #require(bytes.lastIndex { $0 != 0 })
        bytes[last] ^= 1
        try scratch.write(segment, bytes)
        let report = try verify(PoolState())
        #expect(report.findings.filter { $0.severity == .damage } == [])
        #expect(report.findings.contains { $0.severity == .warning })
        #expect(report.replayAgrees == true)
        #expect(try scratch.read(segment) == bytes)
    }

    @Test
    func `a log that ends below the state is damage`() throws {
        var bytes = try scratch.read(segment)
        for index in (30 * 4096)..<bytes.count { bytes[index] = 0 }
        try scratch.write(segment, bytes)
        #expect(try verify().exitCode == 65)
    }

    @Test
    func `a record that is no record is damage with its position`() throws {
        do {
            let storage = try Storage.prepare(
                at: scratch.ledger,
                configuration: configuration
            ).replay { _, _, _ in }
            _ = storage.log.append(time: 1_000, payload: [1, 10, 9])
            try storage.log.commit()
        }
        let report = try verify()
        #expect(report.findings.contains { $0.place == "log: position 41" })
        #expect(report.exitCode == 65)
    }

    @Test
    func `time that goes back is damage`() throws {
        do {
            let storage = try Storage.prepare(
                at: scratch.ledger,
                configuration: configuration
            ).replay { _, _, _ in }
            _ = storage.log.append(time: 400, payload: EventCodec.encode([]))
            try storage.log.commit()
        }
        #expect(try verify().exitCode == 65)
    }

    @Test
    func `a damaged ledger.json is a finding, and a ledger in use is not audited`() throws {
        let document = try scratch.read("ledger.json")
        try scratch.write("ledger.json", [1])
        #expect(try verify().exitCode == 65)
        try scratch.write("ledger.json", document)
        let storage = try Storage.prepare(
            at: scratch.ledger,
            configuration: configuration
        )
        #expect(throws: StorageError.self) { try verify() }
        withExtendedLifetime(storage.directory) {}
    }

    @Test
    func `a copy without LOCK is audited`() throws {
        Scratch.remove("\(scratch.ledger)/LOCK")
        #expect(try verify().exitCode == 0)
        #expect(!scratch.list().contains("LOCK"))
    }

    @Test
    func `I10: meta pages of any bytes are damage or not, and never a trap`() throws {
        let bytes = try scratch.read("state/data.mdb")
        var values = RandomValues(seed: 63)
        for _ in 0..<400 {
            var damaged = bytes
            let offset = values.pick([16, 40, 48, 80, 88, 96, 128, 136, 144])
            for meta in [0, 4096] {
                let field = values.u64()
                for index in 0..<8 {
                    damaged[meta + offset + index] = UInt8(truncatingIfNeeded: field >> (8 * index))
                }
            }
            try scratch.write("state/data.mdb", damaged)
            StateScan.run(path: scratch.ledger, ledger: Scratch.id) { _ in }
        }
    }

    @Test
    func `a state that is missing is damage`() throws {
        Scratch.remove("\(scratch.ledger)/state")
        #expect(try verify().exitCode == 65)
    }
}

@Suite("State scan in a child", .computing)
struct StateScanTests {
    private func run(_ script: String) throws(StorageError) -> StateScanResult {
        // The directory and the ledger's id come behind the script and are its $0 and $1.
        try StateScanRunner(executable: "/bin/sh", arguments: ["-c", script])
            .run(path: "/nowhere", ledger: Scratch.id)
    }

    @Test
    func `a child that was killed is a finding near where it was`() throws {
        let result = try run("echo 'at leases 3000 00aa'; kill -BUS $$")
        #expect(!result.isComplete)
        #expect(result.findings.count == 1)
        #expect(result.findings.first?.severity == .damage)
        #expect(result.findings.first?.place == "state: at or near leases 3000 00aa")
        #expect(result.findings.first?.sentence.contains("signal 7") == true)
    }

    /// What the kernel kills for want of memory has found nothing.
    @Test
    func `a child that somebody killed is an error, and no finding`() {
        let error = #expect(throws: StorageError.self) {
            try run("echo 'at leases 3000 00aa'; kill -KILL $$")
        }
        #expect(error?.exitCode == 74)
        #expect(error?.trouble.what.contains("killed by signal") == true)
    }

    @Test(arguments: ["exit 3", "true", "echo 'at leases 1'"])
    func `a child that ends before its end line is a finding`(script: String) throws {
        #expect(try run(script).findings.count == 1)
    }

    @Test
    func `a child that says nonsense is a finding, and memory stays bounded`() throws {
        let script = "head -c 3000000 /dev/zero | tr '\\0' x; echo; echo end"
        let result = try run(script)
        #expect(result.findings.count == 1)
        #expect(result.isComplete)
    }

    @Test
    func `the child gets the directory and the ledger`() throws {
        let script = "printf 'damage %s\\t%s\\nend\\n' \"$0\" \"$1\""
        let finding = try #require(run(script).findings.first)
        #expect(finding.place == "state: /nowhere")
        #expect(finding.sentence == "\(Scratch.id)")
    }

    @Test
    func `a child that can not be started is an error`() {
        #expect(throws: StorageError.self) {
            try StateScanRunner(executable: "/nonexistent", arguments: [])
                .run(path: "/nowhere", ledger: Scratch.id)
        }
    }

    @Test
    func `what the child says is what the scan finds`() async throws {
        let scratch = try Scratch()
        try scratch.create()
        do {
            let storage = try Storage.prepare(
                at: scratch.ledger,
                configuration: Scratch.configuration
            ).replay { _, _, _ in }
            var model = ModelState(seed: 61)
            model.change(50)
            try storage.store.commit(model.freeze(), seal: storage.log.seal)
        }
        var here = StateScanResult(ledger: Scratch.id)
        var lines: [String] = []
        StateScan.run(path: scratch.ledger, ledger: Scratch.id) { lines.append($0) }
        for line in lines { here.take(line) }
        #expect(here.isComplete && here.findings.isEmpty)
        let path = scratch.ledger
        let child = await #expect(
            processExitsWith: .success,
            observing: [\.standardOutputContent]
        ) { [path = path as String] in
            exit(StateScan.runAsChild(path: path, ledger: Scratch.id))
        }
        var there = StateScanResult(ledger: Scratch.id)
        let output = String(decoding: child?.standardOutputContent ?? [], as: UTF8.self)
        for line in output.split(separator: "\n") { there.take(String(line)) }
        #expect(there == here)
    }

    @Test
    func `I10: a file that ends early is told page by page, and kills nobody`() throws {
        let scratch = try Scratch()
        try scratch.create()
        do {
            let storage = try Storage.prepare(
                at: scratch.ledger,
                configuration: Scratch.configuration
            ).replay { _, _, _ in }
            var model = ModelState(seed: 62)
            // Several commits, so that the roots lie on pages that became free, before the others.
            for _ in 0..<6 {
                model.change(100)
                try storage.store.commit(model.freeze(), seal: storage.log.seal)
            }
        }
        let bytes = try scratch.read("state/data.mdb")
        for pages in 0..<(bytes.count / 4096) {
            try scratch.write("state/data.mdb", Array(bytes[..<(pages * 4096)]))
            var found = StateScanResult(ledger: Scratch.id)
            StateScan.run(path: scratch.ledger, ledger: Scratch.id) { found.take($0) }
            #expect(found.isComplete)
            #expect(!found.findings.isEmpty, "\(pages) pages are left")
        }
    }
}
