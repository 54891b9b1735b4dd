// Lines of the log about what clients did: bounded, so that a client can not fill a disk, and by
// user, so that none hides what another did.
//
//   N1  In one second a user gets `ServerLimits.linesPerUser` lines, and all together
//       `linesPerSecond`; the first line of each of `firstLines` users is there beside these.
//   N2  What was left out of a second is one line behind it, with how much of whom.

internal import Logging
internal import Synchronization

/// Where the daemon tells what clients did; one for all event loops.
final class ClientLog: Sendable {
    /// What has been told in a second, and what has not.
    fileprivate struct Second {
        var number = Int64.min
        var lines = 0
        var firsts = 0
        var told: [String: Int] = [:]
        var leftOut: [String: Int] = [:]
    }

    private let second = Mutex(Second())
    private let logger: Logger

    /// Tells `logger`.
    init(_ logger: Logger) {
        self.logger = logger
    }

    /// Tells what `user` did, if there is room for it in this second; else the facts are not made.
    func warn(
        _ message: Logger.Message,
        of user: String,
        _ facts: @autoclosure () -> Logger.Metadata,
        now: Int64 = WallClock.monotonicSeconds
    ) {
        tellLeftOut(now: now)
        guard second.withLock({ $0.hasRoom(for: user) }) else { return }
        logger.warning(message, metadata: facts())
    }

    /// Tells what was left out of a second that is over.
    func tellLeftOut(now: Int64 = WallClock.monotonicSeconds) {
        let leftOut = second.withLock { second in
            guard second.number != now else { return [:] as [String: Int] }
            let leftOut = second.leftOut
            second = Second(number: now)
            return leftOut
        }
        guard !leftOut.isEmpty else { return }
        // Who did little comes first: it is what a flood would hide.
        let users = leftOut.sorted { ($0.value, $0.key) < ($1.value, $1.key) }
        logger.warning(
            "more lines about clients were left out",
            metadata: [
                "lines": "\(leftOut.values.reduce(0, +))",
                "users": "\(users.map { "\($0.key): \($0.value)" }.joined(separator: ", "))",
            ]
        )
    }
}

extension ClientLog.Second {
    /// Counts a line of `user`; whether there is room for it.
    fileprivate mutating func hasRoom(for user: String) -> Bool {
        let count = told[user] ?? 0
        if count == 0, firsts < ServerLimits.firstLines {
            firsts += 1
            told[user] = 1
            return true
        }
        if count < ServerLimits.linesPerUser, lines < ServerLimits.linesPerSecond {
            lines += 1
            told[user] = count + 1
            return true
        }
        let isNamed = leftOut[user] != nil || leftOut.count < ServerLimits.leftOutUsers
        leftOut[isNamed ? user : "others", default: 0] += 1
        return false
    }
}
