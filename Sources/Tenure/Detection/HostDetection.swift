// Looks at the host: CPUs, memory, the disk of the ledger, network interfaces, GPUs.
//
// What is found is what this process could use: affinity, cpusets and control groups are respected.
// Nothing here fails: what can not be seen is left out, and a note says so in a sentence. GPUs are
// in GPUDetection.swift.

internal import Glibc

/// Finds out what a host has.
package enum HostDetection {
    /// Looks at the host once; takes milliseconds, with a GPU driver up to seconds.
    ///
    /// The file system of `dataDirectory`, which need not exist yet, is the disk resource. Another
    /// `root` than "/" brings a /proc and a /sys of a test's own, and asks no driver.
    package static func detect(dataDirectory: String, root: String = "/") -> HostInventory {
        detect(
            dataDirectory: dataDirectory,
            root: root,
            driver: root == "/" ? .nvidia : .absent
        )
    }

    /// As above, with the GPUs that `driver` lists.
    package static func detect(
        dataDirectory: String,
        root: String,
        driver: GPUDriver
    ) -> HostInventory {
        let files = HostFiles(root: root)
        let mounts = Mount.all(files)
        let limits = CgroupLimits(files, mounts)
        let stated = files.word("/proc/sys/kernel/hostname") ?? ""
        var inventory = HostInventory(node: HostNames.node(stated) ?? "localhost")
        if inventory.node != stated {
            inventory.note("the host's name '\(stated.printable)' is written \(inventory.node)")
        }
        inventory.addCPUs(files, limits)
        inventory.addMemory(files, limits)
        inventory.addDisk(dataDirectory, mounts)
        inventory.addNetwork(files)
        inventory.addGPUs(files, driver)
        return inventory
    }
}

extension HostInventory {
    /// The CPUs that this process may run on, or its tightest quota.
    fileprivate mutating func addCPUs(_ files: HostFiles, _ limits: CgroupLimits) {
        let online = files.word("/sys/devices/system/cpu/online").flatMap { NumberList($0) }
        let allowed = files.lines("/proc/self/status")
            .first { $0.hasPrefix("Cpus_allowed_list:") }
            .flatMap { NumberList($0.dropFirst("Cpus_allowed_list:".count).trimmed) }
        let usable: Set<Int>
        switch (online?.numbers, allowed?.numbers) {
        case (let online?, let allowed?): usable = online.intersection(allowed)
        case (let only?, nil), (nil, let only?): usable = only
        case (nil, nil): usable = []
        }
        guard !usable.isEmpty else {
            return note("no CPU was found: /proc and /sys do not tell which this process may use")
        }
        let whole = UInt64(usable.count) * 1_000
        let quota = limits.milliCPU ?? whole
        if quota < whole { note("a control group leaves \(quota)m of \(usable.count) CPUs") }
        let model = files.lines("/proc/cpuinfo").first { $0.hasPrefix("model name") }
        add(
            DetectedResource(
                "cpu",
                of: node,
                kind: "cpu",
                capacity: min(whole, quota),
                available: min(whole, quota),
                labels: [
                    "model": model?.split(separator: ":").last.map { String($0.trimmed) } ?? ""
                ]
            )
        )
    }

    /// The host's memory, or the tightest limit on it.
    fileprivate mutating func addMemory(_ files: HostFiles, _ limits: CgroupLimits) {
        guard let total = files.kibibytes("MemTotal:"), total > 0 else {
            return note("no memory was found: /proc/meminfo does not tell how much there is")
        }
        var free = files.kibibytes("MemAvailable:")
        if free == nil {
            free = files.kibibytes("MemFree:")
            note("/proc/meminfo does not tell how much memory is available; its free part counts")
        }
        var (capacity, available) = (total, free ?? 0)
        if let limit = limits.memory, limit.limit < total {
            note("a control group leaves \(limit.limit) of \(total) bytes of memory")
            capacity = limit.limit
            available = min(available, limit.available)
        }
        guard capacity > 0 else { return note("a control group leaves no memory") }
        add(
            DetectedResource(
                "memory",
                of: node,
                kind: "memory",
                capacity: capacity,
                available: available
            )
        )
    }

    /// The file system that holds `directory`, or would hold it.
    fileprivate mutating func addDisk(_ directory: String, _ mounts: [Mount]) {
        guard let path = existingPath(directory) else {
            return note("no disk was found: nothing on the way to \(directory.printable) exists")
        }
        var facts = statvfs()
        // SAFETY: the kernel fills the structure.
        guard unsafe statvfs(path, &facts) == 0 else {
            return note("no disk was found: the file system of \(path.printable) does not answer")
        }
        let unit = UInt64(facts.f_frsize)
        let capacity = UInt64(facts.f_blocks).multipliedReportingOverflow(by: unit)
        let available = UInt64(facts.f_bavail).multipliedReportingOverflow(by: unit)
        guard !capacity.overflow, !available.overflow, capacity.partialValue > 0 else {
            return note("no disk was found: the file system of \(path.printable) states no size")
        }
        let mount = Mount.holding(path, in: mounts)
        add(
            DetectedResource(
                "disk",
                of: node,
                kind: "disk",
                capacity: capacity.partialValue,
                available: available.partialValue,
                labels: ["filesystem": mount?.type ?? "", "mount": mount?.point ?? ""]
            )
        )
    }

    /// The interfaces whose speed is known, loopback and idle virtual ones apart.
    fileprivate mutating func addNetwork(_ files: HostFiles) {
        for interface in files.names(in: "/sys/class/net") where interface != "lo" {
            let directory = "/sys/class/net/" + interface
            let isVirtual = files.linkTarget(directory)?.contains("/virtual/") ?? false
            let state = files.word(directory + "/operstate") ?? "unknown"
            if isVirtual && state == "down" { continue }
            let megabits = files.number(directory + "/speed") ?? 0
            let speed = megabits.multipliedReportingOverflow(by: 1_000_000)
            // The kernel writes 2^32 - 1 for a speed that it does not know.
            guard megabits > 0, megabits < UInt64(UInt32.max), !speed.overflow else {
                note("the speed of \(interface.printable) is not known; declare it to allocate it")
                continue
            }
            guard let part = HostNames.part(interface), !Self.reserved.contains(part) else {
                note("the interface \(interface.printable) has a name that no resource can have")
                continue
            }
            add(
                DetectedResource(
                    part,
                    of: node,
                    kind: "network",
                    capacity: speed.partialValue,
                    available: speed.partialValue,
                    labels: [
                        "mac": files.word(directory + "/address") ?? "",
                        "numa": files.number(directory + "/device/numa_node").map { "\($0)" } ?? "",
                        "state": state,
                        "virtual": isVirtual ? "true" : "",
                    ]
                )
            )
        }
    }

    /// Names on a node that are taken by other kinds.
    private static let reserved: Set<String> = ["cpu", "memory", "disk"]

    /// The nearest directory at or above `path` that exists, without links in it.
    private func existingPath(_ path: String) -> String? {
        var path = path.isEmpty ? "." : path
        while true {
            // SAFETY: the kernel's library allocates the text, which is freed after the copy.
            if let resolved = unsafe realpath(path, nil) {
                defer { unsafe free(resolved) }
                return unsafe String(cString: resolved)
            }
            guard let slash = path.lastIndex(of: "/") else {
                if path == "." { return nil }
                path = "."
                continue
            }
            if path == "/" { return nil }
            path = slash == path.startIndex ? "/" : String(path[..<slash])
        }
    }
}

extension HostFiles {
    /// A line of /proc/meminfo, in bytes.
    fileprivate func kibibytes(_ name: String) -> UInt64? {
        guard let count = field(name, of: "/proc/meminfo") else { return nil }
        let bytes = count.multipliedReportingOverflow(by: 1_024)
        return bytes.overflow ? nil : bytes.partialValue
    }
}

extension String {
    /// For a sentence: control characters become question marks, and the length is bounded.
    fileprivate var printable: String {
        String(
            unicodeScalars.prefix(128).map {
                $0.value < 32 || $0.value == 127 ? "?" : Character($0)
            }
        )
    }
}
