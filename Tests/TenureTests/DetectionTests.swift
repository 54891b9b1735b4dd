// Host detection on fake trees: what is there, what limits it, and what is not what it should be.

import Foundation
import Tenure
import Testing

@Suite("Host detection")
struct DetectionTests {
    private static let gibibyte = UInt64(1) << 30

    @Test
    func `a plain host has its CPUs, its memory and the disk of the ledger`() throws {
        let tree = try DetectionTree()
        let host = tree.detect()
        #expect(host.node == "box")
        #expect(host.resources.map(\.name) == ["box/cpu", "box/memory", "box/disk"])
        let cpu = try #require(host.resource("cpu"))
        #expect(cpu.kind == "cpu" && cpu.capacity == 4_000 && cpu.available == 4_000)
        #expect(cpu.label("model") == "Some-CPU-3.00GHz-Inc.")
        let memory = try #require(host.resource("memory"))
        #expect(memory.capacity == 8 * Self.gibibyte && memory.available == 4 * Self.gibibyte)
        let disk = try #require(host.resource("disk"))
        #expect(disk.capacity > 0 && disk.available <= disk.capacity)
        #expect(disk.label("filesystem") == "ext4" && disk.label("mount") == "/")
        #expect(host.notes == [])
    }

    @Test(arguments: [
        ("0-3", "0-63", 4_000), ("0-3", "1", 1_000), ("0-3", "2-9", 2_000),
        ("0,2-3,7", "0-7", 4_000), ("0-1,4-5", "1-4", 2_000), ("rubbish", "0-1", 2_000),
        ("0-3", "9-2", 4_000), ("0-99999999999", "0", 1_000), ("", "0-1", 2_000),
    ])
    func `CPUs are those that are online and allowed`(
        online: String,
        allowed: String,
        expected: UInt64
    ) throws {
        let tree = try DetectionTree()
        try tree.write("/sys/devices/system/cpu/online", online)
        try tree.write("/proc/self/status", "Cpus_allowed_list:\t\(allowed)\n")
        #expect(tree.detect().resource("cpu")?.capacity == expected)
    }

    @Test(arguments: [
        ("max 100000", 4_000), ("150000 100000", 1_500), ("50000 100000", 500),
        ("900000 100000", 4_000), ("1 1000000", 1), ("100000 0", 4_000), ("x y", 4_000),
        ("18446744073709551615 1", 4_000), ("-1 100000", 4_000), ("", 4_000), ("100000", 4_000),
    ])
    func `version 2: a quota limits the CPUs, and nonsense limits nothing`(
        text: String,
        expected: UInt64
    ) throws {
        let tree = try DetectionTree()
        try tree.unified("/a", ["/a/cpu.max": text + "\n"])
        let host = tree.detect()
        #expect(host.resource("cpu")?.capacity == expected)
        #expect(host.notes.isEmpty == (expected == 4_000))
    }

    @Test(arguments: [
        ("-1", "100000", 4_000), ("250000", "100000", 2_500), ("10", "0", 4_000),
        ("", "100000", 4_000),
    ])
    func `version 1: a quota limits the CPUs`(
        quota: String,
        period: String,
        expected: UInt64
    ) throws {
        let tree = try DetectionTree()
        try tree.legacy(
            "/a",
            [
                "/cpu,cpuacct/a/cpu.cfs_quota_us": quota,
                "/cpu,cpuacct/a/cpu.cfs_period_us": period,
            ]
        )
        #expect(tree.detect().resource("cpu")?.capacity == expected)
    }

    @Test
    func `the tightest limit of all parents counts, for CPUs and memory`() throws {
        let tree = try DetectionTree()
        try tree.unified(
            "/a/b/c",
            [
                "/a/cpu.max": "100000 100000", "/a/b/cpu.max": "300000 100000",
                "/a/b/c/cpu.max": "max 100000", "/a/memory.max": "3221225472",
                "/a/memory.current": "3221225472",
                "/a/memory.stat": "anon 1\ninactive_file 1073741824\n",
                "/a/b/memory.max": "2147483648", "/a/b/memory.current": "0",
                "/a/b/c/memory.max": "max",
            ]
        )
        let host = tree.detect()
        #expect(host.resource("cpu")?.capacity == 1_000)
        #expect(host.resource("memory")?.capacity == 2 * Self.gibibyte)
        #expect(host.resource("memory")?.available == Self.gibibyte)
        #expect(host.notes.count == 2)
    }

    @Test
    func `version 1: memory has the limits of all parents, and no limit is a huge number`() throws {
        let tree = try DetectionTree()
        try tree.legacy(
            "/a/b",
            [
                "/memory/memory.limit_in_bytes": "9223372036854771712",
                "/memory/a/memory.limit_in_bytes": "1073741824",
                "/memory/a/memory.usage_in_bytes": "805306368",
                "/memory/a/memory.stat": "inactive_file 1\ntotal_inactive_file 268435456\n",
                "/memory/a/b/memory.limit_in_bytes": "9223372036854771712",
            ]
        )
        let memory = try #require(tree.detect().resource("memory"))
        #expect(memory.capacity == Self.gibibyte)
        #expect(memory.available == Self.gibibyte / 2)
    }

    @Test(arguments: [
        ("/docker/abc", "/docker/abc", ""), ("/../../x", "/", ""), ("/gone/away", "/", ""),
        ("/a", "/elsewhere", ""), ("/docker/abc/d", "/docker/abc", "/d"),
    ])
    func `a mount that shows another part of the hierarchy has its limits at its root`(
        group: String,
        mountRoot: String,
        place: String
    ) throws {
        let tree = try DetectionTree()
        try tree.unified(
            group,
            mountRoot: mountRoot,
            [place + "/cpu.max": "200000 100000", place + "/memory.max": "1073741824"]
        )
        let host = tree.detect()
        #expect(host.resource("cpu")?.capacity == 2_000)
        #expect(host.resource("memory")?.capacity == Self.gibibyte)
    }

    @Test
    func `interfaces with a speed are resources, the others are told or left out`() throws {
        let tree = try DetectionTree()
        try tree.interface("lo", virtual: true, ["operstate": "unknown"])
        try tree.interface(
            "eth0",
            ["operstate": "up", "speed": "25000", "address": "00:11:22:33:44:55"]
        )
        try tree.interface("eth1", ["operstate": "down", "speed": "-1"])
        try tree.interface("eth2", ["operstate": "up", "speed": "4294967295"])
        try tree.interface("eth3", ["operstate": "up", "speed": "18446744073709551615"])
        try tree.interface("wlan0", ["operstate": "up"])
        try tree.interface("ifb0", virtual: true, ["operstate": "down", "speed": "10000"])
        try tree.interface("bond0", virtual: true, ["operstate": "up", "speed": "50000"])
        try tree.interface("cpu", ["operstate": "up", "speed": "10"])
        let host = tree.detect()
        let network = host.resources.filter { $0.kind == "network" }
        #expect(network.map(\.name) == ["box/bond0", "box/eth0"])
        #expect(network.map(\.capacity) == [50_000_000_000, 25_000_000_000])
        #expect(network[1].label("mac") == "00:11:22:33:44:55")
        #expect(network.map { $0.label("virtual") } == ["true", nil])
        for name in ["eth1", "eth2", "eth3", "wlan0", "interface cpu"] {
            #expect(host.notes.contains { $0.contains(name + " ") }, "\(name)")
        }
        #expect(!host.notes.contains { $0.contains("ifb0") || $0.contains(" lo ") })
    }

    @Test(arguments: [
        ("box", "box"), ("My.Host-1", "My.Host-1"), ("-a b_c-", "a-b_c"), ("höst", "h-st"),
        ("...x", "x"), ("", "localhost"), ("日本", "localhost"), ("a/b:c", "a-b:c"),
        (String(repeating: "x", count: 300), String(repeating: "x", count: 80)),
    ])
    func `every name is one that the ledger accepts`(hostname: String, node: String) throws {
        let tree = try DetectionTree()
        try tree.write("/proc/sys/kernel/hostname", hostname + "\n")
        try tree.interface(String(repeating: "y", count: 200), ["speed": "10"])
        var device = GPUDevice()
        device.model = "A, B=C"
        device.uuid = "GPU-1"
        let host = tree.detect(GPUDriver { [device] in ([device], nil) })
        #expect(host.node == node)
        #expect(host.notes.contains { $0.contains("host's name") } == (node != hostname))
        #expect(host.resources.count == 5)
        for resource in host.resources {
            #expect(try /[A-Za-z0-9][A-Za-z0-9._:\/-]{0,127}/.wholeMatch(in: resource.name) != nil)
            #expect(resource.name.hasPrefix(node + "/") && resource.node == node)
            #expect(resource.labels.map(\.key) == resource.labels.map(\.key).sorted())
            for label in resource.labels {
                #expect(try /[A-Za-z0-9._:\/-]{1,128}/.wholeMatch(in: label.value) != nil)
            }
        }
    }

    @Test
    func `a host that tells nothing has a disk and notes`() throws {
        let tree = try DetectionTree()
        try tree.remove("/proc")
        try tree.remove("/sys")
        let host = tree.detect()
        #expect(host.resources.map(\.kind) == ["disk"])
        #expect(host.notes.count == 3)
    }

    @Test
    func `files full of rubbish never stop the process`() throws {
        let paths = [
            "/proc/self/status", "/proc/self/cgroup", "/proc/self/mountinfo", "/proc/meminfo",
            "/proc/cpuinfo", "/proc/sys/kernel/hostname", "/sys/devices/system/cpu/online",
            "/sys/fs/cgroup/a/cpu.max", "/sys/fs/cgroup/a/memory.max",
            "/sys/fs/cgroup/a/memory.stat",
        ]
        let rubbish: [Data] = [
            Data(), Data([0]), Data([0xff, 0xfe, 0, 10, 13, 0x80]), Data(" - - - - - - - -\n".utf8),
            Data("1 2 3 4 5 - 7\n:::\n::\n0::x\n0::/../..\n".utf8),
            Data("MemTotal: 99999999999999999999 kB\nMemTotal:\nCpus_allowed_list:\n".utf8),
            Data("MemTotal: 18446744073709551615 kB\n,,-,1-,-1,2-1\nmodel name\n".utf8),
            Data("a \\0 \\400 /\\ /\\04 /\\040 - - -\n".utf8),
            Data(repeating: 0x2d, count: 1 << 20),
            Data(repeating: 0x0a, count: 100_000),
        ]
        for path in paths {
            for bytes in rubbish {
                let tree = try DetectionTree()
                try tree.unified("/a", ["/a/cpu.max": "200000 100000", "/a/memory.max": "4096"])
                try tree.write(path, bytes)
                let host = tree.detect()
                #expect(host.resource("disk") != nil)
                for resource in host.resources {
                    #expect(resource.capacity > 0 && resource.available <= resource.capacity)
                }
            }
        }
    }

    @Test
    func `a pipe and a directory in a file's place do not stop detection`() throws {
        let tree = try DetectionTree()
        try tree.remove("/proc/meminfo")
        #expect(unsafe mkfifo(tree.root + "/proc/meminfo", 0o600) == 0)
        try tree.remove("/proc/cpuinfo")
        try tree.write("/proc/cpuinfo/inner", "x")
        let host = tree.detect()
        #expect(host.resource("memory") == nil)
        #expect(host.resource("cpu")?.capacity == 4_000)
    }

    @Test
    func `this host has CPUs, memory and a disk`() {
        let host = HostDetection.detect(dataDirectory: ".")
        #expect(Set(host.resources.map(\.kind)).isSuperset(of: ["cpu", "memory", "disk"]))
    }
}
