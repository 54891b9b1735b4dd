// Where a connection over TCP comes from, as far as wrong secrets are counted by it.

internal import Glibc
internal import NIOCore

/// An address, or the network that one host usually has for itself.
enum PeerAddress: Hashable, Sendable {
    /// Of version 4, as a number.
    case host(UInt32)
    /// Of version 6: the first half, because one host may have all addresses of the other.
    case network(UInt64)
    /// The kernel has not told.
    case unknown

    /// The address of the other end.
    init(_ address: SocketAddress?) {
        let text = address?.ipAddress ?? ""
        if let bytes = Self.bytes(of: text, AF_INET, count: 4) {
            self = .host(UInt32(truncatingIfNeeded: Self.number(bytes[...])))
        } else if let bytes = Self.bytes(of: text, AF_INET6, count: 16) {
            let (upper, lower) = (Self.number(bytes[..<8]), Self.number(bytes[8...]))
            // One of version 4, written as one of version 6.
            let isMapped = upper == 0 && lower >> 32 == 0xffff
            self = isMapped ? .host(UInt32(truncatingIfNeeded: lower)) : .network(upper)
        } else {
            self = .unknown
        }
    }

    private static func bytes(of text: String, _ family: CInt, count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        // SAFETY: the text is a string of ours, and the array has what an address of the family
        // takes.
        return unsafe inet_pton(family, text, &bytes) == 1 ? bytes : nil
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }
}
