// What is still to happen in a replay, in the order in which it happens.
//
// A task arrives when the trace says so, and runs for as long as the trace says from when it is
// granted: where tasks wait, their ends are not known before.

internal import HeapModule

/// One thing that happens to one task.
package struct ReplayStep: Hashable, Comparable, Sendable {
    /// At one second, what frees comes first; a task of no length is released after it came.
    package enum Act: UInt8, Sendable {
        case release
        case acquire
        case releaseAtOnce
    }

    /// In seconds of the trace.
    package let second: UInt64
    package let act: Act
    /// Which task.
    package let task: Int

    /// Orders by time, then by act, then by task.
    package static func < (left: ReplayStep, right: ReplayStep) -> Bool {
        (left.second, left.act.rawValue, left.task) < (right.second, right.act.rawValue, right.task)
    }
}

/// The steps of a replay that are to come.
package struct ReplayAgenda {
    private var steps: Heap<ReplayStep>
    private let lengths: [UInt64]

    /// The arrivals of all tasks.
    package init(_ trace: Trace) {
        lengths = trace.tasks.map { $0.deleted - $0.created }
        steps = Heap(
            trace.tasks.enumerated().map { index, task in
                ReplayStep(second: task.created, act: .acquire, task: index)
            }
        )
    }

    /// The second of the next step; nothing when all has happened.
    package var nextSecond: UInt64? { steps.min?.second }

    /// A task runs from `second` on: its end is to come.
    package mutating func start(_ task: Int, at second: UInt64) {
        let length = lengths[task]
        steps.insert(
            ReplayStep(
                second: second + length,
                act: length > 0 ? .release : .releaseAtOnce,
                task: task
            )
        )
    }

    /// Takes the next steps that are one group of commits: the same second, the same act, at most
    /// `limit`; none when all has happened.
    package mutating func takeBatch(limit: Int) -> [ReplayStep] {
        var batch: [ReplayStep] = []
        while batch.count < limit, let step = steps.min,
            batch.first.map({ $0.second == step.second && $0.act == step.act }) ?? true
        {
            batch.append(steps.removeMin())
        }
        return batch
    }
}
