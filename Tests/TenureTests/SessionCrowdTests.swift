// Many sessions at once: more than there are descriptors for, more than one user may have, and the
// end of all of them at the same time.

import Synchronization
import TenureModel
import TenureTesting
import Testing

@testable import Tenure

@Suite("Many sessions", .waiting, .timeLimit(.minutes(5)))
struct SessionCrowdTests {
    private let scratch = LedgerScratch()

    private func session(_ number: UInt64, of pid: Int32) throws -> Session {
        let process: ProcessIdentity = try #require(HostFacts.identify(pid: pid))
        return Session(
            id: SessionID(rawValue: number),
            token: Token(rawValue: number),
            holder: "h",
            uid: 1,
            ttlMilliseconds: 0,
            deadline: .never,
            process: process,
            ended: nil
        )
    }

    /// Who opens sessions takes no descriptor that the log may need.
    @Test
    func `P2: processes beyond the limit of descriptors are seen to end all the same`()
        async throws
    {
        let found = FoundDead()
        let scene = try WriterScene(limit: 1) { found.note($0) }
        let watcher = scene.watcher
        let children = try (0..<4).map { _ in try ChildProcess(sleepingSeconds: 600) }
        for (number, child) in children.enumerated() {
            watcher.watch(try session(UInt64(number + 1), of: child.pid))
        }
        watcher.forget([SessionID(rawValue: 4)])
        // The last first: it has no descriptor.
        for (count, child) in children.reversed().enumerated() {
            child.kill()
            while found.sessions.count < count {
                try await Task.sleep(for: .milliseconds(10))
            }
        }
        #expect(found.sessions.map(\.rawValue) == [3, 2, 1])
    }

    @Test
    func `one user has a share of the sessions, and others and admins the rest`() throws {
        let core = try scratch.core(clock: VirtualClock())
        core.isWatchingProcesses = true
        let codes = SessionAnswers()
        func open(_ count: Int, as caller: Caller) {
            for first in stride(from: 0, to: count, by: 1_024) {
                core.run(
                    (0..<min(1_024, count - first)).map { _ in
                        Submission(
                            command: .openSession(SessionRequest(ttlMilliseconds: 600_000)),
                            caller: caller,
                            ticket: 0,
                            sink: codes
                        )
                    }
                )
            }
        }
        let user = Caller(uid: 1_001, isAdmin: false)
        open(EngineLimits.sessionsPerUser + 3, as: user)
        #expect(codes.taken() == [nil: EngineLimits.sessionsPerUser, .busy: 3])
        open(1, as: Caller(uid: 1_002, isAdmin: false))
        open(1, as: Caller(uid: 1_001, isAdmin: true))
        #expect(codes.taken() == [nil: 2])
        let session = try #require(core.sessions(after: nil, limit: 1)?.first)
        let reference = SessionReference(session: session.id, token: session.token)
        let close = Command.closeSession(reference)
        core.run([Submission(command: close, caller: user, ticket: 0, sink: codes)])
        // The admin's own counts as well, for the user who it is.
        open(2, as: user)
        #expect(codes.taken() == [nil: 1, .busy: 2])
    }

    /// The end of a process that had them all is taken in a part at a time.
    @Test
    func `however many have died, nobody waits for all of them`() throws {
        let core = try scratch.core(clock: VirtualClock())
        let scene = try WriterScene()
        let inbox = scene.inbox
        let count = EngineLimits.turnFindings * 3
        let codes = SessionAnswers()
        let open = Command.openSession(SessionRequest(ttlMilliseconds: 600_000))
        core.run(
            (0..<count).map { _ in
                Submission(command: open, caller: .embedder, ticket: 0, sink: codes)
            }
        )
        for session in try #require(core.sessions(after: nil, limit: count)) {
            inbox.add(.processDied(session.id, treeIsGone: true, evidence: "a test"))
        }
        let alive = Mutex(0)
        let sink = FirstAnswer {
            inbox.add { core in
                let sessions = core.sessions(after: nil, limit: count) ?? []
                alive.withLock { $0 = sessions.count { $0.ended == nil } }
            }
            inbox.stop()
        }
        let status = Submission(command: .query(.status), caller: .embedder, ticket: 0, sink: sink)
        #expect(inbox.add([status]).submissions.isEmpty)
        scene.run(core)
        #expect(alive.withLock { $0 } == count - EngineLimits.turnFindings)
    }
}

/// The sessions whose processes were found dead.
private final class FoundDead: Sendable {
    private let found = Mutex<[SessionID]>([])

    var sessions: [SessionID] { found.withLock { $0 } }

    func note(_ finding: Housekeeping) {
        guard case .processDied(let id, _, _) = finding else { return }
        found.withLock { $0.append(id) }
    }
}

/// Counts answers by code.
private final class SessionAnswers: AnswerSink {
    private let codes = Mutex<[RefusalCode?: Int]>([:])

    func deliver(_ answers: [Delivery]) {
        codes.withLock { codes in
            for answer in answers {
                if case .refused(let refusal) = answer.answer {
                    codes[refusal.code, default: 0] += 1
                } else {
                    codes[nil, default: 0] += 1
                }
            }
        }
    }

    /// What has come since the last time.
    func taken() -> [RefusalCode?: Int] {
        codes.withLock { codes in
            defer { codes = [:] }
            return codes
        }
    }
}
