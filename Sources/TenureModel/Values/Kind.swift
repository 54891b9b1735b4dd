// What is counted, and in which unit.

/// What is counted: `cpu`, `memory`, `disk`, `network`, `gpu`, or a custom name.
public struct Kind: Hashable, Comparable, Sendable {
    /// The name as users write it.
    public let name: String

    /// The kind of this name, when it is one: like other names, without `/` and `:`.
    public init?(_ name: String) {
        guard Names.isValid(name), !name.utf8.contains(where: { $0 == 0x2f || $0 == 0x3a }) else {
            return nil
        }
        self.name = name
    }

    private init(known name: String) {
        self.name = name
    }

    /// Processor time, in thousandths of a CPU.
    public static let cpu = Kind(known: "cpu")
    /// Main memory, in bytes.
    public static let memory = Kind(known: "memory")
    /// Disk space, in bytes.
    public static let disk = Kind(known: "disk")
    /// Network bandwidth, in bits per second.
    public static let network = Kind(known: "network")
    /// Graphics processors, in thousandths of a device.
    public static let gpu = Kind(known: "gpu")

    /// Whether an amount of it is a thing of its own, such as a device or a licence.
    ///
    /// What a lost holder may still be using must not be granted anew at once. The others are
    /// shares of what a host divides among all its processes.
    package var isExclusive: Bool {
        switch self {
        case .cpu, .memory, .disk, .network: false
        default: true
        }
    }

    /// The unit in which amounts of this kind are counted.
    public var baseUnit: BaseUnit {
        switch name {
        case "cpu", "gpu": .milli
        case "memory", "disk": .bytes
        case "network": .bitsPerSecond
        default: .units
        }
    }

    /// Orders by name.
    public static func < (left: Kind, right: Kind) -> Bool { left.name < right.name }
}

/// The smallest amount of a kind that can be told apart.
public enum BaseUnit: String, Sendable {
    /// A thousandth of one.
    case milli = "milli"
    /// A byte.
    case bytes = "bytes"
    /// A bit per second.
    case bitsPerSecond = "bits/s"
    /// A whole one.
    case units = "units"
}

/// Which names are names.
public enum Names {
    /// The longest name, in bytes.
    public static let bytesMax = 128

    /// Whether `name` is `[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}`.
    public static func isValid(_ name: String) -> Bool {
        let bytes = name.utf8
        guard let first = bytes.first, bytes.count <= bytesMax, isAlphanumeric(first) else {
            return false
        }
        return bytes.allSatisfy { isAlphanumeric($0) || isPunctuation($0) }
    }

    /// Whether `tenant` is a path of names: no empty part, no part that is `.` or `..`.
    public static func isValidTenant(_ tenant: String) -> Bool {
        guard isValid(tenant) else { return false }
        var levels = 1
        var isFirst = true
        for byte in tenant.utf8 {
            if isFirst, !isAlphanumeric(byte) { return false }
            isFirst = byte == UInt8(ascii: "/")
            if isFirst { levels += 1 }
        }
        return !isFirst && levels <= Limits.tenantLevels
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
    }

    private static func isPunctuation(_ byte: UInt8) -> Bool {
        byte == 0x2e || byte == 0x5f || byte == 0x3a || byte == 0x2f || byte == 0x2d
    }
}
