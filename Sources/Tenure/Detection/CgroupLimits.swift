// What control groups leave of a host's CPUs and memory, for both versions of the hierarchy.
//
// A limit holds for everything below it, so each directory from the process's own up to the mount
// is read and the tightest wins. What can not be read limits nothing.

/// The control groups of this process.
struct CgroupLimits {
    private let files: HostFiles
    private let mounts: [Mount]
    private let memberships: [Membership]

    /// A line of /proc/self/cgroup.
    private struct Membership {
        /// The controllers of a hierarchy of version 1; none for version 2.
        let controllers: [Substring]
        let path: String

        init?(_ line: Substring) {
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3, fields[2].hasPrefix("/") else { return nil }
            controllers = fields[1].split(separator: ",")
            path = String(fields[2])
        }
    }

    init(_ files: HostFiles, _ mounts: [Mount]) {
        self.files = files
        self.mounts = mounts
        memberships = files.lines("/proc/self/cgroup").compactMap { Membership($0) }
    }

    /// The tightest CPU quota in milli-CPU; nil when there is none.
    var milliCPU: UInt64? {
        let unified = directories("cgroup2", nil).compactMap { directory -> UInt64? in
            let fields = files.word(directory + "/cpu.max")?.split(separator: " ") ?? []
            guard fields.count == 2 else { return nil }
            return Self.milli(quota: UInt64(fields[0]), period: UInt64(fields[1]))
        }
        let legacy = directories("cgroup", "cpu").compactMap { directory -> UInt64? in
            Self.milli(
                quota: files.number(directory + "/cpu.cfs_quota_us"),
                period: files.number(directory + "/cpu.cfs_period_us")
            )
        }
        return (unified + legacy).min()
    }

    /// The tightest memory limit, and the least that any level has left, in bytes.
    var memory: (limit: UInt64, available: UInt64)? {
        let levels =
            directories("cgroup2", nil).compactMap {
                level($0, "memory.max", "memory.current", "inactive_file")
            }
            + directories("cgroup", "memory").compactMap {
                level($0, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            }
        guard let limit = levels.map(\.limit).min(), let left = levels.map(\.available).min()
        else { return nil }
        return (limit, left)
    }

    /// One directory's limit; what the kernel can drop at once counts as available.
    private func level(
        _ directory: String,
        _ limit: String,
        _ usage: String,
        _ droppable: String
    ) -> (limit: UInt64, available: UInt64)? {
        guard let limit = files.number(directory + "/" + limit), limit < Self.noLimit else {
            return nil
        }
        let used = files.number(directory + "/" + usage) ?? 0
        let cached = files.field(droppable, of: directory + "/memory.stat") ?? 0
        let needed = used > cached ? used - cached : 0
        return (limit, limit > needed ? limit - needed : 0)
    }

    /// Version 1 writes "no limit" as a number near 2^63.
    private static let noLimit = UInt64(1) << 60

    private static func milli(quota: UInt64?, period: UInt64?) -> UInt64? {
        guard let quota, let period, period > 0 else { return nil }
        let (scaled, overflow) = quota.multipliedReportingOverflow(by: 1_000)
        return overflow ? nil : max(1, scaled / period)
    }

    /// The directories of this process's groups, its own first, for mounts of `type`.
    private func directories(_ type: String, _ controller: String?) -> [String] {
        let membership = memberships.first { membership in
            guard let controller else { return membership.controllers.isEmpty }
            return membership.controllers.contains { $0 == controller }
        }
        let mount = mounts.last { mount in
            mount.type == type && controller.map { mount.options.contains($0) } ?? true
        }
        guard let membership, let mount else { return [] }
        var parts = relative(membership.path, to: mount)
        var directories = [mount.directory(parts)]
        while !parts.isEmpty {
            parts.removeLast()
            directories.append(mount.directory(parts))
        }
        return directories
    }

    /// The way from the mounted directory to `path`; none when the mount shows another part.
    ///
    /// In a container the mount often shows the process's own group as its root, while the path is
    /// that of the host, or starts with "..": the limits are at the mount then.
    private func relative(_ path: String, to mount: Mount) -> [Substring] {
        guard path.isInside(mount.root) else { return [] }
        let rest = mount.root == "/" ? path[...] : path.dropFirst(mount.root.count)
        let parts = rest.split(separator: "/")
        return parts.contains("..") || !files.exists(mount.directory(parts)) ? [] : parts
    }
}

extension Mount {
    /// The directory that `parts` lead to from where this is mounted.
    fileprivate func directory(_ parts: [Substring]) -> String {
        point + parts.map { "/" + $0 }.joined()
    }
}

extension HostFiles {
    /// The number behind `name` in a file of lines of a name and a number.
    func field(_ name: String, of path: String) -> UInt64? {
        for line in lines(path) where line.hasPrefix(name) {
            let words = line.split(whereSeparator: \.isWhitespace)
            if words.count >= 2, words[0] == name { return UInt64(words[1]) }
        }
        return nil
    }
}
