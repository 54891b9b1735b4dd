// A ledger of several segments with an injury, its repair, and what must be true behind it.

import Foundation
import Tenure
import TenureLog
import TenureModel
import TenureStorage
import TenureTesting
import Testing

/// One record as it was written.
struct WrittenRecord: Equatable {
    let position: UInt64
    let payload: [UInt8]
}

/// A directory made of bytes, that is injured and repaired.
final class RepairScene {
    /// The bytes of a sound closed ledger, by path; the same in every run.
    static let whole = Result { try DamagedLedger().files }

    private let scratch = LedgerScratch()
    private let copy = LedgerScratch()
    let files: [String: [UInt8]]

    var path: String { scratch.path }
    var copyPath: String { copy.path }

    /// The sound ledger, and a copy of it beside it.
    init() throws {
        files = try Self.whole.get()
        try Self.write(files, to: path)
        try Self.write(files, to: copyPath)
    }

    private static func write(_ files: [String: [UInt8]], to root: String) throws {
        let manager = FileManager.default
        for directory in ["", "log", "archive", "state"] {
            try manager.createDirectory(
                atPath: "\(root)/\(directory)",
                withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700]
            )
        }
        for (name, bytes) in files {
            let isMade = manager.createFile(
                atPath: "\(root)/\(name)",
                contents: Data(bytes),
                attributes: [.posixPermissions: 0o600]
            )
            try #require(isMade)
        }
    }

    // MARK: Segments

    /// All segments by path, in the order of history.
    var segments: [String] {
        files.keys.filter { $0.hasSuffix(".seg") }.sorted {
            $0.suffix(24) < $1.suffix(24)
        }
    }

    /// Those that are not in the archive.
    var segmentsInLog: [String] { segments.filter { $0.hasPrefix("log/") } }

    /// Bytes of a segment without the zeros at its end.
    func used(_ segment: String) -> Int {
        (files[segment]?.lastIndex { $0 != 0 } ?? -1) + 1
    }

    // MARK: Injuries

    /// Changes the bytes of a file.
    func injure(_ name: String, _ change: (inout [UInt8]) -> Void) throws {
        var bytes = try bytes(of: name)
        change(&bytes)
        try Data(bytes).write(to: URL(fileURLWithPath: "\(path)/\(name)"))
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o600],
            ofItemAtPath: "\(path)/\(name)"
        )
    }

    func remove(_ name: String) throws {
        try FileManager.default.removeItem(atPath: "\(path)/\(name)")
    }

    func bytes(of name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: "\(path)/\(name)")))
    }

    // MARK: Repair

    /// The plan for the directory as it is, and what was kept when it was carried out.
    @discardableResult
    func repair(fromCopy: Bool = false) throws -> (plan: RepairPlan, kept: [String]) {
        let repair = try LedgerRepair(at: path, from: fromCopy ? copyPath : nil, runner: nil)
        let plan = try repair.plan()
        guard plan.helps, !plan.isSound else { return (plan, []) }
        let kept = try repair.carryOut(plan, report: ["a test"])
        let after = try repair.plan()
        #expect(after.isSound, "\(after)")
        return (plan, kept)
    }

    /// Opens the ledger and grants something; the epoch of what was granted.
    func epochAfterOpening() throws -> UInt16 {
        var configuration = LedgerScratch.configuration
        configuration.createIfMissing = false
        let core = try LedgerCore.direct(
            directory: path,
            configuration: configuration,
            clock: VirtualClock()
        )
        let grant = try core.grant(LedgerScratch.request())
        core.checkpointNow()
        return grant.reference.token.epoch
    }

    /// All records that can be read.
    func records() throws -> [WrittenRecord] {
        let directory = try DataDirectory.open(at: path, access: .audit)
        return try Self.records(directory)
    }

    /// All records of the sound ledger.
    func recordsOfCopy() throws -> [WrittenRecord] {
        try Self.records(try DataDirectory.open(at: copyPath, access: .audit))
    }

    private static func records(_ directory: DataDirectory) throws -> [WrittenRecord] {
        var records: [WrittenRecord] = []
        _ = try LogReader(disk: directory.disk, ledgerID: directory.ledger).read(
            frame: { (frame) throws(LogError) in
                let payload = unsafe frame.payload.withUnsafeBytes { unsafe Array($0) }
                records.append(WrittenRecord(position: frame.position, payload: payload))
            },
            problem: { _ in }
        )
        return records
    }

    /// The ledger time of every record.
    func times() throws -> [(position: UInt64, time: UInt64)] {
        let directory = try DataDirectory.open(at: path, access: .copy)
        var times: [(position: UInt64, time: UInt64)] = []
        _ = try LogReader(disk: directory.disk, ledgerID: directory.ledger).read(
            frame: { (frame) throws(LogError) in times.append((frame.position, frame.time)) },
            problem: { _ in }
        )
        return times
    }

    /// What an audit with a replay finds.
    func audit() throws -> VerifyReport {
        try Verify.run(at: path, runner: nil, replayed: StateFromLog())
    }
}
