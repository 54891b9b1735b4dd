// A ledger on a clock that the test moves, and those who wait in it, by number of request.

import TenureLog
import TenureModel
import TenureSimulation
import TenureTesting

@testable import Tenure

/// One ledger whose clients wait.
final class WaitingScene {
    var world: EngineWorld
    let sink = KeepingSink()
    /// The answers that have come, by request.
    private(set) var answers: [Int: Answer] = [:]
    private var asked = 0

    /// A pool `main` of so many CPUs on one resource.
    init(cpus: UInt64) throws {
        world = try EngineWorld()
        world.checkpointRows = 100_000
        try world.open()
        for command in LedgerScratch.setup(cpus: cpus) { _ = try core.ask(command) }
    }

    var core: LedgerCore {
        get throws {
            guard let core = world.core else { throw NotGranted() }
            return core
        }
    }

    /// A request for so many CPUs that waits so long.
    static func request(
        _ cpus: UInt64 = 1,
        wait: UInt64? = 60_000,
        _ change: (inout AcquireRequest) -> Void = { _ in }
    ) -> AcquireRequest {
        var request = LedgerScratch.request()
        request.claims = [Claim(amounts: [ClaimAmount(kind: .cpu, amount: cpus * 1000)])]
        request.waitMilliseconds = wait
        change(&request)
        return request
    }

    /// Asks, and returns the number of the request.
    @discardableResult
    func ask(_ command: Command) throws -> Int { try ask([command])[0] }

    /// Asks at once, and returns the numbers of the requests.
    func ask(_ commands: [Command]) throws -> [Int] {
        let numbers = commands.indices.map { asked + $0 }
        asked += commands.count
        try core.run(
            zip(numbers, commands).map { number, command in
                Submission(
                    command: command,
                    caller: .embedder,
                    ticket: UInt64(number),
                    sink: sink
                )
            }
        )
        collect()
        return numbers
    }

    /// Asks for CPUs.
    @discardableResult
    func ask(_ request: AcquireRequest) throws -> Int { try ask(.acquire(request)) }

    /// Asks for CPUs that are there.
    func take(_ cpus: UInt64 = 1, ttl: UInt64 = 60_000) throws -> Grant {
        let number = try ask(Self.request(cpus, wait: nil) { $0.ttlMilliseconds = ttl })
        guard let grant = grant(number) else { throw NotGranted() }
        return grant
    }

    /// Gives back.
    func release(_ grant: Grant) throws {
        try ask(.release(grant.reference, parts: nil))
    }

    /// Lets time pass, as the writer's thread would: it wakes once, at the end.
    ///
    /// A microsecond more, because records take a nanosecond each while the clock stands still.
    func pass(milliseconds: UInt64) throws {
        world.clock.advance(byNanoseconds: milliseconds * 1_000_000 + 1_000)
        try core.tick()
        collect()
    }

    /// Runs what the writer has to do at once.
    func settle() throws {
        while try core.waiting.hasMarked || !core.deferred.isEmpty || core.isAnythingDue() {
            try core.run([])
        }
        collect()
    }

    /// Calls the wait of a request off.
    func abandon(_ number: Int) throws -> Bool {
        let found = try core.abandon([Abandonment(ticket: UInt64(number), sink: sink)])
        try core.run([])
        collect()
        return found
    }

    /// Takes the answers that have left.
    func collect() {
        for delivery in sink.take() {
            let before = answers.updateValue(delivery.answer, forKey: Int(delivery.ticket))
            precondition(before == nil, "a request is answered once")
        }
    }

    /// What was granted; nothing while it waits or when it was refused.
    func grant(_ number: Int) -> Grant? {
        if case .grant(let grant)? = answers[number] { grant } else { nil }
    }

    /// Why it was refused; nothing while it waits or when it was granted.
    func refusal(_ number: Int) -> Refusal? {
        if case .refused(let refusal)? = answers[number] { refusal } else { nil }
    }

    /// Whether it has no answer.
    func waits(_ number: Int) -> Bool { answers[number] == nil }

    /// A figure of INFO.
    func figure(_ name: String) throws -> Int64? {
        guard case .integer(let number)? = try core.figures()[name] else { return nil }
        return number
    }
}
