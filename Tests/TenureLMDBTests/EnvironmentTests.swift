// Opening, growing, copying and closing an environment, and what the kernel is told of its files.

import Foundation
import SystemPackage
import TenureLMDB
import Testing

@Suite("Environment")
struct EnvironmentTests {
    @Test
    func `a second opening in this process is refused, by whatever path`() throws {
        let scratch = try Scratch()
        let (environment, _) = try scratch.open()
        let link = scratch.path + "-link"
        try FileManager.default.createSymbolicLink(
            atPath: link,
            withDestinationPath: scratch.path
        )
        defer { try? FileManager.default.removeItem(atPath: link) }
        for path in [scratch.path, link, scratch.path + "/../" + nameOf(scratch.path)] {
            #expect(throws: StoreError.alreadyOpen(path: path)) {
                try Environment.open(path: path)
            }
        }
        environment.close()
        environment.close()
        let again = try Environment.open(path: link)
        again.close()
    }

    @Test
    func `a failed opening leaves the path free`() throws {
        let scratch = try Scratch()
        try scratch.writeDataFile([1, 2, 3])
        #expect(throws: StoreError.self) { try Environment.open(path: scratch.path) }
        try FileManager.default.removeItem(atPath: scratch.dataFile)
        let (environment, _) = try scratch.open()
        #expect(try environment.facts().lastPage > 1)
    }

    @Test
    func `a directory that is missing, and a file in its place, are refused by errno`() throws {
        let scratch = try Scratch()
        #expect(throws: StoreError.system(.noSuchFileOrDirectory)) {
            try Environment.open(path: scratch.path + "/none")
        }
        try scratch.writeDataFile([])
        #expect(throws: StoreError.system(.notDirectory)) {
            try Environment.open(path: scratch.dataFile)
        }
    }

    @Test
    func `the files are the owner's alone, and no program we start inherits them`() throws {
        let scratch = try Scratch()
        let (environment, _) = try scratch.open()
        defer { environment.close() }
        for name in ["data.mdb", "lock.mdb"] {
            let facts = try FileManager.default.attributesOfItem(atPath: scratch.path + "/" + name)
            #expect(facts[.posixPermissions] as? Int == 0o600)
        }
        var checked = 0
        for name in try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd") {
            let target = try? FileManager.default.destinationOfSymbolicLink(
                atPath: "/proc/self/fd/" + name
            )
            guard let target, target.hasPrefix(scratch.path + "/") else { continue }
            let descriptor = try #require(Int32(name))
            #expect(fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0, "\(target)")
            checked += 1
        }
        #expect(checked == 3)
    }

    @Test
    func `a full map is an error that changes nothing, and a grown map takes the rows`() throws {
        let scratch = try Scratch()
        let (environment, table) = try scratch.open(mapBytes: 64 << 10)
        try fill(environment, table, 0..<10)
        let rows = UInt64(0)..<2_000
        #expect(throws: StoreError.mapFull) { try fill(environment, table, rows) }
        #expect(try everything(environment, table).count == 10)
        let reader = try PersistentReader(environment)
        var growths = 0
        while growths < 10 {
            do {
                try fill(environment, table, rows)
                break
            } catch StoreError.mapFull {
                try environment.growMap()
                growths += 1
            }
        }
        #expect(growths == 2)
        #expect(try environment.facts().mapBytes == 256 << 10)
        #expect(try everything(environment, table).map(\.value) == rows.map(value))
        #expect(try reader.get(table, key: key(1_999)) { $0.copied } == value(of: 1_999))
        #expect(try reader.get(table, key: key(2_000)) { $0.copied } == nil)
    }

    @Test
    func `L1: a map does not grow under a live snapshot`() throws {
        let scratch = try Scratch()
        let (environment, table) = try scratch.open(mapBytes: 64 << 10)
        try fill(environment, table, 0..<10)
        try environment.read { (transaction) throws(StoreError) in
            #expect(throws: StoreError.busy) { try environment.growMap() }
            #expect(try transaction.count(of: table) == 10)
        }
        try environment.growMap()
        #expect(try environment.facts().mapBytes == 128 << 10)
    }

    @Test
    func `a compacted copy opens, holds the same rows, and can be written to`() throws {
        let scratch = try Scratch()
        let (environment, table) = try scratch.open()
        for _ in 0..<20 { try fill(environment, table, 0..<500) }
        let copy = try Scratch()
        let file = try FileDescriptor.open(
            FilePath(copy.dataFile),
            .readWrite,
            options: [.create, .exclusiveCreate],
            permissions: [.ownerReadWrite]
        )
        try file.closeAfter { try environment.copyCompact(toDescriptor: file.rawValue) }
        let (copied, copiedTable) = try copy.open()
        #expect(try copied.facts().lastPage < environment.facts().lastPage)
        #expect(try everything(copied, copiedTable).map(\.value) == (0..<500).map(value))
        try fill(copied, copiedTable, 500..<600)
        copied.close()
        let (again, againTable) = try copy.open()
        #expect(try again.entryCounts([againTable]) == [600])
    }

    @Test
    func `an audit reads, makes no file and finds no table that is not there`() throws {
        let scratch = try Scratch()
        let (environment, table) = try scratch.open()
        try fill(environment, table, 0..<500)
        environment.close()
        try FileManager.default.removeItem(atPath: scratch.path + "/lock.mdb")
        let before = try scratch.readDataFile()
        let audit = try Environment.open(
            path: scratch.path,
            options: EnvironmentOptions(access: .audit)
        )
        #expect(throws: StoreError.noSuchTable("none")) { try audit.tables(["none"]) }
        let rows = try #require(try audit.tables(["rows"]).first)
        #expect(try everything(audit, rows).map(\.value) == (0..<500).map(value))
        #expect(try audit.facts().mapBytes <= before.count + 4096)
        audit.close()
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path) == ["data.mdb"])
        #expect(try scratch.readDataFile() == before)
    }

    @Test
    func `an audit of nothing is refused`() throws {
        let scratch = try Scratch()
        let options = EnvironmentOptions(access: .audit)
        #expect(throws: StoreError.damaged("data.mdb is missing")) {
            try Environment.open(path: scratch.path, options: options)
        }
        try scratch.writeDataFile([])
        #expect(throws: StoreError.damaged("data.mdb is empty")) {
            try Environment.open(path: scratch.path, options: options)
        }
    }

    @Test
    func `upkeep on a quiet environment succeeds`() throws {
        let scratch = try Scratch()
        let (environment, _) = try scratch.open()
        try environment.syncCreation()
        #expect(try environment.clearDeadReaders() == 0)
    }

    @Test
    func `a file size limit ends a commit as a device error, and old rows stay`() async {
        await #expect(processExitsWith: .success) {
            let scratch = try Scratch()
            let (environment, table) = try scratch.open()
            try fill(environment, table, 0..<100)
            signal(SIGXFSZ, SIG_IGN)
            var limit = rlimit(rlim_cur: 256 << 10, rlim_max: rlim_t.max)
            try #require(unsafe setrlimit(__rlimit_resource_t(1), &limit) == 0)
            do {
                try fill(environment, table, 100..<20_000)
                exit(1)
            } catch StoreError.diskFullOrIO {
                let rows = try everything(environment, table)
                exit(rows.map(\.value) == (0..<100).map(value) ? 0 : 2)
            } catch {
                exit(3)
            }
        }
    }

    private func nameOf(_ path: String) -> String {
        String(path.split(separator: "/").last ?? "")
    }
}
