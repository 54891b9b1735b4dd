// The rows of the command table that no ledger has to do with.

extension CommandTable {
    /// What a connection answers by itself.
    static let connection = [
        row(
            .hello,
            optional: ["version"],
            isOpen: true,
            scope: .connection,
            "Chooses RESP2 or RESP3 and may authenticate and name the connection.",
            "HELLO 3 AUTH default secret SETNAME scheduler"
        ),
        row(
            .auth,
            ["password"],
            optional: ["password after the user default"],
            scope: .connection,
            "Authenticates a connection over TCP.",
            "AUTH secret"
        ),
        row(.ping, optional: ["message"], scope: .connection, "Answers PONG.", "PING"),
        row(.echo, ["message"], scope: .connection, "Answers the message.", "ECHO hello"),
        row(.clientID, scope: .connection, "Tells the connection's number.", "CLIENT ID"),
        row(.clientGetName, scope: .connection, "Tells its name.", "CLIENT GETNAME"),
        row(.clientSetName, ["name"], scope: .connection, "Names it.", "CLIENT SETNAME worker"),
        row(
            .clientSetInfo,
            ["attribute", "value"],
            scope: .connection,
            "Notes which library it is.",
            "CLIENT SETINFO LIB-NAME mine"
        ),
        row(.clientInfo, scope: .connection, "Describes this connection.", "CLIENT INFO"),
        row(.clientList, scope: .connection, "Describes this connection only.", "CLIENT LIST"),
        row(.commands, scope: .connection, "Describes all commands.", "COMMAND"),
        row(.commandCount, scope: .connection, "Counts the commands.", "COMMAND COUNT"),
        row(
            .commandDocs,
            isOpen: true,
            scope: .connection,
            "Tells what commands are for.",
            "COMMAND DOCS ACQUIRE"
        ),
        row(
            .commandInfo,
            isOpen: true,
            scope: .connection,
            "Describes the named commands.",
            "COMMAND INFO ACQUIRE RELEASE"
        ),
        row(.commandList, scope: .connection, "Names all commands.", "COMMAND LIST"),
        row(
            .info,
            isOpen: true,
            scope: .connection,
            "Tells the figures of the daemon as text.",
            "INFO server"
        ),
        row(
            .select,
            ["database"],
            scope: .connection,
            "Accepts database 0, the only one.",
            "SELECT 0"
        ),
        row(
            .reset,
            scope: .connection,
            "Makes the connection as it was when it began.",
            "RESET"
        ),
        row(.quit, scope: .connection, "Answers OK and closes.", "QUIT"),
    ]
}
