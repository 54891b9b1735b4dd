// Sees the end of processes that sessions are bound to, in milliseconds and with proof.
//
// A pidfd becomes readable when its process ends. It is opened first and the process' start time
// compared afterwards, so that a reused number can not stand for the process that is meant.
//
//   P1  A death is reported only with proof: the pidfd's word, another start time under the
//       number, or another boot. Without proof the session's TTL decides, or what stands for
//       one when the pid namespace changed.
//   P2  There is one pidfd for each process, from its first session to the end of its last; but no
//       more of them than a share of the descriptors that this process may have. Who opens sessions
//       can not take those that the log needs. The processes beyond are looked at in turn.
//   P3  Only the watcher's own thread closes a pidfd, because it may be waiting on it.

internal import CTenureSystem
internal import DequeModule
internal import Dispatch
internal import Glibc
internal import Synchronization
internal import TenureModel

/// Watches processes on a thread of its own.
final class ProcessWatcher: Sendable {
    private struct Watched {
        let descriptor: Int32
        /// None when the last of them has ended, until the descriptor is closed.
        var sessions: Set<SessionID>
    }

    private struct State {
        var watched: [ProcessIdentity: Watched] = [:]
        var processes: [SessionID: ProcessIdentity] = [:]
        /// Those that are looked at in turn, for want of descriptors or memory.
        var postponed: [SessionID: Session] = [:]
        /// Their turns; some may have ended since.
        var turns: Deque<SessionID> = []
        var isStopping = false

        mutating func add(_ session: Session, _ process: ProcessIdentity) -> Bool {
            guard watched[process] != nil else { return false }
            watched[process]?.sessions.insert(session.id)
            processes[session.id] = process
            return true
        }

        mutating func postpone(_ session: Session) {
            if postponed.updateValue(session, forKey: session.id) == nil {
                turns.append(session.id)
            }
        }

        /// The next `count` whose turn it is, which are looked at now.
        mutating func takeTurns(_ count: Int) -> [Session] {
            var sessions: [Session] = []
            while sessions.count < count, let id = turns.popFirst() {
                if let session = postponed.removeValue(forKey: id) { sessions.append(session) }
            }
            return sessions
        }
    }

    /// How long between two turns of those that have no pidfd, in nanoseconds.
    private static let turnNanoseconds: UInt64 = 1_000_000_000
    /// How many are looked at in one turn: about 20 ms of the watcher's own thread.
    private static let turnSessions = 1_024
    private let limit: Int?
    private let state = Mutex(State())
    private let thread: WorkThread
    private let wakeDescriptor: Int32
    private let report: @Sendable (Housekeeping) -> Void

    /// Calls `report` with what was found out, on `thread` or on that of `watch`.
    ///
    /// `wake` is an eventfd, which it closes in the end; `limit` is the most pidfds at once, where
    /// that does not follow from the limit of descriptors.
    init(
        on thread: WorkThread,
        wake: Int32,
        limit: Int? = nil,
        report: @escaping @Sendable (Housekeeping) -> Void
    ) {
        self.report = report
        self.limit = limit
        self.thread = thread
        wakeDescriptor = wake
        thread.run { [self] in loop() }
    }

    /// Watches the process of a session.
    func watch(_ session: Session) {
        guard let process = session.process else { return }
        guard process.bootID == HostFacts.bootID else {
            let evidence = "the host was booted since: boot \(HostFacts.bootID)"
            return report(.processDied(session.id, treeIsGone: true, evidence: evidence))
        }
        // In another pid namespace the number means nothing here.
        guard process.pidNamespace == HostFacts.pidNamespace else {
            return report(.processSeen(session.id, seen: false))
        }
        // It could not be seen for a while, by a ledger in another namespace.
        if session.ttlMilliseconds == 0, session.deadline < .never {
            report(.processSeen(session.id, seen: true))
        }
        if state.withLock({ $0.add(session, process) }) { return }
        let descriptor = tenure_pidfd_open(process.pid)
        let found = HostFacts.startTicks(of: process.pid)
        guard descriptor >= 0, found == process.startTicks else {
            // What can not be read, for want of descriptors, proves nothing.
            let isUnknown =
                descriptor < 0 ? descriptor != -ESRCH : found == nil && !Self.hasEnded(descriptor)
            if descriptor >= 0 { close(descriptor) }
            if isUnknown { return postpone(session) }
            let what = found.map { "process \(process.pid) started at tick \($0)" }
            let evidence = (what ?? "no process \(process.pid)") + ", not the one that was recorded"
            return report(.processDied(session.id, treeIsGone: false, evidence: evidence))
        }
        let limit = limit ?? HostFacts.watchedProcessesMax
        let isKept = state.withLock { state in
            // Someone else may have been faster.
            if state.add(session, process) { return false }
            guard state.watched.count < limit else {
                state.postpone(session)
                return false
            }
            state.watched[process] = Watched(descriptor: descriptor, sessions: [session.id])
            state.processes[session.id] = process
            return true
        }
        if !isKept { close(descriptor) }
        wake()
    }

    private func postpone(_ session: Session) {
        state.withLock { $0.postpone(session) }
        wake()
    }

    /// Whether the process of a pidfd has ended.
    private static func hasEnded(_ descriptor: Int32) -> Bool {
        var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        // SAFETY: one entry of ours, for the call.
        return unsafe poll(&polled, 1, 0) > 0
    }

    /// Watches for these sessions no longer; those that are not known are passed over.
    func forget(_ sessions: [SessionID]) {
        let isUnused = state.withLock { state in
            var isUnused = false
            for session in sessions {
                state.postponed[session] = nil
                guard let process = state.processes.removeValue(forKey: session) else { continue }
                state.watched[process]?.sessions.remove(session)
                isUnused = isUnused || state.watched[process]?.sessions.isEmpty ?? false
            }
            return isUnused
        }
        if isUnused { wake() }
    }

    /// Ends the thread.
    func stop() {
        state.withLock { $0.isStopping = true }
        wake()
        thread.stop()
        close(wakeDescriptor)
    }

    private func wake() {
        var one: UInt64 = 1
        // SAFETY: eight bytes of our own stack; a full counter wakes as well.
        _ = unsafe write(wakeDescriptor, &one, 8)
    }

    private func loop() {
        var turn = DispatchTime.now().uptimeNanoseconds + Self.turnNanoseconds
        while let processes = prepare() {
            let now = DispatchTime.now().uptimeNanoseconds
            let isIdle = state.withLock { $0.postponed.isEmpty }
            let wait = isIdle ? -1 : Int32(clamping: (max(turn, now) - now + 999_999) / 1_000_000)
            var polled = [pollfd(fd: wakeDescriptor, events: Int16(POLLIN), revents: 0)]
            polled += processes.map { pollfd(fd: $0.1, events: Int16(POLLIN), revents: 0) }
            // SAFETY: the array has as many entries as are named, and outlives the call.
            _ = unsafe poll(&polled, nfds_t(polled.count), wait)
            var count: UInt64 = 0
            // SAFETY: eight bytes of our own stack; an empty counter is no error here.
            if polled[0].revents != 0 { _ = unsafe read(wakeDescriptor, &count, 8) }
            for (item, entry) in zip(processes, polled.dropFirst()) where entry.revents != 0 {
                ended(item.0)
            }
            guard DispatchTime.now().uptimeNanoseconds >= turn else { continue }
            for session in state.withLock({ $0.takeTurns(Self.turnSessions) }) { watch(session) }
            turn = DispatchTime.now().uptimeNanoseconds + Self.turnNanoseconds
        }
    }

    /// Closes what nobody needs; the processes to wait for.
    ///
    /// Nothing, with everything closed, when the watcher is to stop.
    private func prepare() -> [(ProcessIdentity, Int32)]? {
        state.withLock { state in
            for (process, item) in state.watched where item.sessions.isEmpty || state.isStopping {
                close(item.descriptor)
                state.watched[process] = nil
            }
            if state.isStopping { return nil }
            return state.watched.map { ($0.key, $0.value.descriptor) }
        }
    }

    private func ended(_ process: ProcessIdentity) {
        let item = state.withLock { state in
            let item = state.watched.removeValue(forKey: process)
            for session in item?.sessions ?? [] { state.processes[session] = nil }
            return item
        }
        guard let item else { return }
        close(item.descriptor)
        let evidence =
            "its pidfd reported the end of process \(process.pid), started at tick "
            + "\(process.startTicks)"
        for session in item.sessions.sorted() {
            report(.processDied(session, treeIsGone: false, evidence: evidence))
        }
    }
}
