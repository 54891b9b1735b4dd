// `compact`: makes the file of a state as small as what is in it.

internal import ArgumentParser
internal import TenureModel
internal import TenureStorage

struct Compact: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compact",
        abstract: "Give back the room that the state has left of its largest size.",
        discussion: """
            The file of a state grows with what is held at a time, and keeps free pages for later. \
            This copies it without them, checks every row of the copy, and puts it in its place. \
            Stop the daemon first. History is not concerned: see 'tenure prune'.

            EXAMPLES
              tenure compact --data /srv/tenure
            """
    )

    @Option(help: ArgumentHelp("Data directory of the ledger.", valueName: "directory"))
    var data: String?

    @Flag(help: "Answer as JSON.")
    var json = false

    func run() throws {
        let path = try Places.current.dataDirectory(option: data)
        let runner = StoppedLedger.scanner
        let summary = try usingDirectory { () throws(StorageError) in
            let directory = try DataDirectory.open(at: path, allowUnsafeFileSystem: true)
            return try StateCompaction(of: directory, runner: runner).run()
        }
        let document = Document.map([
            .init("rows", .count(summary.rows)), .init("bytesBefore", .count(summary.before)),
            .init("bytes", .count(summary.after)),
        ])
        try Terminal.data(json ? [JSONText.of(document)] : Rendering.lines(document))
    }
}
