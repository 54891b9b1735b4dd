// Ledgers whose clocks a test moves, and what audits say of them.

import Foundation
import Tenure
import TenureModel
import TenureWire
import Testing

/// A ledger in the place of a daemon's, asked as a client asks a daemon.
final class TimedLedger {
    /// What the wall clock shows at the first opening, in seconds since 1970.
    static let wall: UInt64 = 1_800_000_000
    private static let second: UInt64 = 1_000_000_000

    private let clock: VirtualClock
    private let path: String
    private var core: LedgerCore?

    /// Opens it, with small segments; `wall` is what the wall clock shows, in seconds since 1970.
    init(of daemon: TestDaemon, wall: UInt64 = TimedLedger.wall) throws {
        path = daemon.data
        clock = VirtualClock(
            ClockReading(
                bootID: "first",
                bootNanoseconds: Self.second,
                wallNanoseconds: wall * Self.second
            )
        )
        try open()
    }

    /// Opens it again, in another boot where one is named.
    func open(boot: String? = nil) throws {
        if let boot { clock.reboot(bootID: boot) }
        core = try LedgerCore.direct(
            directory: path,
            configuration: TestDaemon.smallSegments,
            clock: clock
        )
    }

    /// Ends it, as the end of a process would.
    func end() {
        core?.crash()
        core = nil
    }

    /// Has its old segments retired.
    func checkpoint() throws {
        for _ in 0..<2 {
            try say("POOL SET p")
            core?.checkpointNow()
        }
    }

    /// Lets so many seconds pass, and takes back what falls due in each.
    func pass(_ seconds: UInt64) throws {
        for _ in 0..<seconds {
            clock.advance(byNanoseconds: Self.second)
            try core?.settle()
        }
    }

    /// Sets the wall clock, in seconds since 1970.
    func setWall(_ seconds: UInt64) { clock.stepWall(toNanoseconds: seconds * Self.second) }

    /// Sends one command, its words parted by spaces.
    @discardableResult
    func say(_ command: String) throws -> Document {
        let words = command.split(separator: " ").map(String.init)
        guard case .ledger(let parsed) = CommandParser.parse(RequestArguments(words)),
            let answer = try core?.process([(parsed, .embedder)]).first
        else { throw TestFailure("'\(command)' is not asked of a ledger") }
        if case .refused(let refusal) = answer { throw refusal }
        return answer.document
    }

    /// What the wall clock shows so many seconds after it showed `wall`, as audits write it.
    static func text(_ seconds: UInt64, from wall: UInt64 = wall) -> String {
        Date(timeIntervalSince1970: Double(wall + seconds)).formatted(.iso8601)
    }
}

extension TestDaemon {
    /// What an audit of the ledger prints as JSON.
    func audit(_ verb: String, _ words: [String] = []) async throws -> [String: Any] {
        let answer = try await run(["audit", verb, data, "--json"] + words)
        #expect(answer.status == 0, "\(answer.words)")
        // Behind its warnings.
        let line = answer.words.split(separator: "\n").last ?? ""
        let json = try JSONSerialization.jsonObject(with: Data(line.utf8))
        return try #require(json as? [String: Any])
    }

    /// The items of a list that an audit prints.
    func audited(_ verb: String, _ words: String...) async throws -> [[String: Any]] {
        let answer = try await audit(verb, words)
        return try #require((answer["items"] ?? answer["changes"]) as? [[String: Any]])
    }
}

extension [[String: Any]] {
    /// One field of every item; nothing where it is none.
    func texts(_ name: String) -> [String?] { map { $0[name] as? String } }
}
