// A fresh directory for one test, removed afterwards.

import Glibc
import TenureLog
import TenureStorage
import TenureTesting

/// A directory of its own for a test.
final class Scratch {
    /// The directory; it exists and is empty.
    let path: String

    init() throws {
        var template = Array("/tmp/tenure-storage-XXXXXX".utf8CString)
        let made = unsafe template.withUnsafeMutableBufferPointer { buffer in
            unsafe buffer.baseAddress.map { unsafe mkdtemp($0) != nil } ?? false
        }
        guard made else { throw ScratchError.notMade }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        Scratch.remove(path)
    }

    enum ScratchError: Error {
        case notMade
        case file(String)
    }

    /// Where the test's ledger is.
    var ledger: String { "\(path)/ledger" }

    static let id = LedgerID(high: 0x1111_2222_3333_4444, low: 0x5555_6666_7777_8888)

    /// Small segments of 14 blocks for groups, no thread of its own, any file system.
    static var configuration: StorageConfiguration {
        configuration(segmentBytes: LogLimits.segmentMinimum)
    }

    /// No thread of its own, any file system.
    static func configuration(segmentBytes: Int) -> StorageConfiguration {
        var configuration = StorageConfiguration()
        configuration.log = LogConfiguration(
            segmentBytes: segmentBytes,
            spare: .synchronous
        )
        configuration.allowUnsafeFileSystem = true
        return configuration
    }

    /// Makes the test's ledger.
    func create(
        _ configuration: StorageConfiguration = Scratch.configuration
    ) throws(StorageError) {
        try Storage.create(at: ledger, ledger: Scratch.id, configuration: configuration)
    }

    func read(_ name: String) throws -> [UInt8] {
        guard let file = unsafe fopen("\(ledger)/\(name)", "r") else {
            throw ScratchError.file(name)
        }
        defer { unsafe fclose(file) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe part.withUnsafeMutableBytes { buffer in
                unsafe fread(buffer.baseAddress, 1, buffer.count, file)
            }
            if count == 0 { return bytes }
            bytes += part[..<count]
        }
    }

    func write(_ name: String, _ bytes: [UInt8]) throws {
        guard let file = unsafe fopen("\(ledger)/\(name)", "w") else {
            throw ScratchError.file(name)
        }
        defer { unsafe fclose(file) }
        _ = unsafe bytes.withUnsafeBytes { buffer in
            unsafe fwrite(buffer.baseAddress, 1, buffer.count, file)
        }
        unsafe chmod("\(ledger)/\(name)", 0o600)
    }

    func list(_ name: String = "") -> [String] {
        Scratch.names("\(ledger)/\(name)")
    }

    static func remove(_ path: String) {
        for name in Scratch.names(path) { remove("\(path)/\(name)") }
        if unsafe unlink(path) != 0 { unsafe rmdir(path) }
    }

    private static func names(_ path: String) -> [String] {
        var status = stat()
        guard unsafe lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR,
            let directory = unsafe opendir(path)
        else { return [] }
        defer { unsafe closedir(directory) }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) {
                    unsafe String(cString: $0)
                }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }
}
