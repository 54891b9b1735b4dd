// What was taken from the inbox and is more than one turn of the writer.
//
// Under overload what keeps or gives back would wait behind all that asks for more: leases would
// expire, and what is free be known late. So it comes first. Nothing overtakes a command of its own
// origin, and a share of every turn is left to the others.

internal import DequeModule

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

    /// How many commands of an origin wait.
    private struct Waiting {
        var first = 0
        var others = 0
    }

    /// A command that comes behind so many of those that come first.
    private struct Other {
        let submission: Submission
        let behind: UInt64
    }

    /// What one turn of the writer is about.
    struct Turn {
        var submissions: [Submission] = []
        /// Those whose answers nobody takes any more; what they submitted is not waiting here.
        var abandoned: [Abandonment] = []
    }

    private var first: Deque<Submission> = []
    private var others: Deque<Other> = []
    /// Some of whom nothing waits any more may be left.
    private var waiting: [Origin: Waiting] = [:]
    /// How many came to and left `first`, and how many left `others`, since the beginning.
    private var (firstAdded, firstTaken, othersTaken): (UInt64, UInt64, UInt64) = (0, 0, 0)
    /// Those who come behind so many of `others`.
    private var abandoned: Deque<(behind: UInt64, Abandonment)> = []

    /// How many commands wait here.
    var count: Int { first.count + others.count }

    /// Whether a turn is still to come for what waits here.
    var isEmpty: Bool { count == 0 && abandoned.isEmpty }

    /// Takes in what came, and hands out the next turn: all of it, where that is no more than one.
    mutating func turn(with load: [Submission], abandoned: [Abandonment]) -> Turn {
        if isEmpty, load.count <= EngineLimits.turnCommands {
            return Turn(submissions: load, abandoned: abandoned)
        }
        for submission in load { add(submission) }
        let behind = othersTaken + UInt64(others.count)
        for abandonment in abandoned { self.abandoned.append((behind, abandonment)) }
        return next()
    }

    private mutating func add(_ submission: Submission) {
        let comesFirst = submission.command.comesFirst
        let (isFirst, hasFirst) = Self.enter(
            &waiting[Origin(submission), default: Waiting()],
            comesFirst: comesFirst
        )
        if isFirst {
            first.append(submission)
            firstAdded += 1
        } else {
            others.append(Other(submission: submission, behind: hasFirst ? firstAdded : 0))
        }
    }

    /// Counts a command of an origin: whether it comes first, and whether another of it does.
    private static func enter(
        _ waiting: inout Waiting,
        comesFirst: Bool
    ) -> (isFirst: Bool, hasFirst: Bool) {
        let hasFirst = waiting.first > 0
        if comesFirst, waiting.others == 0 {
            waiting.first += 1
            return (true, hasFirst)
        }
        waiting.others += 1
        return (false, hasFirst)
    }

    private mutating func next() -> Turn {
        let share = min(others.count, EngineLimits.turnShare)
        var turn = Turn()
        turn.submissions.reserveCapacity(min(count, EngineLimits.turnCommands))
        while turn.submissions.count < EngineLimits.turnCommands {
            let left = EngineLimits.turnCommands - turn.submissions.count
            if first.isEmpty || left <= share, let other = others.first, other.behind <= firstTaken
            {
                others.removeFirst()
                othersTaken += 1
                waiting[Origin(other.submission)]?.others -= 1
                turn.submissions.append(other.submission)
            } else if let submission = first.popFirst() {
                firstTaken += 1
                waiting[Origin(submission)]?.first -= 1
                turn.submissions.append(submission)
            } else {
                break
            }
        }
        forgetThoseDone()
        while let next = abandoned.first, next.behind <= othersTaken {
            turn.abandoned.append(next.1)
            abandoned.removeFirst()
        }
        return turn
    }

    /// Keeps no more origins in mind than commands, but for a turn's.
    private mutating func forgetThoseDone() {
        guard waiting.count > count + EngineLimits.turnCommands || count == 0 else { return }
        waiting = waiting.filter { $0.value.first + $0.value.others > 0 }
    }
}
