// The password file: its first line, and only when nobody else can read it.

import FoundationEssentials
import Glibc
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

    @Test
    func `a file of another user, or where others could put another, is refused`() throws {
        let directory = FileManager.default.temporaryDirectory
            .appending(path: "tenure-password-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(
            atPath: directory,
            withIntermediateDirectories: false
        )
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let path = directory + "/file"
        let attributes: [FileAttributeKey: Any] = [.posixPermissions: 0o600]
        let word = Data("correct horse battery".utf8)
        #expect(
            FileManager.default.createFile(atPath: path, contents: word, attributes: attributes)
        )
        #expect(unsafe chmod(directory, 0o777) == 0)
        let failure = #expect(throws: Failure.self) { try PasswordFile.read(path) }
        #expect(failure?.status == ExitStatus.permission.rawValue)
        #expect(unsafe chmod(directory, 0o700) == 0)
        _ = try PasswordFile.read(path)
        guard geteuid() == 0 else { return }
        #expect(unsafe chown(path, 4_242, 4_242) == 0)
        let other = #expect(throws: Failure.self) { try PasswordFile.read(path) }
        #expect(other?.status == ExitStatus.permission.rawValue)
        #expect(other?.sentence.contains("belongs to user 4242") == true)
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
