// Sees the end of processes that sessions are bound to, in milliseconds and with proof.
//
// A pidfd becomes readable when its process ends. It is opened first and the process' start time
// compared afterwards, so that a reused number can not stand for the process that is meant.
//
//   P1  A death is reported only with proof: the pidfd's word, another start time under the
//       number, or another boot. Without proof the session's TTL decides, or what stands for
//       one when the pid namespace changed.
//   P2  There is one pidfd for each process, from its first session to the end of its last.
//   P3  Only the watcher's own thread closes a pidfd, because it may be waiting on it.

internal import CTenureSystem
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
        /// Those that could not be watched for want of descriptors or memory.
        var postponed: [SessionID: Session] = [:]
        var isStopping = false

        mutating func add(_ session: Session, _ process: ProcessIdentity) -> Bool {
            guard watched[process] != nil else { return false }
            watched[process]?.sessions.insert(session.id)
            processes[session.id] = process
            return true
        }
    }

    /// How long until what could not be watched is tried again, in milliseconds.
    private static let retryMilliseconds: Int32 = 1_000
    private let state = Mutex(State())
    private let thread: WorkThread
    private let wakeDescriptor: Int32
    private let report: @Sendable (Housekeeping) -> Void

    /// Calls `report` with what was found out, on `thread` or on that of `watch`.
    ///
    /// `wake` is an eventfd, which it closes in the end.
    init(
        on thread: WorkThread,
        wake: Int32,
        report: @escaping @Sendable (Housekeeping) -> Void
    ) {
        self.report = report
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
            if descriptor >= 0 { close(descriptor) }
            if descriptor < 0, descriptor != -ESRCH {
                state.withLock { $0.postponed[session.id] = session }
                return wake()
            }
            let what = found.map { "process \(process.pid) started at tick \($0)" }
            let evidence = (what ?? "no process \(process.pid)") + ", not the one that was recorded"
            return report(.processDied(session.id, treeIsGone: false, evidence: evidence))
        }
        let isSecond = state.withLock { state in
            // Someone else may have been faster.
            if state.add(session, process) { return true }
            state.watched[process] = Watched(descriptor: descriptor, sessions: [session.id])
            state.processes[session.id] = process
            return false
        }
        if isSecond { close(descriptor) } else { wake() }
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
        while let (processes, wait) = prepare() {
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
            retryPostponed(after: wait, wasWoken: polled[0].revents != 0)
        }
    }

    /// Closes what nobody needs; the processes to wait for, and how long, in milliseconds.
    ///
    /// Nothing, with everything closed, when the watcher is to stop.
    private func prepare() -> ([(ProcessIdentity, Int32)], Int32)? {
        state.withLock { state in
            for (process, item) in state.watched where item.sessions.isEmpty || state.isStopping {
                close(item.descriptor)
                state.watched[process] = nil
            }
            if state.isStopping { return nil }
            let processes = state.watched.map { ($0.key, $0.value.descriptor) }
            return (processes, state.postponed.isEmpty ? -1 : Self.retryMilliseconds)
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

    private func retryPostponed(after wait: Int32, wasWoken: Bool) {
        guard wait > 0, !wasWoken else { return }
        let postponed = state.withLock { state in
            defer { state.postponed = [:] }
            return state.postponed.values.sorted { $0.id < $1.id }
        }
        for session in postponed { watch(session) }
    }
}
