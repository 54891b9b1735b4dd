// Owner, permissions and links of what lies in a data directory, looked at by descriptor.
//
// The disk checks every file that it opens. What LMDB opens by path, and the directories
// themselves, are checked here.

internal import CTenureSystem
internal import SystemPackage
internal import TenureLog

extension DataDirectory {
    /// Refuses subdirectories, and a state file, that are not as we would have made them.
    static func checkDirectories(_ path: String, _ names: [String]) throws(StorageError) {
        // SAFETY: the system copies the string before the call returns.
        let root = unsafe tenure_open_root(path)
        guard root >= 0 else {
            throw .system(Errno(rawValue: -root), "open failed", at: path)
        }
        defer { _ = tenure_close(root) }
        for name in Name.directories where names.contains(name) {
            try check(name, below: root, in: path, Int32(TENURE_KIND_DIRECTORY))
        }
        if names.contains(Name.state) {
            try check(Name.stateFile, below: root, in: path, Int32(TENURE_KIND_REGULAR))
        }
    }

    private static func check(
        _ name: String,
        below root: Int32,
        in path: String,
        _ kind: Int32
    ) throws(StorageError) {
        let isDirectory = kind == Int32(TENURE_KIND_DIRECTORY)
        let flags = isDirectory ? TENURE_OPEN_DIRECTORY : TENURE_OPEN_READ
        // SAFETY: the system copies the string before the call returns.
        let descriptor = unsafe tenure_open_beneath(root, name, Int32(flags), 0)
        if descriptor < 0 {
            let errno = Errno(rawValue: -descriptor)
            // A missing state file is damage that the state store tells about.
            if errno == .noSuchFileOrDirectory { return }
            throw refusal(of: errno, name, path, isDirectory)
        }
        defer { _ = tenure_close(descriptor) }
        var facts = tenure_file_facts()
        // SAFETY: the kernel fills a structure that lives in this frame.
        let result = unsafe tenure_facts(descriptor, &facts)
        guard result == 0 else {
            throw .system(Errno(rawValue: -result), "fstat failed", at: "\(path)/\(name)")
        }
        let isShared = !isDirectory && facts.links != 1
        let wrong: DiskRefusal? =
            if facts.kind != kind {
                isDirectory ? .notDirectory : .notRegular
            } else if facts.owner != tenure_effective_user() {
                .otherOwner
            } else if isShared {
                .severalLinks
            } else {
                facts.mode & 0o022 == 0 ? nil : .writableByOthers
            }
        if let wrong { throw StorageError(.refused(wrong, path: name), in: path) }
    }

    /// What an errno of opening beneath the root says about links.
    private static func refusal(
        of errno: Errno,
        _ name: String,
        _ path: String,
        _ isDirectory: Bool
    ) -> StorageError {
        switch errno {
        case .tooManySymbolicLinkLevels, Errno(rawValue: 18):
            StorageError(.refused(.pathLeadsOutside, path: name), in: path)
        case .notDirectory:
            StorageError(.refused(.notDirectory, path: name), in: path)
        default:
            .system(errno, "open failed", at: "\(path)/\(name)")
        }
    }
}
