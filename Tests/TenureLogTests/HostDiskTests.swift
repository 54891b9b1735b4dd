// The log on a real file system, with the thread that prepares spares.

import Glibc
import SystemPackage
import TenureLog
import Testing

@Suite("Host disk")
struct HostDiskTests {
    /// A directory that goes away with the test.
    private final class Scratch {
        let path: String

        init() {
            var template = Array("/var/tmp/tenure-log-XXXXXX".utf8CString)
            // SAFETY: mkdtemp changes the template in place and keeps its length.
            let made = unsafe template.withUnsafeMutableBufferPointer { buffer in
                unsafe buffer.baseAddress.map { unsafe mkdtemp($0) } != nil
            }
            #expect(made)
            path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        }

        deinit {
            for directory in ["log/", "archive/", ""] {
                if let disk = try? HostDisk(root: path),
                    let names = try? disk.list(String(directory.dropLast()))
                {
                    // SAFETY: here and below the paths are copied by the system.
                    for name in names { _ = unsafe remove("\(path)/\(directory)\(name)") }
                }
                _ = unsafe rmdir("\(path)/\(directory)")
            }
        }
    }

    @Test
    func `a log on a real disk rotates, retires and opens again`() throws {
        let scratch = Scratch()
        let configuration = LogConfiguration(segmentBytes: 256 << 10)
        var expected: [Record] = []
        var checkpoint = LogCheckpoint.none
        for life in 0..<3 {
            let disk = try HostDisk(root: scratch.path)
            if life == 0 {
                try FileLog.create(on: disk, ledgerID: sampleLedger, configuration: configuration)
            }
            var found: [Record] = []
            let (log, report) = try FileLog.open(
                on: disk,
                ledgerID: sampleLedger,
                configuration: configuration,
                checkpoint: checkpoint
            ) { (frame) throws(LogError) in
                found.append(Record(frame))
            }
            #expect(found == Array(expected.dropFirst(Int(checkpoint.position))))
            #expect(report.verdict == .clean)
            for index in 0..<40 {
                for _ in 0..<20 { expected.append(appendSample(to: log, bytes: 1_000)) }
                try log.commit()
                if index == 20 {
                    checkpoint = LogCheckpoint(position: log.durablePosition, seal: log.seal)
                }
            }
            try log.retire(through: checkpoint.position)
            #expect(log.durablePosition == UInt64(expected.count))
        }
        let audit = try auditLog(on: try HostDisk(root: scratch.path))
        #expect(audit.records == expected)
        #expect(audit.problems.isEmpty)
    }

    @Test
    func `what is not a private file of ours is refused`() throws {
        let scratch = Scratch()
        let disk = try HostDisk(root: scratch.path)
        let file = try disk.create("plain")
        file.close()
        #expect(throws: DiskError.system(.fileExists, .create, path: "plain")) {
            try disk.create("plain")
        }
        // SAFETY: here and below the paths are copied by the system.
        unsafe symlink("plain", "\(scratch.path)/linked")
        unsafe link("\(scratch.path)/plain", "\(scratch.path)/second")
        unsafe mkfifo("\(scratch.path)/pipe", 0o600)
        #expect(throws: DiskError.refused(.pathLeadsOutside, path: "linked")) {
            try disk.open("linked", .readOnly)
        }
        #expect(throws: DiskError.refused(.severalLinks, path: "plain")) {
            try disk.open("plain", .readWrite)
        }
        #expect(throws: DiskError.refused(.notRegular, path: "pipe")) {
            try disk.open("pipe", .readOnly)
        }
        #expect(throws: DiskError.refused(.pathLeadsOutside, path: "../plain")) {
            try disk.open("../plain", .readOnly)
        }
        try disk.unlink("second")
        unsafe chmod("\(scratch.path)/plain", 0o620)
        #expect(throws: DiskError.refused(.writableByOthers, path: "plain")) {
            try disk.open("plain", .readOnly)
        }
        unsafe chmod(scratch.path, 0o777)
        #expect(throws: DiskError.refused(.writableByOthers, path: scratch.path)) {
            try HostDisk(root: scratch.path)
        }
        unsafe chmod(scratch.path, 0o700)
    }

    @Test
    func `files are read, written, renamed and locked`() throws {
        let scratch = Scratch()
        let disk = try HostDisk(root: scratch.path)
        let file = try disk.create("a")
        let bytes = samplePayload(1, 10_000)
        // SAFETY: a byte has no padding.
        try unsafe file.write(bytes.span.bytes, at: 0)
        try file.syncData()
        #expect(try file.size() == 10_000)
        #expect(try file.readAll(limit: 10_000, path: "a") == bytes)
        #expect(throws: DiskError.system(.fileTooLarge, .read, path: "a")) {
            try file.readAll(limit: 9_999, path: "a")
        }
        try disk.create("b").close()
        #expect(throws: DiskError.system(.fileExists, .rename, path: "a")) {
            try disk.rename("a", to: "b", replacing: false)
        }
        try disk.rename("a", to: "b", replacing: true)
        try disk.syncDirectory("")
        #expect(try disk.list("") == ["b"])
        #expect(try disk.freeBytes() > 0)
        let held = try disk.lock("LOCK", shared: false)
        #expect(throws: DiskError.system(.wouldBlock, .lock, path: "LOCK")) {
            try disk.lock("LOCK", shared: true)
        }
        held.close()
        let first = try disk.lock("LOCK", shared: true)
        let second = try disk.lock("LOCK", shared: true)
        first.close()
        second.close()
    }

    /// A copy of the descriptor stands for a child between `fork` and `exec`.
    @Test
    func `a lock ends with its file although a child has a copy of the descriptor`() throws {
        let scratch = Scratch()
        let disk = try HostDisk(root: scratch.path)
        let held = try disk.lock("LOCK", shared: false)
        let copies = try descriptors(of: "\(scratch.path)/LOCK").map { dup($0) }
        defer { for copy in copies { close(copy) } }
        try #require(copies.count == 1 && copies[0] >= 0)
        held.close()
        try disk.lock("LOCK", shared: false).close()
    }

    /// What of this process has the file at `path` open.
    private func descriptors(of path: String) throws -> [CInt] {
        var wanted = stat()
        // SAFETY: here and below the kernel's answer goes to a structure of this frame.
        try #require(unsafe stat(path, &wanted) == 0)
        return (0..<1_024).filter { descriptor in
            var found = stat()
            return unsafe fstat(descriptor, &found) == 0
                && found.st_dev == wanted.st_dev && found.st_ino == wanted.st_ino
        }
    }
}
