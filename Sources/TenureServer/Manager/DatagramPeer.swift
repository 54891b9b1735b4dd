// Who listens at a datagram socket of this machine: a service manager, or its journal.

internal import Glibc

/// Sends to one address.
final class DatagramPeer: Sendable {
    private let descriptor: CInt
    private let address: SocketAddressBytes

    /// Who listens at an absolute path, or at an abstract name behind `@`; nothing for another
    /// address, or without a descriptor.
    init?(_ text: String) {
        guard let address = SocketAddressBytes(text) else { return nil }
        let kind = Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        descriptor = socket(AF_UNIX, kind, 0)
        guard descriptor >= 0 else { return nil }
        self.address = address
        var patience = timeval(tv_sec: Self.patienceSeconds, tv_usec: 0)
        // SAFETY: the kernel reads the structure of this frame during the call. The option is one
        // of every socket.
        _ = unsafe setsockopt(
            descriptor,
            SOL_SOCKET,
            SO_SNDTIMEO,
            &patience,
            socklen_t(MemoryLayout<timeval>.size)
        )
    }

    /// How long a peer with a full queue is waited for, by who waits.
    private static let patienceSeconds = 1

    deinit {
        close(descriptor)
    }

    /// Sends one datagram; the error number when it was not taken.
    ///
    /// Who `waits` does so up to a second while the peer's queue is full.
    func send(_ text: String, waits: Bool = false) -> Int32? {
        // SAFETY: text and address are read during the call, with their lengths.
        let sent = unsafe address.withPointer { address, length in
            unsafe sendto(
                descriptor,
                text,
                text.utf8.count,
                Int32(MSG_NOSIGNAL) | (waits ? 0 : Int32(MSG_DONTWAIT)),
                address,
                length
            )
        }
        return sent < 0 ? errno : nil
    }
}

/// The address of a Unix socket.
struct SocketAddressBytes: Sendable {
    private let address: sockaddr_un
    private let length: socklen_t

    /// An absolute path, or an abstract name behind `@`.
    init?(_ text: String) {
        var bytes = Array(text.utf8)
        guard let first = bytes.first, bytes.count > 1, !bytes.contains(0),
            bytes.count <= ServerLimits.socketPathBytes
        else { return nil }
        switch first {
        case UInt8(ascii: "@"): bytes[0] = 0
        case UInt8(ascii: "/"): bytes.append(0)
        default: return nil
        }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        // SAFETY: there are no more bytes than the field has: its last one is for the zero.
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { field in
            unsafe field.copyBytes(from: bytes)
        }
        self.address = address
        length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
    }

    func withPointer<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        // SAFETY: every socket address begins with the fields of `sockaddr`.
        unsafe withUnsafePointer(to: address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                unsafe body(pointer, length)
            }
        }
    }
}
