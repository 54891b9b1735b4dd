// Why a client has no connection, as the system tells it.

import Glibc
import NIOCore
import Testing

@testable import TenureClient

@Suite("Connect faults")
struct ConnectFaultTests {
    @Test
    func `a missing socket, one nobody listens at and an unknown host are told apart`()
        async throws
    {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        let path = "\(directory.path)/file"
        let file = unsafe open(path, O_CREAT | O_CLOEXEC, 0o600)
        try #require(file >= 0)
        close(file)
        try await expect(.absent, at: .unixSocket(path: "\(directory.path)/s"))
        try await expect(.absent, at: .unixSocket(path: "\(path)/s"))
        try await expect(.nobodyListens, at: .unixSocket(path: path))
        // Port 1 is nobody's here; a name with blanks is no host's anywhere.
        try await expect(.nobodyListens, at: .tcp(host: "127.0.0.1", port: 1))
        try await expect(.unknownHost, at: .tcp(host: "no such host", port: 1))
    }

    private func expect(_ reason: ConnectFault, at endpoint: Endpoint) async throws {
        await #expect(throws: ClientError.unreachable(endpoint: endpoint.name, reason: reason)) {
            try await TenureClient.connect(to: endpoint)
        }
    }

    @Test(arguments: [
        (EACCES, ConnectFault.forbidden), (EPERM, .forbidden), (EAGAIN, .full),
        (ENOENT, .absent), (ECONNREFUSED, .nobodyListens),
        (EHOSTUNREACH, .other("No route to host")),
    ])
    func `the system's errors have sentences of their own`(errno: CInt, reason: ConnectFault) {
        #expect(ConnectFault(IOError(errnoCode: errno, reason: "connect")) == reason)
    }
}
