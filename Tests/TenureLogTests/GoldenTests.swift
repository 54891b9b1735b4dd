// The formats, byte by byte.

import CTenureSystem
import TenureLog
import TenureSimulation
import TenureTesting
import Testing

@Suite("Log formats")
struct GoldenTests {
    /// The file of the first segment with these groups, each on its block boundary.
    private func segment(_ header: [UInt8], _ groups: [[UInt8]]) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        bytes.replaceSubrange(0..<header.count, with: header)
        for (index, group) in groups.enumerated() {
            let start = 4096 * (index + 1)
            bytes.replaceSubrange(start..<(start + group.count), with: group)
        }
        return bytes
    }

    @Test
    func `the log writes exactly the golden bytes`() throws {
        let disk = SimulatedDisk()
        try createLog(on: disk)
        let (log, _, _) = try openLog(on: disk)
        #expect(log.append(time: 1_000, payload: Array("one".utf8)) == 1)
        #expect(log.append(time: 2_000, payload: []) == 2)
        try log.commit()
        try log.commit()
        let written = try disk.contents("log/00000000000000000001.seg")
        #expect(written == segment(Golden.segment, [Golden.group, Golden.idleGroup]))
        #expect(log.seal.bytes == Array(Golden.idleGroup.suffix(32)))
    }

    @Test
    func `the log reads the golden bytes, and retires them without changing a sealed one`() throws {
        let disk = SimulatedDisk()
        try createLog(on: disk)
        let first = "log/00000000000000000001.seg"
        let groups = [Golden.group, Golden.idleGroup, Golden.sealedGroup]
        try disk.replace(first, with: segment(Golden.segment, groups))
        try disk.replace("log/00000000000000000003.seg", with: segment(Golden.successor, []))
        let (log, report, records) = try openLog(on: disk)
        #expect(
            records == [
                Record(position: 1, time: 1_000, payload: Array("one".utf8)),
                Record(position: 2, time: 2_000, payload: []),
            ]
        )
        #expect(report.segmentsRead == 2)
        try log.retire(through: 2)
        #expect(disk.paths.contains(first), "a start from position 2 compares the seal in it")
        appendSample(to: log)
        try log.commit()
        try log.retire(through: 3)
        let archived = try disk.contents("archive/00000000000000000001.seg")
        #expect(archived == Golden.compactSegment + groups.joined())
        #expect(!disk.paths.contains(first))
    }

    @Test
    func `a newer format is refused by name, whatever else the file says`() throws {
        let disk = SimulatedDisk()
        try createLog(on: disk)
        var header = Golden.segment
        header[8] = 2
        let crc = checksum(header[0..<4] + header[8..<128])
        for index in 0..<4 { header[4 + index] = UInt8(truncatingIfNeeded: crc >> (8 * index)) }
        let path = "log/00000000000000000001.seg"
        try disk.replace(path, with: segment(header, []))
        #expect(throws: LogError.newerFormat(segment: path, 2)) { try openLog(on: disk) }
    }

    @Test
    func `a segment of another ledger is refused by name`() throws {
        let disk = SimulatedDisk()
        let other = LedgerID(high: 1, low: 2)
        try FileLog.create(on: disk, ledgerID: other, configuration: sampleConfiguration)
        let path = "log/00000000000000000001.seg"
        #expect(throws: LogError.otherLedger(segment: path)) { try openLog(on: disk) }
    }

    @Test
    func `CRC-32C has its published value, by instruction and by table`() {
        let digits = Array("123456789".utf8)
        #expect(checksum(digits[...]) == 0xe306_9283)
        var generator = SeededGenerator(seed: 7)
        for count in 0..<200 {
            let bytes = generator.bytes(count)
            let start = UInt32(truncatingIfNeeded: generator.next())
            // SAFETY: the bytes are read within the closures only.
            let fast = unsafe bytes.withUnsafeBytes {
                unsafe tenure_crc32c(start, $0.baseAddress, $0.count)
            }
            let slow = unsafe bytes.withUnsafeBytes {
                unsafe tenure_crc32c_table(start, $0.baseAddress, $0.count)
            }
            #expect(fast == slow)
        }
    }

    @Test(arguments: [
        (0, 0xe6a8_25ba_047f_81a3 as UInt64, 0x9302_55c7_1472_f66d as UInt64),
        (1, 0x44af_996b_d8c1_87da, 0x45fc_229b_1159_7634),
        (15, 0x11a8_b033_99e9_9354, 0xd9c3_cf97_0fec_087e),
    ])
    func `SipHash-2-4-128 has its published values`(
        count: Int,
        first: UInt64,
        second: UInt64
    ) {
        let key = (0..<16).map { UInt8($0) }
        let bytes = (0..<count).map { UInt8($0) }
        var out: [UInt64] = [0, 0]
        // SAFETY: key and result have the sizes that the function's contract names.
        unsafe tenure_siphash128(key, bytes, bytes.count, &out)
        #expect(out == [first, second])
    }

    @Test
    func `identities and seals are printed and read back`() throws {
        #expect(sampleLedger.description == "00112233-4455-6677-8899-aabbccddeeff")
        #expect(LedgerID(sampleLedger.description) == sampleLedger)
        #expect(LedgerID(bytes: sampleLedger.bytes) == sampleLedger)
        #expect(LedgerID("00112233") == nil)
        #expect(LedgerID(bytes: [1]) == nil)
        let seal = try #require(Seal(bytes: (0..<32).map { UInt8($0) }))
        #expect(seal.bytes == (0..<32).map { UInt8($0) })
        #expect(seal.description.hasPrefix("000102030405"))
        #expect(Seal(bytes: []) == nil)
    }

    @Test
    func `the limits fit each other`() {
        #expect(LogLimits.payload + 1024 < LogLimits.group)
        #expect(LogLimits.group < LogLimits.segmentDefault - 3 * LogLimits.block)
        #expect(LogLimits.segmentMinimum % LogLimits.block == 0)
        #expect(LogLimits.segmentDefault % LogLimits.block == 0)
        #expect(LogLimits.segmentMaximum <= Int(UInt32.max))
        #expect(LogLimits.chunk % LogLimits.block == 0)
        #expect(LogLimits.piece % LogLimits.block == 0)
        #expect(LogConfiguration().isValid)
        #expect(LogConfiguration().groupBytes == LogLimits.group)
        #expect(sampleConfiguration.isValid)
        #expect(!LogConfiguration(segmentBytes: 64 << 10 + 1).isValid)
        #expect(!LogConfiguration(segmentBytes: 32 << 10).isValid)
    }

    private func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        // SAFETY: the bytes are read within the closure only.
        unsafe bytes.withUnsafeBytes { unsafe tenure_crc32c(0, $0.baseAddress, $0.count) }
    }
}
