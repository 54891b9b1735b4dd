// L10: what memory shows of the state is forgotten before anything is written there.
//
// Why it must be is tried on a real file system whose writes fail, by the campaign `synced.py`;
// here, that it is done.

import Foundation
import Glibc
import SystemPackage
import TenureLMDB
import Testing

@Suite("Forgetting", .enabled(if: Memory.forgets, "memory keeps files of this file system"))
struct ForgettingTests {
    @Test
    func `L10: who opens to write begins with what the disk has`() throws {
        let scratch = try Scratch()
        let (environment, table) = try scratch.open()
        try fill(environment, table, 0..<Memory.rows)
        environment.close()
        let pages = try scratch.readDataFile().count / 4_096
        try #require(try Memory.pages(of: scratch.dataFile) > pages / 2)
        let (again, _) = try scratch.open()
        defer { again.close() }
        #expect(try Memory.pages(of: scratch.dataFile) < pages / 2)
    }

    @Test
    func `L10: a commit behind one that failed begins with what the disk has`() async {
        await #expect(processExitsWith: .success) {
            let scratch = try Scratch()
            let (environment, table) = try scratch.open()
            try fill(environment, table, 0..<Memory.rows)
            let bytes = try scratch.readDataFile().count
            signal(SIGXFSZ, SIG_IGN)
            // 1 is RLIMIT_FSIZE.
            let kind = __rlimit_resource_t(1)
            var limit = rlimit(rlim_cur: rlim_t(bytes), rlim_max: rlim_t.max)
            try #require(unsafe setrlimit(kind, &limit) == 0)
            #expect(throws: StoreError.self) {
                try fill(environment, table, Memory.rows..<2 * Memory.rows)
            }
            limit.rlim_cur = rlim_t.max
            try #require(unsafe setrlimit(kind, &limit) == 0)
            let pages = try scratch.readDataFile().count / 4_096
            try #require(try Memory.pages(of: scratch.dataFile) > pages / 2)
            try fill(environment, table, Memory.rows..<Memory.rows + 1)
            #expect(try Memory.pages(of: scratch.dataFile) < pages / 2)
            #expect(try everything(environment, table).count == Int(Memory.rows) + 1)
        }
    }
}

/// What the kernel keeps in memory of files.
private enum Memory {
    /// So many take several times what a kernel reads ahead.
    static let rows: UInt64 = 400_000

    /// Whether it forgets a file where tests have theirs, when it is told to: it does not where
    /// memory is all that there is.
    static let forgets: Bool = {
        guard let scratch = try? Scratch() else { return false }
        // SAFETY: the kernel reads a string of ours, and as many bytes as the array has.
        let file = unsafe open(scratch.dataFile, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        defer { close(file) }
        return unsafe write(file, [UInt8](repeating: 1, count: 1 << 20), 1 << 20) == 1 << 20
            && fdatasync(file) == 0 && posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) == 0
            && (try? pages(of: scratch.dataFile)) == 0
    }()

    /// How many pages of a file are there.
    static func pages(of path: String) throws -> Int {
        // SAFETY: the kernel reads a string of ours.
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        try #require(file >= 0)
        defer { close(file) }
        let bytes = Int(lseek(file, 0, SEEK_END))
        // SAFETY: a map of its own, of a length that the file has, that nobody looks into.
        guard let map = unsafe mmap(nil, bytes, PROT_READ, MAP_SHARED, file, 0),
            unsafe map != MAP_FAILED
        else { throw Errno(rawValue: errno) }
        defer { unsafe munmap(map, bytes) }
        var states = [UInt8](repeating: 0, count: (bytes + 4_095) / 4_096)
        // SAFETY: one byte for each page of the map.
        try #require(unsafe mincore(map, bytes, &states) == 0)
        return states.count { $0 & 1 == 1 }
    }
}
