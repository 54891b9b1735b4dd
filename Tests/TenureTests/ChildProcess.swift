// A child that sleeps, for what is bound to processes.
//
// Started and reaped by hand: Foundation's Process waits by a signal that the monitor of exit
// tests, in the same process, takes from it.

import Glibc

/// A process that does nothing for a while.
struct ChildProcess {
    /// Its number.
    let pid: Int32

    /// Starts `sleep seconds`.
    init(sleepingSeconds seconds: Int) throws {
        var pid: pid_t = 0
        // SAFETY: copies that live until they are freed below.
        var arguments: [UnsafeMutablePointer<CChar>?] = unsafe [
            strdup("sleep"), strdup("\(seconds)"), nil,
        ]
        // SAFETY: freed once, after the call that reads them.
        defer { for index in 0..<2 { unsafe free(arguments[index]) } }
        // SAFETY: the argument list ends in nil and outlives the call.
        let status = unsafe posix_spawn(&pid, "/bin/sleep", nil, nil, &arguments, environ)
        guard status == 0 else { throw Failure(status: status) }
        self.pid = pid
    }

    /// Why no process could be started.
    struct Failure: Error {
        let status: Int32
    }

    /// Ends it and waits until it is gone.
    func kill() {
        _ = Glibc.kill(pid, SIGKILL)
        var status: Int32 = 0
        // SAFETY: the kernel fills an integer of ours; someone else may have reaped it already.
        while unsafe waitpid(pid, &status, 0) < 0, errno == EINTR {}
    }
}
