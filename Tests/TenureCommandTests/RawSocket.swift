// A client that keeps no rules: bytes of its own, and all that comes back.

import Glibc

/// A connection to a daemon's socket, without a protocol.
struct RawSocket: ~Copyable {
    /// Its descriptor.
    let descriptor: Int32

    /// Connects to `daemon`.
    init(_ daemon: TestDaemon) throws {
        let connected = try daemon.connectSilently()
        guard fcntl(connected, F_SETFL, O_NONBLOCK) == 0 else {
            close(connected)
            throw TestFailure("not made non-blocking: error \(errno)")
        }
        descriptor = connected
    }

    deinit { close(descriptor) }

    /// Sends `bytes` while it reads what comes, until there is enough or the daemon ends its side.
    func exchange(
        _ bytes: [UInt8],
        until isEnough: ([UInt8]) -> Bool = { _ in false }
    ) async throws -> [UInt8] {
        var sent = 0
        var received: [UInt8] = []
        var room = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            try Task.checkCancellation()
            if sent < bytes.count {
                // SAFETY: the array lives for the call, and no more than is left of it is read.
                let count = unsafe bytes[sent...].withUnsafeBytes { rest in
                    unsafe Glibc.send(
                        descriptor,
                        rest.baseAddress,
                        rest.count,
                        Int32(MSG_NOSIGNAL)
                    )
                }
                // Who is closed at the other end can still be read from.
                sent = count >= 0 ? sent + count : errno == EAGAIN ? sent : bytes.count
            }
            // SAFETY: the kernel writes no more than it is told there is room for.
            let count = unsafe read(descriptor, &room, room.count)
            if count > 0 {
                received += room.prefix(count)
                if isEnough(received) { return received }
            } else if count == 0 || errno != EAGAIN {
                return received
            } else {
                try await Task.sleep(for: .milliseconds(2))
            }
        }
    }

    /// The text that comes back for `text`, until it ends with `end` or the daemon ends its side.
    func exchange(_ text: String, until end: String? = nil) async throws -> String {
        let end = end.map { Array($0.utf8) }
        let answer = try await exchange(Array(text.utf8)) { received in
            end.map { received.suffix($0.count).elementsEqual($0) } ?? false
        }
        return String(decoding: answer, as: UTF8.self)
    }

    /// Sends `text` with the descriptor `passed` beside it.
    func send(_ text: String, passing passed: Int32) throws {
        var bytes = Array(text.utf8)
        var control = [Int](repeating: 0, count: 8)
        let header = MemoryLayout<cmsghdr>.size
        // SAFETY: length, level and type, as in a cmsghdr, and one descriptor fit into 64 bytes.
        let length = unsafe control.withUnsafeMutableBytes { room in
            unsafe room.storeBytes(of: header + MemoryLayout<Int32>.size, as: Int.self)
            unsafe room.storeBytes(of: SOL_SOCKET, toByteOffset: 8, as: Int32.self)
            unsafe room.storeBytes(of: Int32(SCM_RIGHTS), toByteOffset: 12, as: Int32.self)
            unsafe room.storeBytes(of: passed, toByteOffset: header, as: Int32.self)
            return header + MemoryLayout<Int>.size
        }
        // SAFETY: both arrays live for the closures, in which the message points to them.
        let count = unsafe bytes.withUnsafeMutableBytes { bytes in
            unsafe control.withUnsafeMutableBytes { control in
                var part = unsafe iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)
                return unsafe withUnsafeMutablePointer(to: &part) { part in
                    var message = unsafe msghdr()
                    unsafe message.msg_iov = part
                    unsafe message.msg_iovlen = 1
                    unsafe message.msg_control = control.baseAddress
                    unsafe message.msg_controllen = length
                    return unsafe sendmsg(descriptor, &message, 0)
                }
            }
        }
        guard count == bytes.count else { throw TestFailure("not sent: error \(errno)") }
    }
}
