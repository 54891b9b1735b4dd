// A /proc and a /sys of a test's own, in a directory that goes with it.

import Foundation
import Tenure

/// A fake root file system.
final class DetectionTree: Sendable {
    let root: String

    /// A host with four CPUs and 8 GiB, without control groups, network and GPUs.
    init() throws {
        root =
            FileManager.default.temporaryDirectory
            .appendingPathComponent("tenure-host-\(UUID().uuidString)").path
        try write("/proc/sys/kernel/hostname", "box\n")
        try write(
            "/proc/self/status",
            "Name:\tx\nCpus_allowed_list:\t0-63\nMems_allowed_list:\t0\n"
        )
        try write("/sys/devices/system/cpu/online", "0-3\n")
        try write("/proc/cpuinfo", "processor\t: 0\nmodel name\t: Some CPU @ 3.00GHz, Inc.\n")
        try write(
            "/proc/meminfo",
            "MemTotal:        8388608 kB\nMemFree:   1 kB\nMemAvailable:    4194304 kB\n"
        )
        try write("/proc/self/mountinfo", "22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n")
        try write("/proc/self/cgroup", "")
    }

    deinit {
        try? FileManager.default.removeItem(atPath: root)
    }

    /// Puts `text` at `path`, directories included.
    func write(_ path: String, _ text: String) throws {
        try write(path, Data(text.utf8))
    }

    func write(_ path: String, _ bytes: Data) throws {
        let file = URL(fileURLWithPath: root + path)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(),
            withIntermediateDirectories: true
        )
        try bytes.write(to: file)
    }

    func remove(_ path: String) throws {
        try FileManager.default.removeItem(atPath: root + path)
    }

    /// A control group hierarchy of version 2, this process's group, and files in its directories.
    func unified(_ group: String, mountRoot: String = "/", _ files: [String: String]) throws {
        try write("/proc/self/cgroup", "0::\(group)\n")
        try write(
            "/proc/self/mountinfo",
            "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
                + "30 22 0:26 \(mountRoot) /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n"
        )
        for (path, text) in files { try write("/sys/fs/cgroup" + path, text) }
    }

    /// Hierarchies of version 1 for CPU and memory.
    func legacy(_ group: String, _ files: [String: String]) throws {
        try write(
            "/proc/self/cgroup",
            "4:memory:\(group)\n2:cpu,cpuacct:\(group)\n1:name=systemd:/\n"
        )
        try write(
            "/proc/self/mountinfo",
            """
            22 1 8:1 / / rw - ext4 /dev/sda1 rw
            31 22 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
            32 22 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory

            """
        )
        for (path, text) in files { try write("/sys/fs/cgroup" + path, text) }
    }

    /// An interface; `virtual` makes it a link into the virtual devices, as the kernel does.
    func interface(_ name: String, virtual: Bool = false, _ files: [String: String]) throws {
        let place = virtual ? "/sys/devices/virtual/net/" : "/sys/devices/pci0000:00/net/"
        try write(place + name + "/mtu", "1500\n")
        for (file, text) in files { try write(place + name + "/" + file, text) }
        try FileManager.default.createDirectory(
            atPath: root + "/sys/class/net",
            withIntermediateDirectories: true
        )
        try FileManager.default.createSymbolicLink(
            atPath: root + "/sys/class/net/" + name,
            withDestinationPath: "../.." + place.dropFirst("/sys".count) + name
        )
    }

    func detect(_ driver: GPUDriver = .absent) -> HostInventory {
        HostDetection.detect(dataDirectory: root + "/not/yet/there", root: root, driver: driver)
    }
}

extension HostInventory {
    func resource(_ suffix: String) -> DetectedResource? {
        resources.first { $0.name == node + "/" + suffix }
    }
}

extension DetectedResource {
    func label(_ key: String) -> String? {
        labels.first { $0.key == key }?.value
    }
}
