// The corpora, and mutations of them: a short run of what `tools/fuzz` does for hours.
//
// `TENURE_FUZZ_RUNS` says how many mutations each target takes, `TENURE_FUZZ_SEED` which.

import Foundation
import Synchronization
import TenureFuzzing
import Testing

@Suite("Fuzzing")
struct FuzzTests {
    private static let runs = number("TENURE_FUZZ_RUNS") ?? 3_000
    private static let seed = number("TENURE_FUZZ_SEED") ?? 1

    private static func number(_ name: String) -> Int? {
        ProcessInfo.processInfo.environment[name].flatMap(Int.init)
    }

    /// The inputs of a target, in the order of their names.
    private func corpus(of target: FuzzTarget) throws -> [[UInt8]] {
        let directory = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "Corpora/\(target.rawValue)")
        return try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted()
            .map { Array(try Data(contentsOf: directory.appending(path: $0))) }
    }

    @Test(arguments: FuzzTarget.allCases)
    func `no input of a corpus, nor what is made of it, breaks a rule`(target: FuzzTarget) throws {
        let corpus = try corpus(of: target)
        #expect(corpus.count >= 5)
        for input in corpus { try run(target, input) }
        var mutation = Mutation(seed: UInt64(Self.seed))
        let isSlow = [.machine, .segments, .edits].contains(target)
        for _ in 0..<(isSlow ? Self.runs / 10 : Self.runs) {
            try run(target, mutation.input(from: corpus))
        }
    }

    private func run(_ target: FuzzTarget, _ input: [UInt8]) throws {
        do {
            try target.run(input)
        } catch {
            Issue.record("\(error), by \(Data(input).base64EncodedString())")
            throw error
        }
    }
}
