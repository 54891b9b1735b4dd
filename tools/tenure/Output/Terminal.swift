// Data to stdout, words to stderr. A reader that has gone away is not an error.
//
// `tenure lease list | head -1` closes our stdout early: SIGPIPE is ignored and the failed write
// ends the process with 0. Any other failure to write stdout is a failure, because whoever asked
// did not get the answer.

internal import Glibc
internal import SystemPackage

/// The two streams of the process.
package enum Terminal {
    /// Makes a closed pipe an error number instead of a signal.
    package static func ignoreBrokenPipes() {
        _ = signal(SIGPIPE, SIG_IGN)
    }

    /// Writes a line of data.
    package static func data(_ line: String) throws {
        try write(line + "\n")
    }

    private static func write(_ text: String) throws {
        do {
            try FileDescriptor.standardOutput.writeAll(Array(text.utf8))
        } catch Errno.brokenPipe {
            exit(0)
        } catch {
            throw Failure(.inputOutput, "can not write to the standard output: \(error)")
        }
    }

    /// Writes a part of a line of data.
    package static func part(_ text: String) throws {
        try write(text)
    }

    /// Writes lines of data with one call.
    package static func data(_ lines: [String]) throws {
        if !lines.isEmpty { try data(lines.joined(separator: "\n")) }
    }

    /// Writes a line for people; when nobody listens, nothing happens.
    package static func word(_ line: String) {
        _ = try? FileDescriptor.standardError.writeAll(Array((line + "\n").utf8))
    }

    /// Writes to the terminal line where the cursor is, which a later call overwrites.
    package static func overwrite(_ line: String) {
        _ = try? FileDescriptor.standardError.writeAll(Array(("\r\u{1b}[K" + line).utf8))
    }

    /// Whether data goes to a terminal.
    package static var showsData: Bool { isatty(STDOUT_FILENO) == 1 }

    /// Whether somebody looks at stderr.
    package static var isInteractive: Bool { isatty(STDERR_FILENO) == 1 }
}
