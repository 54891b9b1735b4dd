// What a process does once, early, because it is a daemon of ours and nothing else.

internal import CTenureSystem
internal import Glibc

/// The process as a whole.
package enum DaemonProcess {
    /// Bounds what the allocator keeps: the rows of a checkpoint are freed all at once.
    ///
    /// For a process of our own only: an embedding program decides that for itself.
    package static func boundHeap() {
        tenure_bound_heap()
    }

    /// Makes a file that grows past `RLIMIT_FSIZE` an error number instead of a signal.
    package static func ignoreSizeLimits() {
        _ = signal(SIGXFSZ, SIG_IGN)
    }

    /// Checks that the system has what a daemon can not begin without; early, because libraries
    /// stop the process where they do not get it.
    ///
    /// - Throws: `ServerError` when something is lacking.
    package static func requireRoom(forLoops count: Int) throws(ServerError) {
        try Descriptors.requireRoom(forLoops: count)
    }

    /// Opens the standard streams that are closed, to nothing.
    ///
    /// Or the first files that are opened would get their numbers, and what is meant for the log of
    /// the daemon would be written into them.
    package static func openMissingStreams() {
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) == -1 {
            // The lowest number that is free is this one.
            // SAFETY: the path is a constant string for the call.
            _ = unsafe open("/dev/null", O_RDWR)
        }
    }
}
