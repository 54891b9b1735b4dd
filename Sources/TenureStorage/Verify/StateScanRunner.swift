// The child process that scans a state, started and listened to.
//
//   V3  A child that dies of what it read is a finding with its place, and the audit goes on. One
//       that somebody killed says nothing of the state, and nobody may give up history for it.

internal import Glibc
internal import SystemPackage
package import TenureLog

/// Runs the scan of a state in a child process.
package struct StateScanRunner: Sendable {
    /// The program: as a rule the running one.
    package let executable: String
    /// What makes it scan; the directory, the ledger's id and the name of the state follow.
    package let arguments: [String]

    /// A runner that starts `executable` with `arguments`, and what it is to scan behind them.
    package init(executable: String, arguments: [String]) {
        self.executable = executable
        self.arguments = arguments
    }

    /// Scans `state/`, or another one, of the directory `path`.
    ///
    /// - Throws: `device` when no child can be started, or somebody killed it: the kernel, for want
    ///   of memory. A child that dies by itself is a finding.
    package func run(
        path: String,
        ledger: LedgerID,
        name: String = DataDirectory.Name.state
    ) throws(StorageError) -> StateScanResult {
        var ends: [Int32] = [-1, -1]
        // SAFETY: the kernel writes two descriptors to the array.
        guard unsafe pipe(&ends) == 0 else {
            throw .system(Errno(rawValue: errno), "pipe failed", at: executable)
        }
        // The child gets the end that it writes to by a name of its own.
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let child: pid_t
        do throws(StorageError) {
            child = try spawn(
                [executable] + arguments + [path, "\(ledger)", name],
                output: ends[1]
            )
        } catch {
            for end in ends { close(end) }
            throw error
        }
        close(ends[1])
        var result = StateScanResult(ledger: ledger)
        readLines(ends[0]) { result.take($0) }
        close(ends[0])
        var status: Int32 = 0
        while unsafe waitpid(child, &status, 0) < 0, errno == EINTR {}
        let signal = status & 0x7f
        let code = (status >> 8) & 0xff
        if signal != 0, !Self.ownSignals.contains(signal) {
            throw .device(
                Trouble(
                    "the process that reads the state was killed by signal \(signal)",
                    at: path + "/" + name,
                    "that says nothing of the state; see whether memory was short, and try again"
                )
            )
        }
        if signal != 0 {
            result.end("was killed by signal \(signal): a page leads out of the file")
        } else if code != 0 || !result.isComplete {
            result.end("ended with status \(code) before it was done")
        }
        return result
    }

    /// The signals by which a process ends for what it did or read itself.
    private static let ownSignals: Set<Int32> = [
        SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP,
    ]

    private func spawn(_ words: [String], output: Int32) throws(StorageError) -> pid_t {
        // SAFETY: the actions are initialised before use and destroyed after it.
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_adddup2(&actions, output, 1)
        // SAFETY: the copies live until the child has its own, and are freed here.
        var pointers: [UnsafeMutablePointer<CChar>?] = unsafe words.map { unsafe strdup($0) }
        unsafe pointers.append(nil)
        defer {
            for index in unsafe pointers.indices { unsafe free(pointers[index]) }
        }
        var child: pid_t = 0
        let code = unsafe posix_spawn(&child, executable, &actions, nil, pointers, environ)
        guard code == 0 else {
            throw .device(
                Trouble(
                    "can not be started: \(Errno(rawValue: code))",
                    at: executable,
                    "run the audit from an installed program"
                )
            )
        }
        return child
    }

    /// Reads to the end; a line that is too long is cut, so that memory stays bounded.
    private func readLines(_ descriptor: Int32, _ body: (String) -> Void) {
        var line: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe part.withUnsafeMutableBytes { buffer in
                // SAFETY: the kernel writes at most `count` bytes to the buffer.
                unsafe read(descriptor, buffer.baseAddress, buffer.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            for byte in part[..<count] {
                if byte == UInt8(ascii: "\n") {
                    body(String(decoding: line, as: UTF8.self))
                    line.removeAll(keepingCapacity: true)
                } else if line.count < 65_536 {
                    line.append(byte)
                }
            }
        }
        if !line.isEmpty { body(String(decoding: line, as: UTF8.self)) }
    }
}
