// Sees the end of processes that sessions are bound to, in milliseconds and with proof.
//
// A pidfd becomes readable when its process ends. It is opened first and the process' start time
// compared afterwards, so that a reused number can not stand for the process that is meant.
//
//   P1  A death is reported only with proof: the pidfd's word, another start time under the
//       number, or another boot. Without proof the session's TTL decides.

internal import CTenureSystem
internal import Glibc
internal import Synchronization
internal import TenureModel

/// Watches processes on a thread of its own.
final class ProcessWatcher: Sendable {
    private struct Watched {
        let session: SessionID
        let process: ProcessIdentity
        let descriptor: Int32
    }

    private struct State {
        var watched: [Watched] = []
        var isStopping = false
    }

    private let state = Mutex(State())
    private let thread = WorkThread(name: "tenure-watch")
    private let wakeDescriptor: Int32
    private let report: @Sendable (SessionID, Bool, String) -> Void

    /// Calls `report` on its thread with the session, whether its whole process tree is gone, and
    /// the evidence.
    init(report: @escaping @Sendable (SessionID, Bool, String) -> Void) {
        self.report = report
        wakeDescriptor = tenure_event_open()
        thread.run { [self] in loop() }
    }

    /// Watches the process of a session.
    func watch(_ session: Session) {
        guard let process = session.process else { return }
        guard process.bootID == HostFacts.bootID else {
            let evidence = "the host was booted since: boot \(HostFacts.bootID)"
            return thread(session.id, treeIsGone: true, evidence)
        }
        // In another pid namespace the number means nothing here.
        guard process.pidNamespace == HostFacts.pidNamespace else { return }
        let descriptor = tenure_pidfd_open(process.pid)
        let found = HostFacts.startTicks(of: process.pid)
        guard descriptor >= 0, found == process.startTicks else {
            if descriptor >= 0 { close(descriptor) }
            if descriptor < 0, descriptor != -ESRCH { return }
            let what = found.map { "process \(process.pid) started at tick \($0)" }
            let evidence = (what ?? "no process \(process.pid)") + ", not the one that was recorded"
            return thread(session.id, treeIsGone: false, evidence)
        }
        state.withLock {
            $0.watched.append(
                Watched(session: session.id, process: process, descriptor: descriptor)
            )
        }
        wake()
    }

    /// Ends the thread.
    func stop() {
        state.withLock { $0.isStopping = true }
        wake()
        thread.stop()
        close(wakeDescriptor)
    }

    private func thread(_ session: SessionID, treeIsGone: Bool, _ evidence: String) {
        report(session, treeIsGone, evidence)
    }

    private func wake() {
        var one: UInt64 = 1
        // SAFETY: eight bytes of our own stack; a full counter wakes as well.
        _ = unsafe write(wakeDescriptor, &one, 8)
    }

    private func loop() {
        while true {
            let (watched, isStopping) = state.withLock { ($0.watched, $0.isStopping) }
            if isStopping {
                for item in watched { close(item.descriptor) }
                return
            }
            var polled = [pollfd(fd: wakeDescriptor, events: Int16(POLLIN), revents: 0)]
            polled += watched.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
            // SAFETY: the array has as many entries as are named, and outlives the call.
            _ = unsafe poll(&polled, nfds_t(polled.count), -1)
            var count: UInt64 = 0
            // SAFETY: eight bytes of our own stack; an empty counter is no error here.
            if polled[0].revents != 0 { _ = unsafe read(wakeDescriptor, &count, 8) }
            for (item, entry) in zip(watched, polled.dropFirst()) where entry.revents != 0 {
                state.withLock { $0.watched.removeAll { $0.descriptor == item.descriptor } }
                close(item.descriptor)
                report(
                    item.session,
                    false,
                    "its pidfd reported the end of process \(item.process.pid), started at tick "
                        + "\(item.process.startTicks)"
                )
            }
        }
    }
}
