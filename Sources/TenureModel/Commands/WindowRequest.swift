// What is asked for when something is to be drained from a later time on.

internal import TenureBase

/// A drain of one resource, or of all of a node, from a time to a time.
public struct WindowRequest: Hashable, Sendable {
    /// What is to be drained.
    public enum Subject: Hashable, Sendable {
        /// The resource of this name.
        case resource(String)
        /// All resources of a node, of one pool or of every pool, those that are declared later
        /// included; a resource without a node is one by its own name.
        case node(String, pool: String? = nil)
    }

    /// What is to be drained.
    public var subject: Subject
    /// When the drain begins, in milliseconds of ledger time from now: 1 to
    /// `Limits.millisecondsMax`.
    public var startMilliseconds: UInt64
    /// How long it lasts, in milliseconds of ledger time: 1 to `Limits.millisecondsMax`.
    public var lengthMilliseconds: UInt64
    /// How long after its beginning what is left is taken back, in milliseconds: less than it
    /// lasts; nothing is taken back when absent.
    public var byMilliseconds: UInt64?
    /// What it is for: at most `Limits.textBytes`, without control characters.
    public var reason: String?
    /// How many leases may still have something there when it begins.
    package var leases = 0

    /// A drain of `subject`, from so many milliseconds on for so many.
    public init(
        _ subject: Subject,
        startMilliseconds: UInt64,
        lengthMilliseconds: UInt64,
        byMilliseconds: UInt64? = nil,
        reason: String? = nil
    ) {
        self.subject = subject
        self.startMilliseconds = startMilliseconds
        self.lengthMilliseconds = lengthMilliseconds
        self.byMilliseconds = byMilliseconds
        self.reason = reason
    }

    /// The first thing that is malformed, as a sentence; nothing when all is well.
    package var fault: String? {
        for (word, milliseconds) in [("AT", startMilliseconds), ("FOR", lengthMilliseconds)]
        where milliseconds == 0 || milliseconds > Limits.millisecondsMax {
            return "a drain that is planned, or has a REASON, needs AT and FOR; \(word) must be 1 "
                + "to \(Limits.millisecondsMax) ms"
        }
        if let byMilliseconds, byMilliseconds == 0 || byMilliseconds >= lengthMilliseconds {
            return "BY counts from the beginning of a planned drain; it must be 1 to "
                + "\(lengthMilliseconds - 1) ms, less than FOR"
        }
        if let reason, !reason.isPlainText {
            return "REASON is at most \(Limits.textBytes) bytes without control characters"
        }
        return nil
    }
}
