// What identifies this boot, this pid namespace and a local process.

internal import Glibc
internal import TenureModel

/// Facts that the kernel states about the host and its processes.
enum HostFacts {
    /// Names this boot; a fixed text where the kernel does not tell.
    static let bootID: String = {
        let text = HostFiles(root: "/").text("/proc/sys/kernel/random/boot_id")
        // One that is not known is no other's: what the clocks say then is an estimate.
        return text.map { String($0.prefix { $0 != "\n" }) }
            ?? "unknown-\(UInt64.random(in: .min ... .max))"
    }()

    /// The inode number of this process' pid namespace; 0 where the kernel does not tell.
    static let pidNamespace: UInt64 = {
        var facts = stat()
        // SAFETY: the kernel fills the structure that lives on our stack.
        return unsafe stat("/proc/self/ns/pid", &facts) == 0 ? UInt64(facts.st_ino) : 0
    }()

    /// How many processes may be watched by a descriptor each: a sixteenth of those that this
    /// process may open, so that clients, the log and the state have the rest.
    static var watchedProcessesMax: Int {
        var limits = rlimit()
        // SAFETY: the kernel fills the structure that lives on our stack.
        let result = unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limits)
        return result == 0 ? min(max(Int(clamping: limits.rlim_cur) / 16, 4), 4_096) : 64
    }

    /// A process that exists now; nothing when there is none of that number.
    static func identify(pid: Int32) -> ProcessIdentity? {
        guard pid > 0, let start = startTicks(of: pid) else { return nil }
        return ProcessIdentity(
            pid: pid,
            startTicks: start,
            bootID: bootID,
            pidNamespace: pidNamespace
        )
    }

    /// When a process started, in clock ticks since boot: field 22 of its stat (proc(5)).
    static func startTicks(of pid: Int32) -> UInt64? {
        guard let bytes = HostFiles(root: "/").text("/proc/\(pid)/stat")?.utf8,
            let close = bytes.lastIndex(of: 0x29)
        else { return nil }
        // The name before the bracket may hold anything; fields are counted behind it, from 3 on.
        let fields = bytes[bytes.index(after: close)...].split(separator: 0x20)
        guard fields.count > 19 else { return nil }
        // A zombie has ended; only its parent has not looked yet.
        if fields[0].elementsEqual([0x5a]) { return nil }
        return UInt64(Substring(fields[19]))
    }
}
