// Processes that sessions are bound to: identified by the kernel's facts, never by a number alone.

internal import Glibc
internal import Tenure
internal import TenureModel

/// Finds the process that a session is to be bound to.
enum PeerProcess {
    /// The process with number `pid`, which `caller` may name.
    ///
    /// - Throws: the refusal when there is none, or it is another user's.
    static func identify(pid: Int32, for caller: Caller) throws(Refusal) -> ProcessIdentity {
        guard let identity = Ledger.identifyProcess(pid: pid) else {
            throw Refusal(.malformed, "there is no process \(pid) in the daemon's pid namespace")
        }
        if caller.isAdmin { return identity }
        var facts = stat()
        // SAFETY: the kernel fills the structure during the call.
        let found = unsafe stat("/proc/\(pid)", &facts) == 0
        // Looked up again, so that the owner is that of the process identified.
        guard found, Ledger.identifyProcess(pid: pid) == identity else {
            throw Refusal(.malformed, "the process \(pid) has just ended")
        }
        guard facts.st_uid == caller.uid else {
            throw Refusal(.notPermitted, "the process \(pid) is another user's; name one of yours")
        }
        return identity
    }
}
