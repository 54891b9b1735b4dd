// Reads the small text files in which Linux describes itself. Nothing here fails or traps: what can
// not be read, or is not what it should be, is nil.
//
// Every path goes below `root`, so that a test can bring a /proc and a /sys of its own.

internal import Glibc
internal import SystemPackage

/// The text files below one root.
struct HostFiles: Sendable {
    private let root: String
    /// More than any file that is read here has; a longer one is cut.
    private static let longestFile = 1 << 20

    init(root: String) {
        self.root = root == "/" ? "" : root
    }

    /// The text of the file at `path`; damaged UTF-8 is repaired.
    func text(_ path: String) -> String? {
        // Non-blocking, so that a pipe in a file's place can not stop us.
        let opened = try? FileDescriptor.open(
            FilePath(root + path),
            .readOnly,
            options: [.closeOnExec, .nonBlocking]
        )
        guard let opened else { return nil }
        defer { try? opened.close() }
        var text: [UInt8] = []
        while text.count < Self.longestFile {
            // SAFETY: the kernel fills at most the buffer, and says how much of it.
            let part = try? unsafe [UInt8](unsafeUninitializedCapacity: 16 << 10) { buffer, count in
                count = try unsafe opened.read(into: UnsafeMutableRawBufferPointer(buffer))
            }
            guard let part else { return nil }
            if part.isEmpty { break }
            text += part
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The lines of the file at `path`; none when there is no file.
    func lines(_ path: String) -> [Substring] {
        (text(path) ?? "").utf8.split(separator: UInt8(ascii: "\n")).map { Substring($0) }
    }

    /// The first line of the file at `path` without blanks around it; nil when that is empty.
    func word(_ path: String) -> String? {
        guard let line = lines(path).first else { return nil }
        let word = line.trimmed
        return word.isEmpty ? nil : String(word)
    }

    /// The number that the file at `path` consists of.
    func number(_ path: String) -> UInt64? {
        word(path).flatMap { UInt64($0) }
    }

    /// The names in the directory at `path`, sorted.
    func names(in path: String) -> [String] {
        // SAFETY: the directory is closed once; each entry is copied before the next is read.
        guard let directory = unsafe opendir(root + path) else { return [] }
        defer { unsafe closedir(directory) }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Whether something is at `path`.
    func exists(_ path: String) -> Bool {
        // SAFETY: the kernel reads the path during the call only.
        unsafe access(root + path, F_OK) == 0
    }

    /// Where the link at `path` points.
    func linkTarget(_ path: String) -> String? {
        var bytes = [UInt8](repeating: 0, count: Int(PATH_MAX))
        // SAFETY: the kernel writes at most the buffer, and says how much of it.
        let count = unsafe bytes.withUnsafeMutableBytes { buffer -> Int in
            guard let start = unsafe buffer.bindMemory(to: CChar.self).baseAddress else { return 0 }
            return unsafe readlink(root + path, start, buffer.count)
        }
        return count > 0 ? String(decoding: bytes.prefix(count), as: UTF8.self) : nil
    }
}

extension Substring {
    /// Without blanks at both ends.
    var trimmed: Substring {
        let start = firstIndex { !$0.isWhitespace } ?? endIndex
        let end = lastIndex { !$0.isWhitespace }.map { index(after: $0) } ?? endIndex
        return start < end ? self[start..<end] : self[endIndex...]
    }
}

/// A list of small numbers as the kernel writes them, such as `0-3,8`.
struct NumberList: Equatable {
    /// More CPUs than any Linux is built for.
    private static let largest = 65_535
    let numbers: Set<Int>

    /// Nil when `text` is not such a list.
    init?(_ text: some StringProtocol) {
        var numbers: Set<Int> = []
        for part in text.split(separator: ",") {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
            guard (1...2).contains(ends.count), let low = ends[0], let high = ends[ends.count - 1],
                low >= 0, low <= high, high <= Self.largest
            else { return nil }
            numbers.formUnion(low...high)
        }
        guard !numbers.isEmpty else { return nil }
        self.numbers = numbers
    }
}
