// `anchor`: what is kept elsewhere, so that a history that was cut or changed can be told.

internal import ArgumentParser
internal import Glibc
internal import TenureLog
internal import TenureModel
internal import TenureServer
internal import TenureStorage

struct Anchor: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "anchor",
        abstract: "Tell what proves later that the history was not cut or changed.",
        discussion: """
            The position of a record, and the seal that chains all records up to it. Keep it where \
            who can write to the ledger can not: 'tenure audit verify --anchor' compares it. The \
            ledger may be served; the last group of records, which a power cut may take back, is \
            not in it.

            It is printed; or it is the input of the command behind '--', whose exit code is then \
            that of this one; with --journal it goes to systemd's journal as well, as an entry of \
            'tenure-anchor' with the fields TENURE_LEDGER, TENURE_POSITION and TENURE_SEAL.

            EXAMPLES
              tenure anchor --data /srv/tenure --json
              tenure anchor --journal
              tenure anchor -- ssh witness 'cat >> tenure-anchors'
            """
    )

    @Option(help: ArgumentHelp("Data directory of the ledger.", valueName: "directory"))
    var data: String?

    @Flag(help: "Write it to the journal, too.")
    var journal = false

    @Flag(help: "Answer as JSON.")
    var json = false

    @Argument(
        parsing: .postTerminator,
        help: ArgumentHelp("A command that takes it from standard input.", valueName: "command")
    )
    var command: [String] = []

    func run() throws {
        let path = try Places.current.dataDirectory(option: data)
        let directory: DataDirectory
        let anchor: LogAnchor
        do throws(StorageError) {
            directory = try DataDirectory.open(at: path, access: .copy)
            anchor = try directory.anchor
        } catch {
            throw Failure(code: error.exitCode, error.description)
        }
        if journal { try note(anchor, of: directory.ledger) }
        let text = json ? JSONText.of(document(anchor, of: directory.ledger)) : "\(anchor)"
        if command.isEmpty { return try Terminal.data(text) }
        throw Self.become(command, reading: text + "\n")
    }

    private func document(_ anchor: LogAnchor, of ledger: LedgerID) -> Document {
        .map([
            .init("ledger", .string("\(ledger)")),
            .init("position", .id(anchor.position)), .init("seal", .string("\(anchor.seal)")),
        ])
    }

    private func note(_ anchor: LogAnchor, of ledger: LedgerID) throws {
        do throws(ServerError) {
            try Journal().write(
                "\(anchor)",
                identifier: "tenure-anchor",
                fields: [
                    ("TENURE_LEDGER", "\(ledger)"), ("TENURE_POSITION", "\(anchor.position)"),
                    ("TENURE_SEAL", "\(anchor.seal)"),
                ]
            )
        } catch {
            throw Failure(code: error.exitCode, error.sentence)
        }
    }

    /// Goes on as a command with `text` as its standard input; returns why that can not be.
    ///
    /// `text` is much shorter than what a pipe holds: it can be written before anybody reads.
    private static func become(_ command: [String], reading text: String) -> Failure {
        var ends: [Int32] = [-1, -1]
        // SAFETY: the kernel writes two descriptors to the array.
        guard unsafe pipe(&ends) == 0 else { return failure("no pipe can be had") }
        // SAFETY: the bytes of the string are read during the call.
        guard unsafe Glibc.write(ends[1], text, text.utf8.count) == text.utf8.count,
            dup2(ends[0], STDIN_FILENO) >= 0
        else { return failure("no pipe can be written to") }
        // Without a standard input of our own the pipe may have its place already.
        for end in ends where end != STDIN_FILENO { close(end) }
        // What is ignored stays so in the command, which does not expect it.
        _ = signal(SIGPIPE, SIG_DFL)
        // SAFETY: the copies live until the command has its own; it has the process when it begins.
        var words: [UnsafeMutablePointer<CChar>?] = unsafe command.map { unsafe strdup($0) }
        unsafe words.append(nil)
        if let name = unsafe words[0] { _ = unsafe execvp(name, words) }
        return failure("'\(command[0])' can not be run")
    }

    private static func failure(_ what: String) -> Failure {
        // SAFETY: the text is copied before another call can change it.
        Failure(.unavailable, "\(what): \(unsafe String(cString: strerror(errno)))")
    }
}
