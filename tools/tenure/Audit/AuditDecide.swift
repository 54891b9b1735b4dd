// `audit decide`: a decision of the past, made again.

internal import ArgumentParser
internal import TenureModel

struct AuditDecide: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "decide",
        abstract: "Decide a command again as it was decided at a position of the past.",
        discussion: """
            Explains any refusal, also one that was only counted: the ledger as it was behind the \
            record at a position is made from the log, and the command is decided there. Tells \
            the answer; of a refusal code, reason, limit and who held most of what was lacking. \
            Nothing is changed.

            Positions are those of `audit log`; a refusal that is on record has the state of its \
            own position. Who waited without a ticket is on no record: where others waited, \
            what is told is what would have been answered without them; `queued` is how many \
            tickets there were. The state is made by replaying the log \(PastLedger.replayed).

            EXAMPLES
              tenure audit decide /var/lib/tenure --at 4711 ACQUIRE gpus gpu=2 TENANT a
              tenure audit decide /backup/tenure --at 4711 --json GROW 281474976710661 7 gpu=1
            """
    )

    @Argument(help: ArgumentHelp("Directory of the ledger.", valueName: "directory"))
    var directory: String

    @Option(help: ArgumentHelp("Position of the last record before it.", valueName: "position"))
    var at: UInt64

    @Option(
        help: ArgumentHelp(
            "Ledger time of the decision in nanoseconds; that of the record when absent.",
            valueName: "time"
        )
    )
    var time: UInt64?

    @Flag(help: "Answer as JSON.")
    var json = false

    @Argument(parsing: .remaining, help: "The command as a client sends it.")
    var words: [String]

    func validate() throws {
        if at < 1 { throw ValidationError("positions start at 1") }
    }

    func run() throws {
        var past = try StoppedLedger(directory).past(at: .position(at))
        let now = time.map { LedgerTime(nanoseconds: $0) } ?? past.time
        guard now >= past.time else {
            throw Failure(.usage, "--time is before the record at position \(at)")
        }
        let document = try past.decide(words, now: now)
        try Terminal.data(json ? [JSONText.of(document)] : Rendering.lines(document))
    }
}
