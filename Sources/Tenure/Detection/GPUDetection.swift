// GPUs: one resource of 1,000 milli-GPU for each device that a driver lists.
//
// Only NVIDIA's driver is asked (NVML.swift). Devices of others are told in a note, because nothing
// says how much of them can be shared out; they can be declared by hand.

/// One device as a driver describes it.
package struct GPUDevice: Sendable, Equatable {
    /// The product, such as "NVIDIA H200".
    package var model = ""
    /// What names this very device for ever.
    package var uuid = ""
    /// Its memory in bytes; nil when the driver does not say.
    package var memory: UInt64?
    /// The number in its device file's name.
    package var minor: UInt32?
    /// Where it is on the PCI bus, as /sys writes it.
    package var busID: String?
    /// Whether it is split into instances.
    package var isSplit = false

    /// A device of which nothing is known but what is set afterwards.
    package init() {}
}

/// Asks a driver for its devices.
///
/// Tests bring one of their own.
package struct GPUDriver: Sendable {
    /// The devices in the driver's order, nil for those that do not answer, and what went wrong.
    package let devices: @Sendable () -> (devices: [GPUDevice?], note: String?)

    /// A driver that answers as `devices` does.
    package init(_ devices: @escaping @Sendable () -> (devices: [GPUDevice?], note: String?)) {
        self.devices = devices
    }

    /// No driver: nothing is asked.
    package static let absent = GPUDriver { ([], nil) }
}

extension HostInventory {
    /// The devices that `driver` lists, and notes on those that it does not.
    mutating func addGPUs(_ files: HostFiles, _ driver: GPUDriver) {
        let (devices, trouble) = driver.devices()
        if let trouble { note(trouble) }
        if devices.isEmpty && trouble == nil && files.exists("/proc/driver/nvidia/version") {
            note("the NVIDIA driver is loaded, but no device was found through libnvidia-ml.so.1")
        }
        for (index, device) in devices.enumerated() {
            guard let device else {
                note("gpu\(index) does not answer and is left out")
                continue
            }
            if device.isSplit {
                note("gpu\(index) is split into instances (MIG); it is counted as one device")
            }
            add(resource(device, index, files))
        }
        noteOthers(files)
    }

    private func resource(
        _ device: GPUDevice,
        _ index: Int,
        _ files: HostFiles
    ) -> DetectedResource {
        let numa = device.busID.flatMap {
            files.number("/sys/bus/pci/devices/" + $0 + "/numa_node")
        }
        return DetectedResource(
            "gpu\(index)",
            of: node,
            kind: "gpu",
            capacity: 1_000,
            available: 1_000,
            labels: [
                "memory": device.memory.map { "\($0)" } ?? "",
                "minor": device.minor.map { "\($0)" } ?? "",
                "model": device.model,
                "numa": numa.map { "\($0)" } ?? "",
                "pci": device.busID ?? "",
                "uuid": device.uuid,
                "vendor": "nvidia",
            ]
        )
    }

    /// The vendors of the PCI register that make GPUs, NVIDIA apart.
    private static let otherVendors = ["0x1002": "AMD", "0x8086": "Intel"]

    private mutating func noteOthers(_ files: HostFiles) {
        for card in files.names(in: "/sys/class/drm")
        where card.hasPrefix("card") && UInt16(card.dropFirst(4)) != nil {
            let vendor = files.word("/sys/class/drm/" + card + "/device/vendor") ?? ""
            guard let name = Self.otherVendors[vendor] else { continue }
            note("\(card) is a GPU of \(name), which is not detected; declare it to allocate it")
        }
    }
}
