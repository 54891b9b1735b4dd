// A small closed ledger that has seen everything, and one flipped bit of it at a time.

import Foundation
import Glibc
import Tenure
import TenureLog
import TenureModel
import TenureStorage
import TenureTesting
import Testing

/// The state that follows from the log alone.
final class StateFromLog: ReplayedState {
    private var state = LedgerState(resident: ResidentRows(), rows: NoRows())

    func begin(from snapshot: LedgerState) { state = snapshot }

    func apply(_ events: [Event], at position: Position, time: LedgerTime) throws(RowFault) {
        try state.apply(events, at: position, time: time)
    }

    func fault() throws(RowFault) -> String? { try state.invariantFault() }

    func rows() throws(RowFault) -> FrozenChanges { state.freeze() }
}

/// A closed ledger of several segments, archived ones too, with free and overflow pages.
struct DamagedLedger {
    /// What an audit says to one flipped bit.
    enum Verdict {
        /// Damage, with its place.
        case found
        /// A warning: a power cut could have left it, and no record is concerned.
        case told
        /// Nothing.
        case missed
    }

    private let scratch = LedgerScratch()
    /// The bytes of every file, by path.
    let files: [String: [UInt8]]

    init() throws {
        let clock = VirtualClock()
        var configuration = LedgerScratch.configuration
        configuration.segmentBytes = LogLimits.segmentMinimum
        do {
            let core = try LedgerCore.direct(
                directory: scratch.path,
                configuration: configuration,
                clock: clock
            )
            try Self.load(core, clock)
        }
        files = try Self.read(scratch.path)
    }

    private static func read(_ root: String) throws -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: root) {
            var isDirectory: ObjCBool = false
            let path = "\(root)/\(name)"
            guard unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory),
                !isDirectory.boolValue
            else { continue }
            files[name] = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
        }
        return files
    }

    /// Flips a bit, has the ledger audited, and flips it back.
    func audit(flipping bit: Int, of offset: Int, in path: String) throws -> Verdict {
        let bytes = try #require(files[path])
        let file = unsafe open("\(scratch.path)/\(path)", O_WRONLY | O_CLOEXEC)
        try #require(file >= 0)
        defer { close(file) }
        try Self.write(bytes[offset] ^ (1 << UInt8(bit)), at: offset, to: file)
        defer { try? Self.write(bytes[offset], at: offset, to: file) }
        return try audit()
    }

    /// Has the ledger audited as it is.
    func audit() throws -> Verdict {
        let report: VerifyReport
        do throws(StorageError) {
            report = try Verify.run(at: scratch.path, runner: nil, replayed: StateFromLog())
        } catch {
            // A ledger that is refused was not called sound.
            return .found
        }
        if report.isDamaged { return .found }
        return report.findings.contains { $0.severity == .warning } ? .told : .missed
    }

    private static func write(_ byte: UInt8, at offset: Int, to file: Int32) throws {
        var byte = byte
        // SAFETY: the kernel reads the one byte during the call.
        try #require(unsafe pwrite(file, &byte, 1, off_t(offset)) == 1)
    }

    // MARK: The load

    /// Six rounds of everything, each with a checkpoint.
    private static func load(_ core: LedgerCore, _ clock: VirtualClock) throws {
        for command in LedgerScratch.setup(cpus: 400) { _ = try core.ask(command) }
        for tenant in ["a", "a/b", "c"] {
            _ = try core.ask(.setQuota(tenant: tenant, kind: .cpu, limit: 200_000))
        }
        var held: [Grant] = []
        for round in 0..<6 {
            let answers = try core.process(
                (0..<24).map { (.acquire(request(24 * round + $0)), .embedder) }
            )
            for case .grant(let grant) in answers { held.append(grant) }
            try sessions(core, round)
            // Some go and some stay, so that pages become free.
            for grant in held.prefix(10) {
                _ = try core.ask(.release(grant.reference, parts: nil))
            }
            held.removeFirst(10)
            _ = try core.process(
                held.prefix(20).map {
                    (.renew($0.reference, ttlMilliseconds: 500_000), .embedder)
                }
            )
            clock.advance(byNanoseconds: 2_000_000_000)
            core.tick()
            core.checkpointNow()
        }
        // Records that the state does not have yet, and the empty group that confirms them.
        _ = try core.ask(.acquire(request(1_000)))
        clock.advance(byNanoseconds: 60_000_000)
        core.tick()
        clock.advance(byNanoseconds: 60_000_000)
        core.tick()
    }

    /// One CPU; every eighth with so many tags that its row needs pages of its own.
    private static func request(_ number: Int) -> AcquireRequest {
        var request = LedgerScratch.request(ttl: number % 5 == 0 ? 1_000 : 400_000)
        request.tenant = ["a/b", "c", "default"][number % 3]
        request.requestID = number % 4 == 0 ? "request-\(number)" : nil
        if number % 6 == 1 {
            request.holdMilliseconds = 300_000
            request.ttlMilliseconds = 60_000
        }
        if number % 8 == 0 {
            request.tags = (0..<24).map {
                Label(name: "tag-\($0)", value: String(repeating: "v", count: 200))
            }
        }
        return request
    }

    private static func sessions(_ core: LedgerCore, _ round: Int) throws {
        for number in 0..<4 {
            let request = SessionRequest(ttlMilliseconds: 600_000, holder: "h\(round)-\(number)")
            guard case .session(let session) = try core.ask(.openSession(request)) else {
                throw NotGranted()
            }
            _ = try core.grant(LedgerScratch.request(holder: "h", session: session.session))
        }
    }
}
