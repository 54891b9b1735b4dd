// A listening socket that a service manager has made: it outlives the daemon, so that a client
// that comes while the daemon starts waits instead of being refused.

internal import Glibc

/// A listening Unix socket that was passed.
package struct PassedSocket: Sendable {
    /// The descriptor; its owner closes it.
    let descriptor: CInt
    /// Where it listens.
    package let path: String

    /// The first descriptor that is passed, by the protocol.
    private static let first: CInt = 3

    /// Takes the one socket that `count` says there is.
    ///
    /// - Throws: with exit code 78 when there is another number of them, or it is not one to take.
    static func take(count: String) throws(ServerError) -> PassedSocket {
        guard count == "1" else {
            throw unusable("LISTEN_FDS is '\(count)', and one socket is wanted")
        }
        return try take(first)
    }

    /// Takes `descriptor`.
    ///
    /// - Throws: with exit code 78 when it is not a Unix stream socket that listens.
    static func take(_ descriptor: CInt) throws(ServerError) -> PassedSocket {
        let flags = fcntl(descriptor, F_GETFD)
        guard flags >= 0, fcntl(descriptor, F_SETFD, flags | FD_CLOEXEC) == 0 else {
            throw unusable("descriptor \(descriptor) is not open")
        }
        guard option(SO_DOMAIN, of: descriptor) == AF_UNIX,
            option(SO_TYPE, of: descriptor) == Int32(SOCK_STREAM.rawValue),
            option(SO_ACCEPTCONN, of: descriptor) == 1
        else {
            throw unusable("descriptor \(descriptor) is no Unix stream socket that listens")
        }
        return PassedSocket(descriptor: descriptor, path: path(of: descriptor))
    }

    private static func unusable(_ what: String) -> ServerError {
        ServerError(
            "what the service manager passes can not be used: \(what); the socket unit needs one "
                + "ListenStream= with a path",
            exitCode: ServerError.configuration
        )
    }

    private static func option(_ name: Int32, of descriptor: CInt) -> Int32? {
        var value: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        // SAFETY: the kernel fills an integer of ours, whose size it is told.
        let result = unsafe getsockopt(descriptor, SOL_SOCKET, name, &value, &length)
        return result == 0 ? value : nil
    }

    /// The path that it is bound to; a word where it has none.
    private static func path(of descriptor: CInt) -> String {
        var address = sockaddr_un()
        var length = socklen_t(MemoryLayout<sockaddr_un>.size)
        // SAFETY: every socket address begins with the fields of `sockaddr`, and the kernel writes
        // no more than the length that it is told.
        let result = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                unsafe getsockname(descriptor, pointer, &length)
            }
        }
        // SAFETY: the field is read within its bounds.
        let bytes = unsafe withUnsafeBytes(of: &address.sun_path) { field in
            unsafe Array(field.prefix(max(Int(length) - MemoryLayout<sa_family_t>.size, 0)))
        }
        guard result == 0, bytes.first == UInt8(ascii: "/") else { return "(passed)" }
        return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
}
