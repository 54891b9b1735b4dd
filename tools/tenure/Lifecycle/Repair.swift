// `repair`: says what is wrong with a ledger that refuses to open and what can be done, asks, and
// does it. What it replaces or removes is kept.

internal import ArgumentParser
internal import Glibc
internal import TenureModel
internal import TenureStorage

struct Repair: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "repair",
        abstract: "Make a damaged ledger open again, and tell what that costs.",
        discussion: """
            Looks at everything, tells what is damaged and what can be done, and does it when you \
            agree. Nothing is lost where what was there can be proved: with --from, by the bytes \
            of a backup or another copy; without, where one bit was flipped, where the stored \
            state stands for what the log lacks, or where the log makes the state anew. Else the \
            history must be cut before the damage: then it tells which leases are forgotten, and \
            asks for --cut.

            What is replaced or removed is kept below the directory, in repair-1, repair-2 …; \
            remove it when you need it no more. Stop the daemon first, and keep a copy of the \
            whole directory: it may be all there is.

            EXAMPLES
              tenure repair --data /srv/tenure --dry-run
              tenure repair --data /srv/tenure --from /backup/tenure-2026-11-22
              tenure repair --data /srv/tenure --yes --cut

            EXIT STATUS
              0 sound, or sound now   65 still damaged, or not agreed to   74 the disk failed
              75 it is being served
            """
    )

    @Option(help: ArgumentHelp("Data directory of the ledger.", valueName: "directory"))
    var data: String?

    @Option(help: ArgumentHelp("A backup or copy of the same ledger.", valueName: "directory"))
    var from: String?

    @Flag(help: "Tell what would be done, and change nothing.")
    var dryRun = false

    @Flag(help: "Do not ask.")
    var yes = false

    @Flag(help: "Give up the history behind a damage that nothing mends.")
    var cut = false

    @Flag(help: "Answer as JSON.")
    var json = false

    func validate() throws {
        if cut, !yes { throw ValidationError("--cut is for --yes; without it you are asked") }
    }

    func run() throws {
        let path = try Places.current.dataDirectory(option: data)
        let scanner = StoppedLedger.scanner
        let repair = try usingDirectory { () throws(StorageError) in
            try LedgerRepair(at: path, from: from, runner: scanner)
        }
        let plan = try usingDirectory { () throws(StorageError) in try repair.plan() }
        let story = RepairStory(plan)
        if plan.isSound { return try show(story, "sound", [], path) }
        if case .lost = plan.state {
            try show(story, "damaged", [], path)
            throw Failure(.damaged, "'\(path)' can not be repaired; see 'remedy'")
        }
        if dryRun || !json { try show(story, "damaged", [], path) }
        if dryRun { throw Failure(.damaged, "'\(path)' is damaged; nothing was changed") }
        try agree(to: plan, in: path)
        let (kept, after) = try usingDirectory { () throws(StorageError) in
            (try repair.carryOut(plan, report: story.lines), try repair.plan())
        }
        guard after.isSound else {
            try show(RepairStory(after), "damaged", kept, path)
            throw Failure(.damaged, "'\(path)' is still damaged; 'tenure repair' may go on")
        }
        if json { return try show(story, "repaired", kept, path) }
        try Terminal.data("repaired; kept: " + kept.joined(separator: ", "))
    }

    /// Shows what was found, and what is or was done.
    private func show(
        _ story: RepairStory,
        _ verdict: String,
        _ kept: [String],
        _ path: String
    ) throws {
        guard json else { return try Terminal.data(story.text(of: path)) }
        try Terminal.data(JSONText.of(story.document(verdict: verdict, kept: kept)))
    }

    /// Asks whoever sits there; without one only what the options say counts.
    private func agree(to plan: RepairPlan, in path: String) throws {
        let word = plan.losesChanges ? "cut" : "yes"
        if yes {
            if !plan.losesChanges || cut { return }
            throw Failure(.damaged, "history would be given up; say --cut if you agree to that")
        }
        guard isatty(STDIN_FILENO) == 1 else {
            throw Failure(.damaged, "nobody can be asked; say --yes to have it done")
        }
        Terminal.word("Type '\(word)' to have this done to '\(path)': ")
        guard readLine(strippingNewline: true) == word else {
            throw Failure(.damaged, "'\(path)' is damaged; nothing was changed")
        }
    }
}
