// What was taken from the inbox and is more than one turn of the writer.
//
// Under overload what keeps or gives back would wait behind all that asks for more: leases would
// expire, and what is free be known late. So it comes first. One who floods the writer would make
// all others wait: so users take turns, as in fair queuing (Nagle, "On Packet Switches with
// Infinite Storage", RFC 970, section 5). Nothing overtakes a command of its own origin.

internal import DequeModule
internal import TenureBase
internal import TenureModel

/// Sorts what waits for the writer; only the writer's thread touches it.
struct Backlog {
    /// Who submitted a command.
    private struct Origin: Hashable {
        let sink: ObjectIdentifier
        let number: UInt64

        init(_ submission: Submission) {
            sink = ObjectIdentifier(submission.sink)
            number = submission.origin
        }
    }

    /// How many commands of an origin wait, and in whose line: that of the user it then had.
    private struct Waiting {
        let user: UInt32?
        var first = 0
        var others = 0

        var isEmpty: Bool { first + others == 0 }
    }

    /// What one turn of the writer is about.
    struct Turn {
        var submissions: [Submission] = []
        /// Those whose answers nobody takes any more; what they submitted is not waiting here.
        var abandoned: [Abandonment] = []
    }

    /// Those of whom something waits.
    private var lines: [UInt32?: UserLine] = [:]
    /// The same, whose turn is next in front.
    private var rotation: Deque<UInt32?> = []
    /// Some of whom nothing waits any more may be left.
    private var waiting: [Origin: Waiting] = [:]
    /// How many that do not come first were ever added.
    private var othersAdded: UInt64 = 0
    /// Those who come behind so many of them.
    private var abandoned: Deque<(behind: UInt64, Abandonment)> = []

    /// How many commands wait here.
    private(set) var count = 0

    /// Whether a turn is still to come for what waits here.
    var isEmpty: Bool { count == 0 && abandoned.isEmpty }

    /// Takes in what came, and hands out the next turn: all of it, where that is no more than one.
    mutating func turn(with load: [Submission], abandoned: [Abandonment]) -> Turn {
        if isEmpty, load.count <= EngineLimits.turnCommands {
            return Turn(submissions: load, abandoned: abandoned)
        }
        for submission in load { add(submission) }
        for abandonment in abandoned { self.abandoned.append((othersAdded, abandonment)) }
        return next()
    }

    private mutating func add(_ submission: Submission) {
        let origin = Origin(submission)
        var waiting = Waiting(user: submission.caller.uid)
        if let known = self.waiting[origin], !known.isEmpty { waiting = known }
        let hasFirst = waiting.first > 0
        let comesFirst = submission.command.comesFirst && waiting.others == 0
        if comesFirst {
            waiting.first += 1
        } else {
            waiting.others += 1
            othersAdded += 1
        }
        self.waiting[origin] = waiting
        if lines[waiting.user] == nil { rotation.append(waiting.user) }
        if comesFirst {
            lines[waiting.user, default: UserLine()].addFirst(submission)
        } else {
            lines[waiting.user, default: UserLine()]
                .addOther(submission, number: othersAdded, behindFirst: hasFirst)
        }
        count += 1
    }

    /// As many of each user as of any other, and what is then left of the turn to those who have
    /// more; of all of them first what comes first.
    private mutating func next() -> Turn {
        var first: [Submission] = []
        var others: [Submission] = []
        first.reserveCapacity(min(count, EngineLimits.turnCommands))
        var left = min(count, EngineLimits.turnCommands)
        while left > 0 {
            let quantum = max(1, left / rotation.count)
            for _ in 0..<min(rotation.count, left) {
                guard let user = rotation.popFirst(), var line = lines.removeValue(forKey: user)
                else { violated("the lines of the backlog and their rotation differ") }
                left -= line.take(quantum, first: &first, others: &others)
                if line.isEmpty { continue }
                lines[user] = line
                rotation.append(user)
            }
        }
        for submission in first { waiting[Origin(submission)]?.first -= 1 }
        for submission in others { waiting[Origin(submission)]?.others -= 1 }
        count -= first.count + others.count
        forgetThoseDone()
        first += others
        return Turn(submissions: first, abandoned: nextAbandoned())
    }

    /// Those all of whose commands were handed out.
    private mutating func nextAbandoned() -> [Abandonment] {
        guard !abandoned.isEmpty else { return [] }
        let oldest = lines.values.lazy.compactMap(\.oldestOther).min() ?? .max
        var due: [Abandonment] = []
        while let next = abandoned.first, next.behind < oldest {
            due.append(next.1)
            abandoned.removeFirst()
        }
        return due
    }

    /// Keeps no more origins in mind than commands, but for a turn's.
    private mutating func forgetThoseDone() {
        guard waiting.count > count + EngineLimits.turnCommands || count == 0 else { return }
        waiting = waiting.filter { !$0.value.isEmpty }
    }
}

/// What waits of one user.
private struct UserLine {
    /// A command that comes behind so many of those that come first.
    private struct Other {
        let submission: Submission
        /// Which it is of all users' that do not come first.
        let number: UInt64
        let behind: UInt64
    }

    private var first: Deque<Submission> = []
    private var others: Deque<Other> = []
    /// How many came to and left `first` since the beginning.
    private var (firstAdded, firstTaken): (UInt64, UInt64) = (0, 0)
    /// How many of `first` were handed out since one of the others.
    private var firstInARow = 0

    var isEmpty: Bool { first.isEmpty && others.isEmpty }

    /// Which is the oldest that does not come first, of all users'.
    var oldestOther: UInt64? { others.first?.number }

    mutating func addFirst(_ submission: Submission) {
        first.append(submission)
        firstAdded += 1
    }

    /// Adds the `number`th of all others, which comes behind those that come first when some of
    /// them have its origin.
    mutating func addOther(_ submission: Submission, number: UInt64, behindFirst: Bool) {
        let behind = behindFirst ? firstAdded : 0
        others.append(Other(submission: submission, number: number, behind: behind))
    }

    /// Hands out up to `quantum`, an eighth of them such that do not come first.
    ///
    /// - Returns: how many.
    mutating func take(
        _ quantum: Int,
        first taken: inout [Submission],
        others takenOthers: inout [Submission]
    ) -> Int {
        var left = quantum
        while left > 0 {
            if first.isEmpty || firstInARow >= EngineLimits.firstInARow,
                let other = others.first, other.behind <= firstTaken
            {
                others.removeFirst()
                firstInARow = 0
                takenOthers.append(other.submission)
            } else if let submission = first.popFirst() {
                firstTaken += 1
                firstInARow += 1
                taken.append(submission)
            } else {
                break
            }
            left -= 1
        }
        return quantum - left
    }
}
