// A disk that lets a log be opened for its verdict: reads are real, changes are forgotten.
//
// With it the audit runs the very recovery that a start would run, and nothing of it is stored:
// what recovery makes or cuts it does not read again.

internal import Synchronization
internal import SystemPackage
internal import TenureLog

/// A disk on which nothing can be changed, and nobody notices.
final class DryDisk: Disk {
    private let base: any Disk
    private let made = Mutex<Set<String>>([])

    init(_ base: any Disk) {
        self.base = base
    }

    func create(_ path: String) throws(DiskError) -> any DiskFile {
        made.withLock { _ = $0.insert(path) }
        return DryFile(nil)
    }

    func open(_ path: String, _ access: DiskAccess) throws(DiskError) -> any DiskFile {
        if made.withLock({ $0.contains(path) }) { return DryFile(nil) }
        return DryFile(try base.open(path, .readOnly))
    }

    func openDirect(_ path: String) throws(DiskError) -> any DiskFile {
        try base.openDirect(path)
    }

    func lock(_ path: String, shared: Bool) throws(DiskError) -> any DiskFile { DryFile(nil) }

    func rename(_ from: String, to: String, replacing: Bool) throws(DiskError) {}

    func unlink(_ path: String) throws(DiskError) {}

    func list(_ directory: String) throws(DiskError) -> [String] { try base.list(directory) }

    func makeDirectory(_ path: String) throws(DiskError) {}

    func syncDirectory(_ path: String) throws(DiskError) {}

    func freeBytes() throws(DiskError) -> UInt64 { try base.freeBytes() }
}

/// A file that is read and never written.
private final class DryFile: DiskFile {
    private let base: (any DiskFile)?

    init(_ base: (any DiskFile)?) {
        self.base = base
    }

    func read(into buffer: inout MutableRawSpan, at offset: UInt64) throws(DiskError) -> Int {
        guard let base else { return 0 }
        return try base.read(into: &buffer, at: offset)
    }

    func write(_ bytes: RawSpan, at offset: UInt64) throws(DiskError) {}

    func size() throws(DiskError) -> UInt64 { try base?.size() ?? 0 }

    func truncate(to size: UInt64) throws(DiskError) {}

    func syncData() throws(DiskError) {}

    func sync() throws(DiskError) {}

    func dropCache() throws(DiskError) {}

    func close() { base?.close() }
}
