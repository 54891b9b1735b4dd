// Every bound of the command protocol, each with its unit and its reason.
//
// What a command may mean is bounded by the model's limits; these bound what may be sent.

/// The bounds of a request, before and after a connection has proved who it is.
package struct RequestLimits: Equatable, Sendable {
    /// The most arguments of one request.
    package var arguments: Int
    /// The longest argument, in bytes.
    package var argumentBytes: Int
    /// The longest request with its framing, in bytes.
    package var requestBytes: Int
    /// The longest inline command, in bytes: people type them.
    package var inlineBytes: Int
    /// Whether a request past a bound ends the connection instead of getting an error.
    package var closesPastBounds: Bool

    /// Bounds for a caller that is known.
    ///
    /// The longest meaningful argument is a gang of 64 claims of 16 kinds, about 150 KiB; the most
    /// arguments are those of a pool's settings and stay far below 1,024.
    package static let known = RequestLimits(
        arguments: 1_024,
        argumentBytes: 256 << 10,
        requestBytes: 1 << 20,
        inlineBytes: 16 << 10,
        closesPastBounds: false
    )

    /// Bounds for a caller that is known and may do nothing: what it sends is refused for want of a
    /// role, in words that say so, unless it is long.
    package static let withoutRole = RequestLimits(
        arguments: 1_024,
        argumentBytes: 16 << 10,
        requestBytes: 64 << 10,
        inlineBytes: 16 << 10,
        closesPastBounds: false
    )

    /// Bounds for a caller that has not authenticated: memory before AUTH is an attack surface.
    package static let unknown = RequestLimits(
        arguments: 10,
        argumentBytes: 16 << 10,
        requestBytes: 64 << 10,
        inlineBytes: 16 << 10,
        closesPastBounds: true
    )
}

/// The bounds that are the same for everybody.
package enum WireLimits {
    /// The largest array length that is still taken for one: past it the stream is not RESP.
    package static let arrayLengthMax = 1 << 20
    /// The largest bulk length that is still taken for one, in bytes: 512 MiB, as Redis has it.
    package static let bulkLengthMax = 512 << 20
    /// The most digits of a length: those of 2^63.
    package static let lengthDigits = 19
    /// The most bytes of a stranger's word that an error repeats.
    package static let quotedBytes = 64
    /// The most bytes of an error line.
    package static let errorBytes = 2_048
    /// The longest name that CLIENT SETNAME and CLIENT SETINFO take, in bytes.
    package static let clientNameBytes = 128
    /// The deepest nesting of a reply that a client reads; our own replies need five.
    package static let replyDepth = 32
    /// The longest text of a reply that a client reads, in bytes.
    package static let replyTextBytes = 64 << 20
    /// The most values of one reply that a client reads: a page of 1,000 items, each with 4,096
    /// placements of four fields, would be more, but a page is bounded by its bytes as well.
    package static let replyValues = 4 << 20
}
