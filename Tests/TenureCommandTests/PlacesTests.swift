// Where the data directory and the socket are when nothing names them.

import TenureCommand
import Testing

@Suite("Places")
struct PlacesTests {
    /// Options win over the environment, the environment over the user.
    @Test(
        arguments: [
            (["HOME": "/home/a"], false, "/home/a/.local/state/tenure"),
            (["HOME": "/home/a/"], false, "/home/a/.local/state/tenure"),
            (["HOME": "/home/a", "XDG_STATE_HOME": "/s"], false, "/s/tenure"),
            (
                ["HOME": "/home/a", "XDG_STATE_HOME": "relative"], false,
                "/home/a/.local/state/tenure"
            ),
            (["HOME": "/home/a", "XDG_STATE_HOME": ""], false, "/home/a/.local/state/tenure"),
            (["HOME": "/root"], true, "/var/lib/tenure"),
            (["HOME": "/root", "TENURE_DATA": "/srv/t/"], true, "/srv/t"),
        ] as [([String: String], Bool, String)]
    )
    func `the data directory follows from environment and user`(
        environment: [String: String],
        isRoot: Bool,
        expected: String
    ) throws {
        let places = Places(environment: environment, isRoot: isRoot)
        #expect(try places.dataDirectory(option: nil) == expected)
        #expect(try places.dataDirectory(option: "/given") == "/given")
    }

    @Test
    func `the socket lies beside the data directory`() throws {
        let places = Places(environment: ["HOME": "/home/a"], isRoot: false)
        #expect(
            try places.socket(option: nil, data: nil) == "/home/a/.local/state/tenure.sock"
        )
        #expect(try places.socket(option: nil, data: "/srv/t/") == "/srv/t.sock")
        #expect(try places.socket(option: "/run/x", data: "/srv/t") == "/run/x")
        let told = Places(environment: ["TENURE_SOCKET": "/run/y"], isRoot: true)
        #expect(try told.socket(option: nil, data: "/srv/t") == "/run/y")
    }

    /// An empty variable is one that is not set, so that nobody is an account without a name.
    @Test(arguments: [(nil, "default"), ("", "default"), ("ci", "ci")])
    func `the account is that of the environment, or the daemon's own password`(
        value: String?,
        account: String
    ) {
        let environment = value.map { ["TENURE_ACCOUNT": $0] } ?? [:]
        #expect(Places(environment: environment, isRoot: false).account == account)
    }

    @Test
    func `no home and a socket path that is too long are configuration errors`() {
        let places = Places(environment: [:], isRoot: false)
        let noHome = #expect(throws: Failure.self) { try places.dataDirectory(option: nil) }
        #expect(noHome?.status == ExitStatus.configuration.rawValue)
        let long = "/" + String(repeating: "a", count: 107)
        let tooLong = #expect(throws: Failure.self) { try places.socket(option: long, data: nil) }
        #expect(tooLong?.status == ExitStatus.configuration.rawValue)
        #expect(throws: Never.self) {
            try places.socket(option: String(long.dropLast()), data: nil)
        }
    }
}
