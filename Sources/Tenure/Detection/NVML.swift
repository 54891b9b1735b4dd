// NVIDIA's management library, found at run time: no build and no start depends on it.
//
// Only queries are made; no setting of a device is touched. The functions are those that nvml.h has
// kept since driver 450. A function that is missing, or refuses, costs a label and not the device.

internal import Glibc

extension GPUDriver {
    /// Asks NVML, when the machine has it.
    package static let nvidia = nvml(library: "libnvidia-ml.so.1")

    /// Asks the library of this name; a machine without it has no devices, and that is no fault.
    package static func nvml(library: String) -> GPUDriver {
        GPUDriver {
            guard let library = NVML(library) else { return ([], nil) }
            return library.list()
        }
    }
}

/// The library, loaded.
///
/// It stays loaded: unloading a driver's library gains nothing.
@safe
private struct NVML {
    private typealias Device = OpaquePointer
    private typealias Plain = @convention(c) () -> Int32
    private typealias Number = @convention(c) (UnsafeMutablePointer<UInt32>) -> Int32
    private typealias Handle =
        @convention(c) (UInt32, UnsafeMutablePointer<Device?>) -> Int32
    private typealias Text =
        @convention(c) (Device, UnsafeMutablePointer<CChar>, UInt32) -> Int32
    private typealias DeviceNumber = @convention(c) (Device, UnsafeMutablePointer<UInt32>) -> Int32
    private typealias DeviceNumbers =
        @convention(c) (Device, UnsafeMutablePointer<UInt32>, UnsafeMutablePointer<UInt32>) -> Int32
    private typealias Structure = @convention(c) (Device, UnsafeMutableRawPointer) -> Int32

    private let library: UnsafeMutableRawPointer

    /// The largest count that is believed.
    private static let largestCount: UInt32 = 1_024

    init?(_ name: String) {
        // SAFETY: the name is copied; the library's own initialisers are the driver's to answer
        // for.
        guard let opened = unsafe dlopen(name, RTLD_NOW | RTLD_LOCAL) else { return nil }
        unsafe library = opened
    }

    /// Every device, between the library's start and end.
    func list() -> (devices: [GPUDevice?], note: String?) {
        // SAFETY: here and below, each symbol is called with the signature that nvml.h gives it.
        guard let start = symbol("nvmlInit_v2", Plain.self),
            let count = unsafe symbol("nvmlDeviceGetCount_v2", Number.self),
            let handle = unsafe symbol("nvmlDeviceGetHandleByIndex_v2", Handle.self)
        else { return ([], "libnvidia-ml.so.1 lacks the functions that are needed to find GPUs") }
        let code = start()
        guard code == 0 else { return ([], "the NVIDIA driver did not start: NVML error \(code)") }
        defer { _ = symbol("nvmlShutdown", Plain.self)?() }
        var total: UInt32 = 0
        let counted = unsafe count(&total)
        guard counted == 0, total <= Self.largestCount else {
            return ([], "the NVIDIA driver does not count its devices: NVML error \(counted)")
        }
        let devices = (0..<total).map { index -> GPUDevice? in
            var device: Device?
            guard unsafe handle(index, &device) == 0, let device = unsafe device else { return nil }
            return unsafe describe(device)
        }
        return (devices, nil)
    }

    private func describe(_ device: Device) -> GPUDevice {
        var facts = GPUDevice()
        facts.model = unsafe text("nvmlDeviceGetName", device) ?? ""
        facts.uuid = unsafe text("nvmlDeviceGetUUID", device) ?? ""
        facts.minor = unsafe number("nvmlDeviceGetMinorNumber", device)
        facts.memory = unsafe memory(device)
        facts.busID = unsafe busID(device)
        facts.isSplit = unsafe isSplit(device)
        return facts
    }

    private func text(_ name: String, _ device: Device) -> String? {
        guard let function = unsafe symbol(name, Text.self) else { return nil }
        var bytes = [UInt8](repeating: 0, count: 128)
        // SAFETY: the library writes at most as many bytes as it is told.
        let code = unsafe bytes.withUnsafeMutableBytes { buffer -> Int32 in
            guard let start = unsafe buffer.bindMemory(to: CChar.self).baseAddress else {
                return -1
            }
            return unsafe function(device, start, UInt32(buffer.count))
        }
        return code == 0 ? String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self) : nil
    }

    private func number(_ name: String, _ device: Device) -> UInt32? {
        guard let function = unsafe symbol(name, DeviceNumber.self) else { return nil }
        var number: UInt32 = 0
        return unsafe function(device, &number) == 0 ? number : nil
    }

    /// `nvmlMemory_t`: total, free and used, in bytes.
    private func memory(_ device: Device) -> UInt64? {
        guard let function = unsafe symbol("nvmlDeviceGetMemoryInfo", Structure.self) else {
            return nil
        }
        var sizes: [UInt64] = [0, 0, 0]
        // SAFETY: the structure is three 64-bit integers.
        let code = unsafe sizes.withUnsafeMutableBytes { buffer -> Int32 in
            guard let start = buffer.baseAddress else { return -1 }
            return unsafe function(device, start)
        }
        return code == 0 ? sizes[0] : nil
    }

    /// `nvmlPciInfo_t`: 16 bytes of an older form, five 32-bit integers, 32 bytes of text.
    private func busID(_ device: Device) -> String? {
        guard let function = unsafe symbol("nvmlDeviceGetPciInfo_v3", Structure.self) else {
            return nil
        }
        // Longer than the structure, in case a later driver knows a longer one.
        var bytes = [UInt8](repeating: 0, count: 256)
        // SAFETY: the structure fits.
        let code = unsafe bytes.withUnsafeMutableBytes { buffer -> Int32 in
            guard let start = buffer.baseAddress else { return -1 }
            return unsafe function(device, start)
        }
        guard code == 0 else { return nil }
        let text = String(decoding: bytes[36..<68].prefix { $0 != 0 }, as: UTF8.self)
        // NVML writes eight digits of domain, /sys writes four.
        let parts = text.lowercased().split(separator: ":")
        let isPlain = text.utf8.allSatisfy { "0123456789abcdefABCDEF:.".utf8.contains($0) }
        guard parts.count == 3, isPlain else { return nil }
        return "\(parts[0].suffix(4)):\(parts[1]):\(parts[2])"
    }

    private func isSplit(_ device: Device) -> Bool {
        guard let function = unsafe symbol("nvmlDeviceGetMigMode", DeviceNumbers.self) else {
            return false
        }
        var now: UInt32 = 0
        var later: UInt32 = 0
        return unsafe function(device, &now, &later) == 0 && now == 1
    }

    private func symbol<Function>(_ name: String, _ type: Function.Type) -> Function? {
        // SAFETY: a function pointer has the size of a data pointer on Linux; the caller names the
        // signature that nvml.h gives.
        guard let found = unsafe dlsym(library, name) else { return nil }
        return unsafe unsafeBitCast(found, to: type)
    }
}
