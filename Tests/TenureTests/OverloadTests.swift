// Back-pressure in front of the writer: what is past the bound is turned away, the rest is served.

import Dispatch
import Synchronization
import TenureModel
import TenureSimulation
import TenureTesting
import Testing

@testable import Tenure

/// Counts answers, and lets a test wait for so many.
private final class AnswerCount: AnswerSink {
    private let codes = Mutex<[RefusalCode?: Int]>([:])

    func deliver(_ answers: [Delivery]) {
        codes.withLock { codes in
            for delivery in answers {
                var code: RefusalCode?
                if case .refused(let refusal) = delivery.answer { code = refusal.code }
                codes[code, default: 0] += 1
            }
        }
    }

    subscript(code: RefusalCode?) -> Int { codes.withLock { $0[code] ?? 0 } }

    var total: Int { codes.withLock { $0.values.reduce(0, +) } }
}

/// Does something at the first answers.
final class FirstAnswer: AnswerSink {
    private let body: @Sendable () -> Void
    private let isFirst = Mutex(true)

    init(_ body: @escaping @Sendable () -> Void) { self.body = body }

    func deliver(_ answers: [Delivery]) {
        let isFirst = isFirst.withLock { isFirst in
            defer { isFirst = false }
            return isFirst
        }
        if isFirst { body() }
    }
}

/// Keeps the writer at its first answer until it may go on, and notes the order of all answers.
private final class HoldingSink: AnswerSink {
    private struct Notes {
        var tickets: [UInt64] = []
        var isHeld = true
    }

    private let notes = Mutex(Notes())
    private let go = DispatchSemaphore(value: 0)

    func deliver(_ answers: [Delivery]) {
        let isFirst = notes.withLock { notes in
            notes.tickets += answers.map(\.ticket)
            defer { notes.isHeld = false }
            return notes.isHeld
        }
        if isFirst { go.wait() }
    }

    func letGo() { go.signal() }

    var tickets: [UInt64] { notes.withLock { $0.tickets } }
}

@Suite("Overload", .waiting)
struct OverloadTests {
    private let scratch = LedgerScratch()

    /// So many commands of one user may wait that do not come first.
    private static let limitOfOne =
        UInt64(EngineLimits.waitingCommands + EngineLimits.sharedCommandsPerUser)

    @Test
    func `past the commands that may wait for the writer the rest is BUSY, at once`() async throws {
        let ledger = try scratch.open()
        defer { ledger.shutdown() }
        let answers = AnswerCount()
        // One batch is taken or turned away in one step, whatever the writer does meanwhile.
        let limit = 65_536 + 256
        ledger.submit(
            (0..<limit + 10).map { ticket in
                Submission(
                    command: .query(.status),
                    caller: .embedder,
                    ticket: UInt64(ticket),
                    sink: answers
                )
            }
        )
        #expect(answers[.busy] == 10)
        while answers.total < limit + 10 { try await Task.sleep(for: .milliseconds(5)) }
        #expect(answers[nil] == limit)
        #expect(answers[.busy] == 10)
        // And what comes then is served.
        for command in LedgerScratch.setup(cpus: 1) { _ = try await ledger.set(command) }
        _ = try await ledger.acquire(LedgerScratch.request())
    }

    /// How much waits says nothing of whether the writer lives.
    @Test
    func `a call when the writer comes by is taken where every command is turned away`()
        async throws
    {
        let ledger = try scratch.open()
        let sink = HoldingSink()
        ledger.submit([query(0, sink, of: 0)])
        while sink.tickets.isEmpty { try await Task.sleep(for: .milliseconds(1)) }
        let limit = Self.limitOfOne
        ledger.submit((1...limit).map { query($0, sink, of: 1) })
        let refused = AnswerCount()
        ledger.submit([query(0, refused, of: 2)])
        #expect(refused[.busy] == 1)
        let (signs, continuation) = AsyncStream.makeStream(of: Void.self)
        ledger.whenWriterComesBy { continuation.yield() }
        sink.letGo()
        var iterator = signs.makeAsyncIterator()
        await iterator.next()
        ledger.shutdown()
        ledger.whenWriterComesBy { Issue.record("nobody comes by any more") }
    }

    private func query(
        _ ticket: UInt64,
        _ sink: any AnswerSink,
        of origin: UInt64,
        by user: UInt32? = nil
    ) -> Submission {
        submission(.query(.status), ticket, sink, origin, user)
    }

    private let lease = LeaseReference(lease: LeaseID(rawValue: 1), token: Token(rawValue: 1))

    /// A renewal of what is not there: what is asked decides when it is decided, not the answer.
    private func renewal(
        _ ticket: UInt64,
        _ sink: any AnswerSink,
        of origin: UInt64,
        by user: UInt32? = nil
    ) -> Submission {
        submission(.renew(lease, ttlMilliseconds: 1), ticket, sink, origin, user)
    }

    private func submission(
        _ command: Command,
        _ ticket: UInt64,
        _ sink: any AnswerSink,
        _ origin: UInt64,
        _ user: UInt32?
    ) -> Submission {
        let caller = user.map { Caller(uid: $0, isAdmin: false) } ?? .embedder
        return Submission(
            command: command,
            caller: caller,
            ticket: ticket,
            sink: sink,
            origin: origin
        )
    }

    @Test
    func `a renewal comes before what asks for more, and has room where that has none`()
        async throws
    {
        let ledger = try scratch.open()
        defer { ledger.shutdown() }
        let sink = HoldingSink()
        ledger.submit([query(0, sink, of: 0)])
        while sink.tickets.isEmpty { try await Task.sleep(for: .milliseconds(1)) }
        let limit = Self.limitOfOne
        ledger.submit((1...limit).map { query($0, sink, of: 1) })
        let refused = AnswerCount()
        ledger.submit([query(0, refused, of: 2)])
        #expect(refused[.busy] == 1)
        // Behind its own connection's commands the one, before all others' the other.
        ledger.submit([renewal(limit + 1, sink, of: 1), renewal(limit + 2, sink, of: 2)])
        sink.letGo()
        while sink.tickets.count < Int(limit) + 3 {
            try await Task.sleep(for: .milliseconds(5))
        }
        #expect(sink.tickets == [0, limit + 2] + Array(1...limit + 1))
    }

    /// Its processes may be stopped, or the machine sleep, while more waits than one turn.
    @Test
    func `a pause under overload is a gap for holders, as any other`() throws {
        let clock = VirtualClock()
        let core = try scratch.core(clock: clock)
        let scene = try WriterScene()
        let inbox = scene.inbox
        let sink = FirstAnswer {
            inbox.add { _ in clock.advance(byNanoseconds: 60_000_000_000) }
            inbox.stop()
        }
        let many = UInt64(EngineLimits.turnCommands) * 3
        let rest = inbox.add((1...many).map { query($0, sink, of: $0) })
        #expect(rest.submissions.isEmpty)
        scene.run(core)
        #expect(core.counters.gaps == 1)
    }

    /// Whatever comes when: each command once, in the order of its origin, none of them starved.
    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func `nothing overtakes a command of its own origin`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let sinks = [AnswerCount(), AnswerCount()]
        var backlog = Backlog()
        var submitted: UInt64 = 0
        var lastOf: [UInt64: UInt64] = [:]
        var handedOut: Set<UInt64> = []
        var turns = 0
        var overtakes = 0
        var wrong: [UInt64] = []
        var highest: UInt64 = 0
        func check(_ turn: Backlog.Turn, of waiting: Int) {
            turns += 1
            #expect(turn.submissions.count == min(waiting, EngineLimits.turnCommands))
            for submission in turn.submissions {
                let isSecond = submission.sink === sinks[1]
                let origin = submission.origin << 1 | (isSecond ? 1 : 0)
                let isNew = handedOut.insert(submission.ticket).inserted
                if !isNew || lastOf[origin, default: 0] >= submission.ticket {
                    wrong.append(submission.ticket)
                }
                lastOf[origin] = submission.ticket
                if submission.ticket < highest { overtakes += 1 }
                highest = max(highest, submission.ticket)
            }
            for abandoned in turn.abandoned { #expect(handedOut.contains(abandoned.ticket)) }
        }
        var abandonments = 0
        for _ in 0..<40 {
            let count = Int.random(in: 0...6_000, using: &generator)
            let load = (0..<count).map { _ in
                submitted += 1
                let sink = sinks[Int.random(in: 0...1, using: &generator)]
                let origin = UInt64.random(in: 0...999, using: &generator)
                // Now and then another user, as after AUTH.
                let isOther = Int.random(in: 0..<8, using: &generator) == 0
                let user = UInt32(isOther ? 7 : origin % 5)
                return Int.random(in: 0..<4, using: &generator) == 0
                    ? renewal(submitted, sink, of: origin, by: user)
                    : query(submitted, sink, of: origin, by: user)
            }
            let gone = load.suffix(3).map { Abandonment(ticket: $0.ticket, sink: $0.sink) }
            let waiting = backlog.count + count
            let turn = backlog.turn(with: load, abandoned: gone)
            abandonments += gone.count - turn.abandoned.count
            check(turn, of: waiting)
        }
        while !backlog.isEmpty {
            let waiting = backlog.count
            let turn = backlog.turn(with: [], abandoned: [])
            abandonments -= turn.abandoned.count
            check(turn, of: waiting)
        }
        #expect(wrong.isEmpty)
        #expect(handedOut.count == Int(submitted) && abandonments == 0)
        #expect(turns > 40 && overtakes > 100)
    }

    @Test
    func `what asks for more is not starved by renewals`() throws {
        let sink = AnswerCount()
        var backlog = Backlog()
        let many = EngineLimits.turnCommands * 3
        var load = (0..<many).map { query(UInt64($0), sink, of: UInt64($0)) }
        load += (0..<many).map { renewal(UInt64(many + $0), sink, of: UInt64(many + $0)) }
        for _ in 0..<2 {
            let turn = backlog.turn(with: load, abandoned: [])
            load = []
            let others = turn.submissions.count { !$0.command.comesFirst }
            #expect(turn.submissions.count == EngineLimits.turnCommands)
            #expect(others == EngineLimits.turnCommands / 8)
        }
    }

    /// However much one asks for, or renews, before others come.
    @Test(arguments: [false, true])
    func `users take turns`(floodsWithRenewals: Bool) throws {
        let sink = AnswerCount()
        var backlog = Backlog()
        let flood = (0..<30_000).map { ticket in
            floodsWithRenewals
                ? renewal(ticket, sink, of: ticket % 9, by: 1)
                : query(ticket, sink, of: ticket % 9, by: 1)
        }
        _ = backlog.turn(with: flood, abandoned: [])
        let few = (0..<100 as Range<UInt64>).map { query(50_000 + $0, sink, of: 10, by: 2) }
        let many = (0..<4_000 as Range<UInt64>).map { query(60_000 + $0, sink, of: 11, by: 3) }
        let turn = backlog.turn(with: few + many, abandoned: [])
        let counts = Dictionary(grouping: turn.submissions, by: \.caller.uid).mapValues(\.count)
        #expect(counts[2] == 100)
        // What the second leaves is shared by the others.
        #expect(counts.values.reduce(0, +) == EngineLimits.turnCommands)
        #expect(abs(counts[1, default: 0] - counts[3, default: 0]) <= 1)
    }

    @Test
    func `more users than a turn has room for come one after the other`() throws {
        let sink = AnswerCount()
        var backlog = Backlog()
        let users = EngineLimits.turnCommands + 500
        let load = (0..<2 * users).map { ticket in
            query(UInt64(ticket), sink, of: UInt64(ticket), by: UInt32(ticket / 2))
        }
        var order = backlog.turn(with: load, abandoned: []).submissions.compactMap(\.caller.uid)
        order += backlog.turn(with: [], abandoned: []).submissions.compactMap(\.caller.uid)
        #expect(order.count == 2 * EngineLimits.turnCommands)
        #expect(Set(order.prefix(users)).count == users)
    }

    @Test
    func `where one has filled the room, another has a share of what is kept`() throws {
        let inbox = Inbox()
        let sink = AnswerCount()
        func rest(of user: UInt32, _ count: UInt64) -> Int {
            inbox.add((0..<count).map { query($0, sink, of: $0, by: user) }).submissions.count
        }
        #expect(rest(of: 1, 100_000) == 100_000 - Int(Self.limitOfOne))
        #expect(rest(of: 1, 1) == 1)
        let share = UInt64(EngineLimits.sharedCommandsPerUser)
        #expect(rest(of: 2, share + 10) == 10)
        // Each once more when the writer came by, as long as there is any room.
        let taken = inbox.take(waitingFor: 0, backlog: 0).submissions.count
        #expect(taken == Int(Self.limitOfOne + share))
        #expect(rest(of: 2, 5_000) == 5_000 - EngineLimits.turnCommands + Int(share))
        let more = (3..<100).reduce(0) { $0 + Int(share) - rest(of: $1, share) }
        let room = EngineLimits.waitingFirstCommands + EngineLimits.sharedCommands
        #expect(more == room - Int(share))
    }
}
