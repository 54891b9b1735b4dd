// Which file system is mounted where, from /proc/self/mountinfo (proc(5)).

/// One mounted file system.
struct Mount: Equatable {
    /// The directory of the file system that is mounted.
    let root: String
    /// Where it is mounted.
    let point: String
    /// The type of the file system.
    let type: String
    /// The options of the file system itself, such as the controllers of a cgroup hierarchy.
    let options: [String]

    /// Reads a line; nil when it has not the fields of one.
    init?(_ line: some StringProtocol) {
        let fields = line.split(separator: " ")
        guard let dash = fields.firstIndex(of: "-"), dash >= 5, fields.count > dash + 1 else {
            return nil
        }
        root = Self.unescaped(fields[3])
        point = Self.unescaped(fields[4])
        type = String(fields[dash + 1])
        options = fields.last.map { $0.split(separator: Character(",")).map { String($0) } } ?? []
        guard root.hasPrefix("/"), point.hasPrefix("/") else { return nil }
    }

    /// All mounts, in the order of mounting.
    static func all(_ files: HostFiles) -> [Mount] {
        files.lines("/proc/self/mountinfo").compactMap { Mount($0) }
    }

    /// The mount that holds `path`, which is absolute: the longest, and the last of those.
    static func holding(_ path: String, in mounts: [Mount]) -> Mount? {
        var best: Mount?
        for mount in mounts where path.isInside(mount.point) {
            if mount.point.utf8.count >= (best?.point.utf8.count ?? 0) { best = mount }
        }
        return best
    }

    /// Blanks in paths are written as a backslash and three octal digits.
    private static func unescaped(_ text: some StringProtocol) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            let digits = rest.prefix(3)
            if byte == UInt8(ascii: "\\"), digits.count == 3,
                let code = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
            {
                bytes.append(code)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension String {
    /// Whether this path is `directory` or below it.
    func isInside(_ directory: String) -> Bool {
        directory == "/" || self == directory || hasPrefix(directory + "/")
    }
}
