// `audit bundle` and `audit unbundle`: a ledger as one file for another machine, and back.

internal import ArgumentParser
internal import FoundationEssentials
internal import TenureModel
internal import TenureStorage

struct AuditBundle: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bundle",
        abstract: "Put a ledger into one file that opens on another machine.",
        discussion: """
            Log, archive with indexes, state, bytes that were cut and states that were put aside, \
            and a manifest: which ledger, which host, every start with its boot and version, and \
            size and SHA-256 of every file. Files that belong to it, such as the unit of the \
            service, are given along with --include. The file is a tar file that any tar lists; \
            'tenure audit unbundle' checks every byte of it.

            Of a ledger that is served the log is copied beside the file first, as 'tenure backup' \
            does, so that there must be room for it twice. What is damaged is bundled as it is.

            It has no passwords, because they are not in the directory; but it has all that the \
            log has: names, purposes, tags, and the tokens of leases.

            EXAMPLES
              tenure audit bundle /var/lib/tenure incident.tenure
              tenure audit bundle /var/lib/tenure incident.tenure --include tenure.service
            """
    )

    @Argument(help: ArgumentHelp("Directory of the ledger.", valueName: "directory"))
    var directory: String

    @Argument(help: "File to make: must not exist.")
    var file: String

    @Option(
        help: ArgumentHelp("A file of at most 1 MiB to give along.", valueName: "file")
    )
    var include: [String] = []

    @Flag(help: "Answer as JSON.")
    var json = false

    func run() throws {
        let document: Document
        do {
            document = try bundle(StoppedLedger(directory), from: .stopped)
        } catch let failure as Failure where failure.status == ExitStatus.locked.rawValue {
            document = try bundleCopy()
        }
        try Terminal.data(json ? [JSONText.of(document)] : Rendering.lines(document))
    }

    private func bundle(
        _ ledger: StoppedLedger,
        from source: BundleManifest.Source
    ) throws -> Document {
        var bar = ProgressBar("bundle", unit: .bytes)
        defer { bar.clear() }
        return try LedgerBundle.make(
            of: ledger,
            from: source,
            at: file,
            including: include
        ) { done, total in
            bar.show(Int(clamping: done), of: Int(clamping: total))
        }
    }

    /// Copies the log of a ledger that is served, and bundles the copy.
    private func bundleCopy() throws -> Document {
        let copy = file + ".copy"
        guard !PathFacts.exists(copy) else {
            throw Failure(
                .cannotCreate,
                "'\(copy)' exists; an interrupted run may have left it: remove it"
            )
        }
        Terminal.word("tenure: the ledger is being served: its log is copied to '\(copy)' first")
        defer { try? FileManager.default.removeItem(atPath: copy) }
        do throws(StorageError) {
            _ = try DataDirectory.copy(directory, to: copy)
        } catch {
            throw Failure(code: error.exitCode, error.description)
        }
        return try bundle(StoppedLedger(copy), from: .copy)
    }
}

struct AuditUnbundle: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unbundle",
        abstract: "Make the directory that a bundle was made of.",
        discussion: """
            Every byte of the bundle is checked, and the directory appears only when all were \
            right; otherwise there is none, and the exit code is 65. The manifest and the files \
            that were given along are in it below 'bundle/'. All audits work on it. It is a copy: \
            serving it would go on in a new epoch.

            EXAMPLES
              tenure audit unbundle incident.tenure incident
              tenure audit explain incident 281474976710661
            """
    )

    @Argument(help: "File that 'tenure audit bundle' has made.")
    var file: String

    @Argument(help: "Directory to make: must not exist.")
    var directory: String

    @Flag(help: "Answer as JSON.")
    var json = false

    func run() throws {
        var bar = ProgressBar("unbundle", unit: .bytes)
        defer { bar.clear() }
        var path = directory
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        let document = try LedgerBundle.restore(file, to: path) { done, total in
            bar.show(Int(clamping: done), of: Int(clamping: total))
        }
        bar.clear()
        try Terminal.data(json ? [JSONText.of(document)] : Rendering.lines(document))
    }
}
