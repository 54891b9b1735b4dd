// What runs of the simulation have met, and one number that stands for all that they did.

internal import TenureLog
internal import TenureModel

/// Counts of one run or of many.
package struct SimulationTally: Equatable, Sendable {
    /// How many runs.
    package var seeds = 0
    /// Commands that were asked.
    package var commands = 0
    /// Lives of a process.
    package var lives = 0
    /// Openings that went through, but for the first of a run.
    package var recoveries = 0
    /// Operations of disks.
    package var operations = 0
    /// Milliseconds that passed in the simulated worlds.
    package var virtualMilliseconds: UInt64 = 0
    /// How often each probe was hit.
    package private(set) var probes: [String: Int] = [:]
    /// FNV-1a over every answer and every operation of a disk, in order.
    package private(set) var fingerprint: UInt64 = 0xcbf2_9ce4_8422_2325

    /// Nothing yet.
    package init() {}

    /// What is not hit in enough runs is not tested.
    package static let expected: [String] = {
        let faults = [
            "a killed process", "a power cut", "a reboot", "a recovery is cut short",
            "a sync fails", "an operation fails",
        ]
        let operations: [DiskOperation] = [
            .create, .rename, .sync, .syncData, .syncDirectory, .write,
        ]
        let commands = [
            "acquire", "cancel", "capacity", "close", "commit", "grow", "handOver", "keep",
            "leaseLimit", "openSession", "quota", "release", "renew", "revoke", "service", "stale",
        ]
        let answers = [
            "granted", "reserved", "replayed", "renewed", "released", "partly released",
            "cancelled", "already ended", "revoked", "closed", "session", "done",
        ]
        let refusals: [RefusalCode] = [
            .conflict, .exhausted, .expired, .fenced, .quota, .unknown, .unsatisfiable,
        ]
        let verdicts = ["grown", "handed over", "quota binds", "leases bind", "out of service"]
        return faults.map { "fault: \($0)" }
            + operations.map { "power cut behind \($0.rawValue)" }
            + commands.map { "command \($0)" } + answers.map { "answer \($0)" }
            + refusals.map { "refused \($0.rawValue)" } + verdicts
            + ["failure with code 74", "recovery T1", "recovery T6"]
    }()

    /// The probes that were never hit, of those that must be.
    package var missing: [String] { Self.expected.filter { probes[$0, default: 0] == 0 } }

    /// A probe was hit.
    package mutating func note(_ probe: String, _ count: Int = 1) {
        probes[probe, default: 0] += count
    }

    mutating func note(_ action: ReferenceLedger.Action) {
        let name = "\(action)".prefix { $0 != "(" }
        note("command \(name)")
    }

    mutating func note(_ answer: Answer) {
        mix("\(answer)")
        switch answer {
        case .grant(let grant):
            note("answer \(grant.replayed ? "replayed" : grant.status.rawValue)")
        case .renewed: note("answer renewed")
        case .ended(let ending): note("answer \(ending.status.rawValue)")
        case .session: note("answer session")
        case .document, .queued: note("answer done")
        case .refused(let refusal): note("refused \(refusal.code.rawValue)")
        }
    }

    /// Takes in what was done to a disk.
    mutating func take(_ done: [SimulatedDisk.Operation]) {
        operations += done.count
        for operation in done { mix("\(operation.kind.rawValue) \(operation.path)") }
    }

    /// Adds another run.
    package mutating func add(_ other: SimulationTally) {
        seeds += other.seeds
        commands += other.commands
        lives += other.lives
        recoveries += other.recoveries
        operations += other.operations
        virtualMilliseconds += other.virtualMilliseconds
        probes.merge(other.probes, uniquingKeysWith: +)
        mix("\(other.fingerprint)")
    }

    private mutating func mix(_ text: String) {
        for byte in text.utf8 {
            fingerprint = (fingerprint ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
        }
    }
}
