// Bytes that nobody wrote by accident: fields out of range under checksums that fit.

import CTenureSystem
import TenureLog
import TenureSimulation
import TenureTesting
import Testing

@Suite("Hostile bytes")
struct HostileBytesTests {
    private static let interesting: [UInt64] = [
        0, 1, 2, 0x7f, 0x80, 0xffff, 1 << 31, 1 << 32, UInt64(UInt32.max), 1 << 62, 1 << 63,
        UInt64(Int64.max), UInt64.max - 1, UInt64.max,
    ]

    /// A segment of three groups, of which two have frames.
    private func sample() throws -> (disk: SimulatedDisk, path: String) {
        let disk = SimulatedDisk()
        try createLog(on: disk)
        let (log, _, _) = try openLog(on: disk)
        for _ in 0..<3 { appendSample(to: log, bytes: 40) }
        try log.commit()
        try log.commit()
        appendSample(to: log, bytes: 40)
        try log.commit()
        return (disk, "log/00000000000000000001.seg")
    }

    /// Every field of every header takes every interesting value: opened or refused, never a trap.
    @Test(arguments: [(0, 128), (4096, 112), (8192, 112), (12_288, 112)])
    func `no value of a header field stops the process`(start: Int, count: Int) throws {
        let (disk, path) = try sample()
        let whole = try disk.contents(path)
        var refused = 0
        for field in stride(from: 8, to: count, by: 4) {
            for value in HostileBytesTests.interesting {
                for width in [2, 4, 8] where field + width <= count {
                    var bytes = whole
                    store(value, width, &bytes, start + field)
                    if bytes == whole { continue }
                    seal(&bytes, start, count)
                    let copy = disk.processCrash()
                    try copy.replace(path, with: bytes)
                    if (try? openLog(on: copy.clone())) == nil { refused += 1 }
                    let audit = try auditLog(on: copy)
                    #expect(!audit.problems.isEmpty, "\(field) of \(start): \(value)")
                }
            }
        }
        // Damage to the last group looks like a torn tail, which is cut.
        #expect(refused > 0 || start == 12_288)
    }

    /// Random bytes in the place of anything: opened or refused, never a trap.
    @Test(arguments: 1...20)
    func `no bytes at all stop the process`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let (disk, path) = try sample()
        let whole = try disk.contents(path)
        for _ in 0..<20 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let at = Int.random(in: 0..<16_000, using: &generator)
                let count = Int.random(in: 1...300, using: &generator)
                bytes.replaceSubrange(at..<(at + count), with: generator.bytes(count))
            }
            for (start, count) in [(0, 128), (4096, 112), (8192, 112)] where generator.chance(50) {
                seal(&bytes, start, count)
            }
            if generator.chance(20) {
                bytes.removeLast(Int.random(in: 0..<70_000, using: &generator) % bytes.count)
            }
            let copy = disk.processCrash()
            try copy.replace(path, with: bytes)
            let audit = try auditLog(on: copy)
            let records = (try? openLog(on: copy))?.records ?? []
            #expect(audit.records.count >= records.count)
        }
    }

    private func store(_ value: UInt64, _ width: Int, _ bytes: inout [UInt8], _ at: Int) {
        for index in 0..<width {
            bytes[at + index] = UInt8(truncatingIfNeeded: value >> (8 * index))
        }
    }

    /// Makes the checksum of a header fit.
    private func seal(_ bytes: inout [UInt8], _ start: Int, _ count: Int) {
        guard start + count <= bytes.count else { return }
        let covered =
            Array(bytes[start..<(start + 4)]) + Array(bytes[(start + 8)..<(start + count)])
        // SAFETY: the bytes are read within the closure only.
        let crc = unsafe covered.withUnsafeBytes {
            unsafe tenure_crc32c(0, $0.baseAddress, $0.count)
        }
        store(UInt64(crc), 4, &bytes, start + 4)
    }
}
