// Threads of the system, for work that must not wait for others, must stay on one thread, or must
// be refused by an error number where there is no room for it.

internal import CTenureSystem
package import SystemPackage

/// A thread of the system; all signals are blocked in it.
package struct SystemThread: Sendable {
    /// What whoever has no room for one more can do.
    package static let remedy =
        "allow more processes and threads (ulimit -u, TasksMax, pids.max)"

    /// What a new thread is handed.
    private final class Start: Sendable {
        let name: String
        let niceness: Int32
        let body: @Sendable () -> Void

        init(_ name: String, _ niceness: Int32, _ body: @escaping @Sendable () -> Void) {
            (self.name, self.niceness, self.body) = (name, niceness, body)
        }
    }

    private let handle: UInt64

    /// Starts a thread.
    ///
    /// - Parameters:
    ///   - name: at most 15 bytes, shown by `ps -T` and `perf`.
    ///   - niceness: how far it gives way to the process's other threads, 0 to 19.
    ///   - body: what it runs; it ends with that.
    /// - Returns: The thread.
    /// - Throws: the error number when the system has no room for one more thread.
    package static func start(
        _ name: String,
        niceness: Int32 = 0,
        _ body: @escaping @Sendable () -> Void
    ) throws(Errno) -> SystemThread {
        // SAFETY: the retained reference is taken over by the thread's body, exactly once.
        let start = unsafe Unmanaged.passRetained(Start(name, niceness, body))
        var handle: UInt64 = 0
        let status = unsafe tenure_thread_start(&handle, start.toOpaque()) { context in
            guard let context = unsafe context else { return }
            let start = unsafe Unmanaged<Start>.fromOpaque(context).takeRetainedValue()
            unsafe tenure_thread_describe(start.name, start.niceness)
            start.body()
        }
        guard status == 0 else {
            // SAFETY: there is no thread that would take it over.
            unsafe start.release()
            throw Errno(rawValue: -status)
        }
        return SystemThread(handle: handle)
    }

    /// Waits until it has ended; once at most.
    package func join() {
        _ = tenure_thread_join(handle)
    }
}
