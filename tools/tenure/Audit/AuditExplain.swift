// `audit explain`: the story of one lease, request, ticket or session.

internal import ArgumentParser
internal import Tenure
internal import TenureModel

struct AuditExplain: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Tell the story of a lease, request, ticket or session.",
        discussion: """
            What was asked for and by whom, how long it waited and who was granted something \
            meanwhile, where it was granted and why there, its renewals, what else happened to it, \
            how and why it ended, and who got its resources next. Of a refusal what was answered.

            A number is a lease (also by a later token), a ticket, a booking or a session, and is \
            found at once; anything else, or with --tenant, is the id of a request, which is \
            looked for in all records of its tenant. With --decide what a queued request lacked \
            is decided again; that makes the state of that moment by replaying the log \
            \(PastLedger.replayed).

            Wall times are told from those of the openings, and are as good as the clock was.

            EXAMPLES
              tenure audit explain /var/lib/tenure 281474976710661
              tenure audit explain /backup/tenure 7f3a --tenant research/vision --json
            """
    )

    @Argument(help: ArgumentHelp("Directory of the ledger.", valueName: "directory"))
    var directory: String

    @Argument(help: "A lease, ticket, booking or session, or the id of a request.")
    var subject: String

    @Option(help: ArgumentHelp("Tenant that asked, for the id of a request.", valueName: "path"))
    var tenant: String?

    @Flag(help: "Decide again what a queued request lacked.")
    var decide = false

    @Flag(help: "Answer as JSON.")
    var json = false

    func validate() throws {
        if let tenant, !Names.isValid(tenant) {
            throw ValidationError("'\(Table.cell(tenant))' is no name of a tenant")
        }
        if !(1...64).contains(subject.utf8.count) {
            throw ValidationError("the id of a request has 1 to 64 bytes")
        }
    }

    func run() throws {
        let ledger = StoppedLedger(directory)
        var teller = StoryTeller(try ledger.history(from: 1, to: .max))
        let decide: StoryTeller.Deciding = { ticket, queued in
            self.decide ? try ledger.decided(ticket, queued) : nil
        }
        let story: Story
        if tenant == nil, let number = UInt64(subject), Token(rawValue: number).epoch > 0 {
            story = try teller.story(number, decide)
        } else {
            let tenant = tenant ?? "default"
            story = try teller.story(ofRequest: subject, tenant: tenant, decide)
        }
        try Terminal.data(json ? [JSONText.of(story.document)] : story.text)
        try teller.finish()
    }
}

extension StoppedLedger {
    /// What a request was answered when it was queued, decided again.
    fileprivate func decided(_ ticket: Ticket, _ queued: StoryEvent) throws -> Document? {
        guard case .queued = queued.event, queued.position > 1 else { return nil }
        var past = try past(at: .position(queued.position - 1))
        return try past.decide(.acquire(ticket.request), now: queued.time)
    }
}
