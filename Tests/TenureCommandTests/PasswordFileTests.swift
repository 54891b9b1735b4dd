// The password file: its first line, and only when nobody else can read it.

import FoundationEssentials
import TenureCommand
import Testing

@Suite("Password file")
struct PasswordFileTests {
    private func read(_ text: String, permissions: Int) throws -> String {
        let path = FileManager.default.temporaryDirectory
            .appending(path: "tenure-password-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let isMade = FileManager.default.createFile(
            atPath: path,
            contents: Data(text.utf8),
            attributes: [.posixPermissions: permissions]
        )
        try #require(isMade)
        return try PasswordFile.read(path)
    }

    @Test(arguments: [
        "correct horse battery", "correct horse battery\n", "correct horse battery\nx",
    ])
    func `the password is the first line`(text: String) throws {
        #expect(try read(text, permissions: 0o600) == "correct horse battery")
    }

    @Test(arguments: [0o604, 0o640, 0o660, 0o602])
    func `a file that is open to others is refused`(permissions: Int) {
        let failure = #expect(throws: Failure.self) { try read("secret", permissions: permissions) }
        #expect(failure?.status == ExitStatus.permission.rawValue)
    }

    @Test(arguments: ["", "\n", String(repeating: "a", count: 1_026)])
    func `what is no password is refused`(text: String) {
        let failure = #expect(throws: Failure.self) { try read(text, permissions: 0o600) }
        #expect(failure?.status == ExitStatus.configuration.rawValue)
    }

    @Test
    func `a directory is no password file`() {
        #expect(throws: Failure.self) { try PasswordFile.read("/") }
        #expect(throws: Failure.self) { try PasswordFile.read("/nowhere/password") }
    }
}
