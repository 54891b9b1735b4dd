// GPUs: what becomes of a driver's answers, and the real library's calls against a stand-in.

import Foundation
import Tenure
import Testing

@Suite("GPU detection")
struct DetectionGPUTests {
    @Test
    func `each device is one resource with its labels`() throws {
        let tree = try DetectionTree()
        try tree.write("/sys/bus/pci/devices/0000:65:00.0/numa_node", "1\n")
        try tree.write("/sys/bus/pci/devices/0000:66:00.0/numa_node", "-1\n")
        var first = GPUDevice()
        first.model = "NVIDIA H200"
        first.uuid = "GPU-5a"
        first.memory = 150_754_820_096
        first.minor = 3
        first.busID = "0000:65:00.0"
        var second = GPUDevice()
        second.model = "NVIDIA H200"
        second.uuid = "GPU-5b"
        second.busID = "0000:66:00.0"
        second.isSplit = true
        let host = tree.detect(GPUDriver { [first, second] in ([first, nil, second], nil) })
        let gpus = host.resources.filter { $0.kind == "gpu" }
        #expect(gpus.map(\.name) == ["box/gpu0", "box/gpu2"])
        #expect(gpus.allSatisfy { $0.capacity == 1_000 && $0.available == 1_000 })
        #expect(
            gpus[0].labels.map { "\($0.key)=\($0.value)" } == [
                "memory=150754820096", "minor=3", "model=NVIDIA-H200", "numa=1",
                "pci=0000:65:00.0", "uuid=GPU-5a", "vendor=nvidia",
            ]
        )
        #expect(gpus[1].label("numa") == nil && gpus[1].label("memory") == nil)
        #expect(host.notes.contains { $0.contains("gpu1 does not answer") })
        #expect(host.notes.contains { $0.contains("gpu2 is split") })
    }

    @Test
    func `a driver in trouble and GPUs of others are told`() throws {
        let tree = try DetectionTree()
        try tree.write("/sys/class/drm/card0/device/vendor", "0x1002\n")
        try tree.write("/sys/class/drm/card0-DP-1/status", "connected\n")
        try tree.write("/sys/class/drm/card1/device/vendor", "0x10de\n")
        try tree.write("/sys/class/drm/renderD128/device/vendor", "0x1002\n")
        let host = tree.detect(GPUDriver { ([], "the driver is in trouble") })
        #expect(host.notes.count == 2)
        #expect(host.notes.contains("the driver is in trouble"))
        #expect(host.notes.contains { $0.contains("card0") && $0.contains("AMD") })
    }

    @Test
    func `a driver without its library is told`() throws {
        let tree = try DetectionTree()
        try tree.write("/proc/driver/nvidia/version", "NVRM version: x\n")
        #expect(tree.detect().notes.contains { $0.contains("libnvidia-ml.so.1") })
    }

    @Test
    func `a machine without the library has no devices and no note`() {
        let (devices, note) = GPUDriver.nvml(library: "libtenure-no-such.so").devices()
        #expect(devices.isEmpty && note == nil)
    }

    @Test
    func `a library that is not NVML is told`() {
        let (devices, note) = GPUDriver.nvml(library: "libc.so.6").devices()
        #expect(devices.isEmpty && note?.contains("lacks the functions") == true)
    }

    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/cc")))
    func `the library's answers are read as nvml.h lays them out`() throws {
        let (devices, note) = try standIn("").devices()
        #expect(note == nil)
        var expected = GPUDevice()
        expected.model = "NVIDIA Stand-in"
        expected.uuid = "GPU-0123"
        expected.memory = 85_899_345_920
        expected.minor = 4
        expected.busID = "0000:ca:00.0"
        expected.isSplit = true
        #expect(devices == [expected, nil])
    }

    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/cc")))
    func `a driver that does not start or count is told`() throws {
        let stopped = try standIn("-DINIT=9").devices()
        #expect(stopped.devices.isEmpty && stopped.note?.contains("NVML error 9") == true)
        let countless = try standIn("-DCOUNT=4000000").devices()
        #expect(countless.devices.isEmpty && countless.note?.contains("count") == true)
    }

    /// Compiles the stand-in with a definition more; it lists a device, and one that is lost.
    private func standIn(_ definition: String) throws -> GPUDriver {
        let tree = try DetectionTree()
        try tree.write("/nvml.c", Self.source)
        let compiler = Process()
        compiler.executableURL = URL(fileURLWithPath: "/usr/bin/cc")
        let library = tree.root + "/nvml.so"
        compiler.arguments =
            ["-shared", "-fPIC", "-o", library, tree.root + "/nvml.c"]
            + (definition.isEmpty ? [] : [definition])
        try compiler.run()
        compiler.waitUntilExit()
        try #require(compiler.terminationStatus == 0)
        return GPUDriver { [tree] in
            withExtendedLifetime(tree) { GPUDriver.nvml(library: library).devices() }
        }
    }

    private static let source = """
        #include <string.h>
        #ifndef INIT
        #define INIT 0
        #endif
        #ifndef COUNT
        #define COUNT 2
        #endif
        typedef struct { char legacy[16]; unsigned domain, bus, device, id, sub; char bus_id[32]; } pci;
        typedef struct { unsigned long long total, free, used; } memory;
        static int device;
        int nvmlInit_v2(void) { return INIT; }
        int nvmlShutdown(void) { return 0; }
        int nvmlDeviceGetCount_v2(unsigned *n) { *n = COUNT; return 0; }
        int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **d) { *d = &device; return i ? 15 : 0; }
        int nvmlDeviceGetName(void *d, char *s, unsigned n) { strncpy(s, "NVIDIA Stand-in", n); return 0; }
        int nvmlDeviceGetUUID(void *d, char *s, unsigned n) { strncpy(s, "GPU-0123", n); return 0; }
        int nvmlDeviceGetMinorNumber(void *d, unsigned *n) { *n = 4; return 0; }
        int nvmlDeviceGetMemoryInfo(void *d, memory *m) { m->total = 85899345920ULL; m->free = 1; m->used = 2; return 0; }
        int nvmlDeviceGetPciInfo_v3(void *d, pci *p) { memset(p, 0, sizeof *p); strcpy(p->legacy, "0000:CA:00.0");
            strcpy(p->bus_id, "00000000:CA:00.0"); return 0; }
        int nvmlDeviceGetMigMode(void *d, unsigned *now, unsigned *later) { *now = 1; *later = 1; return 0; }
        """
}
