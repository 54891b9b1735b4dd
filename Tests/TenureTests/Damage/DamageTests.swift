// One flipped bit anywhere in a closed ledger: the audit finds it, or the documentation says why
// it does not.
//
// A test run samples every sort of byte. `TENURE_DAMAGE=k` takes every k-th byte of each sort
// instead, at least 64, and with 1 all of them; `TENURE_DAMAGE_BITS=8` every bit of a byte rather
// than one that a generator chooses. Both print the table that Invariants.md shows.

import Foundation
import Synchronization
import TenureSimulation
import TenureTesting
import Testing

@Suite("Damage", .computing)
struct DamageTests {
    /// How often a sort of byte was flipped, and what the audit said.
    fileprivate struct Count {
        var bytes = 0
        var flips = 0
        var found = 0
        var told = 0
    }

    /// What the audit does not look at, each with the reason in Invariants.md.
    private static let notCovered: Set<String> = [
        "state: free page", "state: room between offsets and nodes", "state: fill of a node",
        "state: fill of an overflow page", "state: meta page before it, trees",
        "state: meta page before it, last page", "state: branch, key of the first node",
        "state: free list, unused numbers", "log/spare.tmp", "state/lock.mdb",
    ]

    /// Of these a flip may leave what means the same: a tree of the same rows in the same order,
    /// pages that are free all the same, another case of a letter in the ledger's id.
    private static let sometimesHarmless: Set<String> = [
        "state: branch, key", "state: free list, transaction", "ledger.json",
    ]

    /// Of these a power cut may leave anything, so that it is told as a warning.
    private static let told: Set<String> = [
        "log: last group of a segment", "log: padding", "log: room not yet written",
    ]

    private static let shards = 4
    /// How many flips of every sort of byte a test run makes in one shard.
    private static let sample = 1
    /// How many bytes of every sort a campaign takes at least.
    private static let leastBytes = 64
    private static let totals = Mutex<(shards: Int, counts: [String: Count])>((0, [:]))

    private static func setting(_ name: String) -> Int? {
        ProcessInfo.processInfo.environment[name].flatMap(Int.init).map { max($0, 1) }
    }

    @Test(arguments: 0..<shards)
    func `I10: one flipped bit anywhere in a closed ledger`(shard: Int) throws {
        let ledger = try DamagedLedger()
        #expect(try ledger.audit() == .missed, "the ledger is not sound to begin with")
        var counts: [String: Count] = [:]
        var generator = SeededGenerator(seed: 70 + UInt64(shard))
        for (path, offset, owner) in Self.places(ledger, shard, &generator, &counts) {
            let bits = Self.setting("TENURE_DAMAGE_BITS") ?? 1
            let first = Int(generator.next() % 8)
            for bit in 0..<min(bits, 8) {
                let flipped = (first + bit) % 8
                let verdict = try ledger.audit(flipping: flipped, of: offset, in: path)
                counts[owner, default: Count()].add(verdict)
                if Self.isAllowed(verdict, owner) { continue }
                Issue.record("\(verdict): bit \(flipped) of byte \(offset) of \(path): \(owner)")
            }
        }
        #expect(try ledger.audit() == .missed, "a flip was not taken back")
        Self.report(counts)
    }

    private static func isAllowed(_ verdict: DamagedLedger.Verdict, _ owner: String) -> Bool {
        switch verdict {
        case .found: true
        case .told: told.contains(owner)
        case .missed: notCovered.contains(owner) || sometimesHarmless.contains(owner)
        }
    }

    /// The bytes to be damaged, with their owners; counts all bytes on the way.
    private static func places(
        _ ledger: DamagedLedger,
        _ shard: Int,
        _ generator: inout SeededGenerator,
        _ counts: inout [String: Count]
    ) -> [(path: String, offset: Int, owner: String)] {
        var all: [String: [(path: String, offset: Int)]] = [:]
        for (path, bytes) in ledger.files.sorted(by: { $0.key < $1.key }) {
            for (offset, owner) in ByteOwners(path: path, bytes: bytes).owners.enumerated() {
                all[owner, default: []].append((path, offset))
            }
        }
        var chosen: [(path: String, offset: Int, owner: String)] = []
        let step = setting("TENURE_DAMAGE")
        for (owner, places) in all.sorted(by: { $0.key < $1.key }) {
            if shard == 0 { counts[owner, default: Count()].bytes = places.count }
            if let step = step.map({ min($0, max(places.count / leastBytes, 1)) }) {
                for index in stride(from: shard * step, to: places.count, by: step * shards) {
                    chosen.append((places[index].path, places[index].offset, owner))
                }
            } else {
                for _ in 0..<sample {
                    let place = places[Int(generator.next() % UInt64(places.count))]
                    chosen.append((place.path, place.offset, owner))
                }
            }
        }
        return chosen
    }

    /// Adds up the shards; the last one prints what was found, when that was asked for.
    private static func report(_ counts: [String: Count]) {
        let all = totals.withLock { totals -> [String: Count]? in
            for (owner, count) in counts { totals.counts[owner, default: Count()].add(count) }
            totals.shards += 1
            return totals.shards == shards ? totals.counts : nil
        }
        guard let all, setting("TENURE_DAMAGE") != nil else { return }
        print("| bytes of | bytes | flips | damage | warning | not seen |")
        print("| --- | ---: | ---: | ---: | ---: | ---: |")
        for (owner, count) in all.sorted(by: { $0.key < $1.key }) {
            let missed = count.flips - count.found - count.told
            print(
                "| \(owner) | \(count.bytes) | \(count.flips) | \(count.found) | \(count.told) "
                    + "| \(missed) |"
            )
        }
    }
}

extension DamageTests.Count {
    fileprivate mutating func add(_ verdict: DamagedLedger.Verdict) {
        flips += 1
        if verdict == .found { found += 1 }
        if verdict == .told { told += 1 }
    }

    fileprivate mutating func add(_ other: Self) {
        bytes += other.bytes
        flips += other.flips
        found += other.found
        told += other.told
    }
}
