// What a request turned out to be: something for the ledger, or for the connection itself.

package import TenureModel

/// What a request turned out to be.
package enum ParsedRequest: Equatable, Sendable {
    /// For the ledger, in the writer's order.
    case ledger(Command)
    /// A session bound to a process, whose identity only the server can find out.
    case openSession(SessionRequest, process: ProcessArgument)
    /// For the connection, answered at once.
    case connection(ConnectionCommand)
    /// Malformed, unknown, or not supported by this version.
    case refused(Refusal)
}

/// The process that a session is bound to, as the request names it.
package enum ProcessArgument: Equatable, Sendable {
    /// The process with this number.
    case pid(Int32)
    /// The process that made the connection.
    case peer
}

/// What a connection answers by itself.
package enum ConnectionCommand: Equatable, Sendable {
    /// Chooses a protocol version and may authenticate and name the connection.
    case hello(HelloRequest)
    /// Proves the right to go on.
    case auth(Credentials)
    /// Answers `PONG` or the message.
    case ping(String?)
    /// Answers the message.
    case echo(String)
    /// Tells the connection's number.
    case clientID
    /// Tells the connection's name.
    case clientGetName
    /// Names the connection.
    case clientSetName(String)
    /// Notes which library it is.
    case clientSetInfo(attribute: String, value: String)
    /// Describes the connection.
    case clientInfo
    /// Describes the connection, as the only one of a list.
    case clientList
    /// Describes commands: all, or the named ones.
    case commands(named: [String]?)
    /// Counts the commands.
    case commandCount
    /// Tells what commands are for: all, or the named ones.
    case commandDocs(named: [String])
    /// Names all commands.
    case commandList
    /// The figures of the daemon as text.
    case info(sections: [String])
    /// Why a lease or the answer of a request is what it is.
    case explain(ExplainSubject)
    /// Chooses database 0.
    case select
    /// Pushes every event, of one pool or all.
    case watch(pool: String?)
    /// Ends the pushes.
    case unwatch
    /// Makes the connection as it was.
    case reset
    /// Answers and closes.
    case quit
}

/// What HELLO asks for.
package struct HelloRequest: Equatable, Sendable {
    /// The version of the protocol; the present one when absent.
    package var version: UInt64?
    /// Proof of the right to go on.
    package var credentials: Credentials?
    /// The connection's name.
    package var name: String?

    /// What HELLO asks for; without arguments, nothing.
    package init(version: UInt64? = nil, credentials: Credentials? = nil, name: String? = nil) {
        self.version = version
        self.credentials = credentials
        self.name = name
    }
}

/// A user and a password; its description does not show the password.
package struct Credentials: Equatable, Sendable, CustomStringConvertible {
    /// The user; only `default` exists.
    package let user: String
    /// The password.
    package let password: String

    /// A user and a password.
    package init(user: String, password: String) {
        self.user = user
        self.password = password
    }

    /// Nothing of the password.
    package var description: String { "Credentials(user: \(Printable.text(user)))" }
}
