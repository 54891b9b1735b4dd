// The data directory: what is made, what is refused, and with which exit code.

import Glibc
import TenureLog
import TenureModel
import Testing

@testable import TenureStorage

@Suite("Data directory")
struct DataDirectoryTests {
    private let scratch: Scratch

    init() throws {
        scratch = try Scratch()
    }

    private func open() throws(StorageError) -> OpenedStorage {
        try Storage.prepare(at: scratch.ledger, configuration: Scratch.configuration)
            .replay { _, _, _ in }
    }

    /// The exit code of opening the ledger; 0 when it opens.
    private func exitCode() -> Int32 {
        do throws(StorageError) {
            _ = try open()
            return 0
        } catch {
            #expect(!error.trouble.remedy.isEmpty)
            return error.exitCode
        }
    }

    private func createCode() -> Int32 {
        do throws(StorageError) {
            try scratch.create()
            return 0
        } catch {
            return error.exitCode
        }
    }

    private func path(_ name: String) -> String { "\(scratch.ledger)/\(name)" }

    private func mode(_ name: String) -> mode_t {
        var status = stat()
        unsafe lstat(path(name), &status)
        return status.st_mode & 0o777
    }

    @Test
    func `D3: a ledger is made where nothing is, for its owner only`() throws {
        try scratch.create()
        #expect(scratch.list() == ["LOCK", "archive", "ledger.json", "log", "state"])
        for name in ["", "log", "state", "archive"] { #expect(mode(name) == 0o700) }
        for name in ["LOCK", "ledger.json", "state/data.mdb"] { #expect(mode(name) == 0o600) }
        let opened = try open()
        #expect(opened.directory.ledger == Scratch.id)
        #expect(opened.report.label == "T1")
        #expect(opened.log.durablePosition == 0)
        #expect(opened.store.checkpoint.position == 0)
    }

    @Test
    func `a ledger is made in an empty directory`() {
        unsafe mkdir(scratch.ledger, 0o700)
        #expect(createCode() == 0)
        #expect(exitCode() == 0)
    }

    @Test
    func `a ledger is not made where something is`() throws {
        unsafe mkdir(scratch.ledger, 0o700)
        try scratch.write("precious", [1])
        #expect(createCode() == 73)
        #expect(scratch.list() == ["precious"])
    }

    @Test
    func `a ledger is not made over another`() throws {
        try scratch.create()
        let before = try scratch.read("ledger.json")
        #expect(createCode() == 73)
        #expect(try scratch.read("ledger.json") == before)
    }

    @Test
    func `a ledger is not made below a directory that is not there`() {
        let configuration = Scratch.configuration
        #expect(throws: StorageError.self) {
            try Storage.create(at: "\(scratch.path)/no/ledger", configuration: configuration)
        }
    }

    /// What a crash after each step of creation leaves.
    @Test(arguments: [
        ["ledger.json", "log", "state", "archive"], ["ledger.json", "state", "archive"],
        ["ledger.json", "state"], ["ledger.json"],
    ])
    func `D3: a creation that was interrupted is no ledger and is done again`(
        missing: [String]
    ) throws {
        try scratch.create()
        try scratch.write("creating", [])
        for name in missing { removeTree(path(name)) }
        if missing == ["ledger.json"] { try scratch.write("ledger.json.new", [1, 2]) }
        #expect(exitCode() == 78)
        #expect(createCode() == 0)
        #expect(scratch.list() == ["LOCK", "archive", "ledger.json", "log", "state"])
        #expect(exitCode() == 0)
    }

    @Test
    func `D3: a creation that was interrupted behind its last step is a ledger`() throws {
        try scratch.create()
        try scratch.write("creating", [])
        #expect(createCode() == 73)
        #expect(exitCode() == 0)
        #expect(!scratch.list().contains("creating"))
    }

    /// Numbers of statfs(2).
    @Test(arguments: [
        (0x0102_1994, "tmpfs, unsafe"), (0x8584_58f6, "ramfs, unsafe"), (0x6969, "NFS, unsafe"),
        (0x6573_5546, "FUSE, unsafe"), (0xfe53_4d42, "SMB, unsafe"), (0xff53_4d42, "SMB, unsafe"),
        (0x0102_1997, "9p, unsafe"), (0x794c_7630, "overlay"), (0xef53, "local"),
        (0x5846_5342, "local"), (0x9123_683e, "local"),
    ])
    func `row 41: what a file system keeps is told by its number`(magic: Int64, name: String) {
        #expect(FileSystemPolicy(magic: magic).name == name)
    }

    /// /dev/shm is a tmpfs on every Linux; where it can not be written there is nothing to try.
    @Test(.enabled(if: unsafe access("/dev/shm", W_OK) == 0))
    func `row 41: tmpfs is refused until somebody insists, and then told`() throws {
        let path = "/dev/shm/tenure-\(UInt64.random(in: .min ... .max))"
        defer { Scratch.remove(path) }
        var configuration = Scratch.configuration
        configuration.allowUnsafeFileSystem = false
        let error = #expect(throws: StorageError.self) {
            try Storage.create(at: path, ledger: Scratch.id, configuration: configuration)
        }
        #expect(error?.exitCode == 78 && error?.description.contains("tmpfs") == true)
        configuration.allowUnsafeFileSystem = true
        try Storage.create(at: path, ledger: Scratch.id, configuration: configuration)
        let directory = try DataDirectory.open(at: path, allowUnsafeFileSystem: true)
        #expect(directory.fileSystem == "tmpfs, unsafe" && directory.warnings.count >= 1)
    }

    @Test
    func `nothing is started anew by itself`() throws {
        #expect(exitCode() == 78)
        unsafe mkdir(scratch.ledger, 0o700)
        #expect(exitCode() == 78)
        try scratch.write("LOCK", [])
        #expect(exitCode() == 78)
        unsafe mkdir(path("log"), 0o700)
        #expect(exitCode() == 65)
    }

    @Test
    func `D2: a second writer is told to go, and the first goes on`() throws {
        try scratch.create()
        let first = try open()
        #expect(exitCode() == 75)
        #expect(createCode() == 73)
        _ = first.log.append(time: 1, payload: EventCodec.encode([.poolDeleted(name: "p")]))
        try first.log.commit()
        #expect(first.log.durablePosition == 1)
    }

    @Test
    func `D2: the lock goes with the ledger`() throws {
        try scratch.create()
        _ = try open()
        #expect(exitCode() == 0)
    }

    @Test(arguments: [
        ("", 65), ("{", 65), ("{}", 65), ("{\"ledger\":\"x\",\"format\":1}", 65),
        ("{\"format\":2,\"news\":7}", 78), ("{\"format\":0}", 65), ("{\"format\":\"1\"}", 65),
        ("{\"format\":01}", 65), ("{\"format\":99999999999999999999999}", 65),
    ])
    func `ledger.json that says something else is refused`(text: String, code: Int) throws {
        try scratch.create()
        try scratch.write("ledger.json", Array(text.utf8))
        #expect(exitCode() == Int32(code))
    }

    @Test
    func `ledger.json is read strictly`() throws {
        let good = LedgerDocument(ledger: Scratch.id)
        #expect(try LedgerDocument(reading: good.bytes) == good)
        let text = String(decoding: good.bytes, as: UTF8.self)
        let loose = text.replacing(",", with: " ,\n\t").replacing("{", with: " { ")
        #expect(try LedgerDocument(reading: Array(loose.utf8)) == good)
        let id = "\(Scratch.id)"
        for bad in [
            text + "x", "[" + text, text + text, "{\"ledger\":\"\(id)\"}", "\u{feff}" + text,
            "{\"ledger\":\"\(id)\",\"format\":1,\"x\":1}", "{\"ledger\":\"\(id)\",\"format\":1,}",
            "{\"ledger\":\"\(id)\",\"ledger\":\"\(id)\",\"format\":1}",
            "{\"ledger\":\"\\u0031\",\"format\":1}",
        ] {
            #expect(throws: LedgerDocument.Fault.self) {
                try LedgerDocument(reading: Array(bad.utf8))
            }
        }
        for count in 0..<(good.bytes.count - 2) {
            #expect(throws: LedgerDocument.Fault.self) {
                try LedgerDocument(reading: Array(good.bytes[..<count]))
            }
        }
    }

    private func removeTree(_ path: String) {
        Scratch.remove(path)
    }
}

/// What someone else may have done to a directory.
enum Tampering: String, CaseIterable {
    case directoryWritableByGroup
    case logWritableByGroup
    case stateWritableByOthers
    case segmentWritableByGroup
    case segmentIsSymbolicLink
    case segmentIsFIFO
    case segmentIsDevice
    case segmentHasTwoNames
    case logIsSymbolicLink
    case stateIsSymbolicLink
    case archiveIsFile
    case dataHasTwoNames
    case dataIsSymbolicLink
    case documentIsSymbolicLink
    case lockIsSymbolicLink
    case otherOwner
    case dataOfOtherOwner
}

@Suite("Tampering")
struct TamperingTests {
    private let scratch: Scratch
    private let segment = "log/00000000000000000001.seg"

    init() throws {
        scratch = try Scratch()
    }

    private func path(_ name: String) -> String { "\(scratch.ledger)/\(name)" }

    private func move(_ name: String, leaving make: (String, String) -> Void) {
        let aside = "\(scratch.path)/aside"
        unsafe rename(path(name), aside)
        make(aside, path(name))
    }

    private func tamper(_ tampering: Tampering) {
        let link = { (target: String, name: String) in _ = unsafe symlink(target, name) }
        switch tampering {
        case .directoryWritableByGroup: unsafe chmod(scratch.ledger, 0o770)
        case .logWritableByGroup: unsafe chmod(path("log"), 0o770)
        case .stateWritableByOthers: unsafe chmod(path("state"), 0o707)
        case .segmentWritableByGroup: unsafe chmod(path(segment), 0o660)
        case .segmentIsSymbolicLink: move(segment, leaving: link)
        case .segmentIsFIFO: move(segment) { _, name in unsafe mkfifo(name, 0o600) }
        case .segmentIsDevice:
            // The one that is full; where root may make none it is a FIFO, too.
            move(segment) { _, name in
                if unsafe mknod(name, S_IFCHR | 0o600, 0x107) != 0 { unsafe mkfifo(name, 0o600) }
            }
        case .segmentHasTwoNames: unsafe Glibc.link(path(segment), "\(scratch.path)/second")
        case .logIsSymbolicLink: move("log", leaving: link)
        case .stateIsSymbolicLink: move("state", leaving: link)
        case .archiveIsFile:
            unsafe rmdir(path("archive"))
            try? scratch.write("archive", [])
        case .dataHasTwoNames: unsafe Glibc.link(path("state/data.mdb"), "\(scratch.path)/second")
        case .dataIsSymbolicLink: move("state/data.mdb", leaving: link)
        case .documentIsSymbolicLink: move("ledger.json", leaving: link)
        case .lockIsSymbolicLink: move("LOCK", leaving: link)
        case .otherOwner: unsafe chown(scratch.ledger, 12_345, 12_345)
        case .dataOfOtherOwner: unsafe chown(path("state/data.mdb"), 12_345, 12_345)
        }
    }

    private func exitCode() -> Int32 {
        do throws(StorageError) {
            _ = try Storage.prepare(at: scratch.ledger, configuration: Scratch.configuration)
                .replay { _, _, _ in }
            return 0
        } catch {
            return error.exitCode
        }
    }

    @Test(arguments: Tampering.allCases)
    func `D1: what others own, link or may write to is refused`(tampering: Tampering) throws {
        // Only root can give files away.
        if tampering.needsRoot, geteuid() != 0 { return }
        try scratch.create()
        #expect(exitCode() == 0)
        tamper(tampering)
        #expect(exitCode() == 77)
    }
}

extension Tampering {
    var needsRoot: Bool { self == .otherOwner || self == .dataOfOtherOwner }
}
