// INFO, for all connections of an event loop: the ledger is asked once for all who want to know.
//
// The figures come from the writer, which takes its time. Who asks while they are on their way gets
// the next ones, so that they are never older than the question; a connection asks once at a time.
// However many ask, one call of a loop is under way, and nothing else of the daemon waits for it.

internal import NIOCore
internal import TenureModel

/// Who waits for the ledger's figures.
struct FiguresDesk {
    /// One INFO.
    struct Question: Sendable {
        let ticket: UInt64
        let sections: [String]
    }

    fileprivate var questions: [Question] = []
    fileprivate var isAsking = false
}

extension LoopState {
    /// Answers INFO when the figures have come.
    func tellFigures(_ question: FiguresDesk.Question, hub: LoopHub) {
        desk.questions.append(question)
        askForFigures(hub)
    }

    private func askForFigures(_ hub: LoopHub) {
        guard !desk.isAsking, !desk.questions.isEmpty else { return }
        desk.isAsking = true
        let questions = desk.questions
        desk.questions = []
        Blocking.start {
            let figures = hub.ledger.figures()
            hub.tell { hub.state.value.answer(questions, figures, hub) }
        }
    }

    private func answer(
        _ questions: [FiguresDesk.Question],
        _ figures: Document,
        _ hub: LoopHub
    ) {
        for question in questions where isThere(question.ticket) {
            let text = InfoText.make(question.sections, figures, hub: hub, commands: commands)
            settle(question.ticket, .document(.string(text)))
        }
        // Behind the answers: who has one and asks again at once shares the next call.
        desk.isAsking = false
        askForFigures(hub)
    }
}
