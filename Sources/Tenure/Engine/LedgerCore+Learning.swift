// What pools learn from: everything that was asked for, whatever came of it.

internal import TenureModel

extension LedgerCore {
    /// Has the pool learn of what was asked for, once for each request.
    func count(_ command: Command, answeredWith answer: Answer) {
        guard case .acquire(let request) = command else { return }
        switch answer {
        case .grant(let grant) where !grant.replayed:
            state.note(request, grantedBy: grant.pool)
        case .refused(let refusal) where refusal.isOfWant: state.note(request)
        default: return
        }
    }

    /// Records prices that were worked out, and has new ones worked out, one pool at a time.
    func learn() throws(LedgerFailure) {
        if isLearning, !isReadOnly, let learnt = runner.learnt() {
            isLearning = false
            try perform(learnt)
        }
        guard !isLearning, state.poolToLearn != nil, let task = state.takeLearning() else {
            return
        }
        isLearning = true
        runner.learn(task)
    }
}
