// Data directories that are not what a daemon or an audit may expect.
//
// The rows are those of BadInputs.md.

import Foundation
import Glibc
import TenureModel
import TenureTesting
import Testing

@Suite("Directories of a daemon", .waiting, .timeLimit(.minutes(10)))
struct HostileDirectoryTests {
    private let daemon = TestDaemon()

    /// A stopped ledger with one lease.
    private func stopped() async throws -> [String] {
        try await daemon.start()
        try await daemon.declare()
        let lease = try await daemon.acquire()
        #expect(try await daemon.stop() == 0)
        return lease
    }

    private func mode(_ path: String) throws -> Int {
        let facts = try FileManager.default.attributesOfItem(atPath: path)
        return facts[.posixPermissions] as? Int ?? 0
    }

    /// Names, sizes, times of change and bytes of everything below the ledger.
    private func picture() throws -> [String: String] {
        var picture: [String: String] = [:]
        let files = FileManager.default
        for name in try files.subpathsOfDirectory(atPath: daemon.data) {
            let facts = try files.attributesOfItem(atPath: "\(daemon.data)/\(name)")
            let bytes = files.contents(atPath: "\(daemon.data)/\(name)")
            let date = facts[.modificationDate].map { "\($0)" } ?? ""
            picture[name] = "\(date) \(bytes?.count ?? -1) \(bytes?.hashValue ?? 0)"
        }
        return picture
    }

    @Test
    func `row 47: whatever the umask, a ledger is its owner's alone`() async throws {
        try await daemon.start(limits: "umask 000")
        try await daemon.declare()
        #expect(try mode(daemon.data) == 0o700)
        #expect(try mode(daemon.socket) == 0o600)
        for name in try FileManager.default.subpathsOfDirectory(atPath: daemon.data) {
            let isDirectory = ["log", "state", "archive"].contains(name)
            #expect(try mode("\(daemon.data)/\(name)") == (isDirectory ? 0o700 : 0o600), "\(name)")
        }
        #expect(try await daemon.stop() == 0)
    }

    @Test
    func `rows 41, 43: where the ledger is, and that root serves it, is told`() async throws {
        try await daemon.start()
        guard case .string(let info) = try await daemon.ask(["INFO"]) else {
            throw TestFailure("INFO is no text")
        }
        let line = info.split(whereSeparator: \.isNewline).first { $0.hasPrefix("fileSystem:") }
        #expect(["fileSystem:local", "fileSystem:overlay"].contains(line.map(String.init) ?? ""))
        #expect(daemon.words.contains("is used as root") == (geteuid() == 0))
        #expect(try await daemon.stop() == 0)
    }

    @Test
    func `row 48: a log without ledger.json is not begun anew`() async throws {
        let lease = try await stopped()
        let aside = daemon.home + "/aside"
        let document = daemon.data + "/ledger.json"
        try FileManager.default.moveItem(atPath: document, toPath: aside)
        let before = try picture()
        let refused = try await daemon.run(daemon.serving())
        #expect(refused.status == 65)
        #expect(refused.words.contains("ledger.json is missing although"))
        #expect(try picture() == before)
        try FileManager.default.moveItem(atPath: aside, toPath: document)
        try await daemon.start()
        #expect(try await daemon.holds(lease))
    }

    @Test
    func `row 54: what is no part of a log is told and left alone`() async throws {
        let lease = try await stopped()
        for name in ["README", "1.seg", "00000000000000000001.seg.bak"] {
            let path = "\(daemon.data)/log/\(name)"
            #expect(FileManager.default.createFile(atPath: path, contents: Data("x".utf8)))
            #expect(unsafe chmod(path, 0o600) == 0)
        }
        try await daemon.start()
        #expect(try await daemon.holds(lease))
        for name in ["README", "1.seg", "00000000000000000001.seg.bak"] {
            #expect(daemon.words.contains("'log/\(name)' is no part of a log; left alone"))
            #expect(try mode("\(daemon.data)/log/\(name)") == 0o600)
        }
    }

    @Test
    func `row 62: LMDB's lock file may be of any size and mode`() async throws {
        let lease = try await stopped()
        let path = daemon.data + "/state/lock.mdb"
        for size in [0, 1, 100, 1 << 20] {
            unsafe unlink(path)
            let bytes = Data(repeating: 0xa5, count: size)
            #expect(FileManager.default.createFile(atPath: path, contents: bytes))
            #expect(unsafe chmod(path, 0o400) == 0)
            try await daemon.start()
            #expect(try await daemon.holds(lease))
            #expect(try await daemon.stop() == 0)
        }
    }

    @Test
    func `row 64: an audit takes neither what is served nor what is no ledger`() async throws {
        try await daemon.start()
        let served = try await daemon.run(["audit", "verify", daemon.data])
        #expect(served.status == 75 && served.words.contains("copy"), "\(served.words)")
        #expect(try await daemon.stop() == 0)
        for path in ["/dev/null", daemon.socket, daemon.home + "/missing"] {
            let answer = try await daemon.run(["audit", "verify", path])
            #expect([64, 77, 78].contains(answer.status), "\(path): \(answer.words)")
        }
        // Far more than there is memory or disk: the numbers of its pages alone are read.
        let state = daemon.data + "/state/data.mdb"
        let file = try FileHandle(forUpdating: URL(fileURLWithPath: state))
        try file.truncate(atOffset: 1 << 40)
        try file.close()
        let sparse = try await daemon.run(["audit", "verify", daemon.data])
        #expect([0, 65].contains(sparse.status), "\(sparse.words)")
    }

    @Test(arguments: ["ledger.json", "data.mdb"])
    func `row 73: where something is of a later format nothing is written`(
        what: String
    ) async throws {
        _ = try await stopped()
        let path = daemon.data + (what == "ledger.json" ? "/ledger.json" : "/state/data.mdb")
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        if what == "ledger.json" {
            let text = String(decoding: bytes, as: UTF8.self)
            bytes = Data(text.replacingOccurrences(of: "\"format\":1", with: "\"format\":2").utf8)
        } else {
            // The version of LMDB's file, behind the magic number, in both meta pages.
            for page in [0, 4_096] { bytes[page + 20] = 9 }
        }
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try file.write(contentsOf: bytes)
        try file.close()
        let before = try picture()
        let refused = try await daemon.run(daemon.serving())
        #expect(refused.status == (what == "ledger.json" ? 78 : 65), "\(refused.words)")
        let audited = try await daemon.run(["audit", "verify", daemon.data])
        #expect(audited.status == refused.status, "\(audited.words)")
        var after = try picture()
        // Who looks takes the lock, and LMDB's is made anew.
        for name in ["LOCK", "state", "state/lock.mdb"] { after[name] = before[name] }
        #expect(after == before)
    }
}
