// Finds requests in a stream of bytes: RESP arrays of bulk strings, and inline commands.
//
//   R1  Nothing is allocated for a length that was only announced.
//   R2  The same bytes give the same outcomes at whatever offsets they were cut.
//   R3  No byte sequence traps; nesting is refused, so there is nothing to recurse into.
//   R4  A byte is looked at once, or twice where a request was cut: one byte at a time is linear.
//
// What words mean is the parser's to say; how long half a request may take, the server's.

package import NIOCore

/// Finds requests in a stream of bytes.
package struct RequestDecoder: Sendable {
    /// What the next bytes are.
    package enum Outcome: Equatable, Sendable {
        /// Not a whole request yet.
        case incomplete
        /// A request; its words are in `arguments` until the next call.
        case request
        /// A request past a bound: answer `ERR` with this sentence; the rest of it is skipped.
        case refused(String)
        /// Not a request: answer once and close.
        case violation(Violation)
    }

    /// Why a connection can not go on.
    package struct Violation: Error, Equatable, Sendable {
        /// What is wrong, for the answer and the log.
        package let sentence: String
        /// Whether the bytes are another protocol's, which may be an attack.
        package let isCrossProtocol: Bool
    }

    /// What may be sent; the server changes it when the caller is known.
    package var limits: RequestLimits
    /// The words of the last request.
    package private(set) var arguments = RequestArguments()

    /// How far the current request has been looked at, from the reader index.
    private var scanned = 0
    /// Words of the current request still to come; nothing between requests.
    private var remaining = 0
    /// Whether the current request is only skipped.
    private var isSkipping = false
    /// Bytes still to be skipped.
    private var skipBytes = 0
    /// Whether `arguments` belong to a request that was handed out.
    private var isHandedOut = false

    /// A decoder at the start of a stream.
    package init(limits: RequestLimits) {
        self.limits = limits
    }

    /// Whether a request has begun and is not complete.
    package func isMidRequest(_ buffer: ByteBuffer) -> Bool {
        remaining > 0 || skipBytes > 0 || buffer.readableBytes > 0
    }

    /// Lets go of the last request, so that the buffer can grow without a copy.
    package mutating func releaseArguments() {
        guard isHandedOut else { return }
        isHandedOut = false
        arguments.removeAll()
    }

    /// Takes the next request out of `buffer`.
    package mutating func next(_ buffer: inout ByteBuffer) -> Outcome {
        releaseArguments()
        while true {
            if isSkipping {
                if let outcome = skip(&buffer) { return outcome }
                continue
            }
            switch scan(buffer.readableBytesUInt8Span) {
            case .incomplete:
                return .incomplete
            case .complete(let length):
                hand(out: &buffer, length: length)
                return .request
            case .inline(let words, let length):
                buffer.moveReaderIndex(forwardBy: length)
                reset()
                if words.isEmpty { continue }
                return hand(inline: words)
            case .nothing(let length):
                buffer.moveReaderIndex(forwardBy: length)
                reset()
            case .refused(let sentence, let behind, let skipping):
                buffer.moveReaderIndex(forwardBy: behind)
                return refuse(sentence, skipping: skipping)
            case .violation(let violation):
                return .violation(violation)
            }
        }
    }
}

extension RequestDecoder {
    /// What one look at the received bytes found.
    private enum Scan {
        case incomplete
        case complete(length: Int)
        case inline([[UInt8]], length: Int)
        case nothing(length: Int)
        case refused(String, behind: Int, skipping: Int)
        case violation(Violation)
    }

    /// What a length line says.
    private enum Length {
        case incomplete
        case invalid
        case value(Int, end: Int)
    }

    private mutating func reset() {
        scanned = 0
        remaining = 0
    }

    private mutating func hand(out buffer: inout ByteBuffer, length: Int) {
        arguments.attach(buffer.readSlice(length: length) ?? ByteBuffer())
        isHandedOut = true
        reset()
    }

    private mutating func hand(inline words: [[UInt8]]) -> Outcome {
        if let violation = Self.crossProtocol(words) { return .violation(violation) }
        guard words.count <= limits.arguments else {
            return refuse(tooManyArguments(words.count), skipping: 0)
        }
        arguments.removeAll()
        var bytes = ByteBuffer()
        for word in words {
            let start = bytes.writerIndex
            bytes.writeBytes(word)
            arguments.append(start..<bytes.writerIndex)
        }
        arguments.attach(bytes)
        isHandedOut = true
        return .request
    }

    /// Answers for a request past a bound and goes on behind it.
    private mutating func refuse(_ sentence: String, skipping: Int) -> Outcome {
        if limits.closesPastBounds { return .violation(Violation(plain: sentence)) }
        scanned = 0
        arguments.removeAll()
        skipBytes = skipping
        isSkipping = skipBytes > 0 || remaining > 0
        return .refused(sentence)
    }

    private func tooManyArguments(_ count: Int) -> String {
        "the request has \(count) arguments; the limit is \(limits.arguments)"
    }

    /// Drops what belongs to a refused request; nothing when it is behind us.
    private mutating func skip(_ buffer: inout ByteBuffer) -> Outcome? {
        let now = min(skipBytes, buffer.readableBytes)
        buffer.moveReaderIndex(forwardBy: now)
        skipBytes -= now
        if skipBytes > 0 { return .incomplete }
        if remaining == 0 {
            isSkipping = false
            return nil
        }
        switch Self.header(buffer.readableBytesUInt8Span, at: 0, marker: 0x24) {
        case .failure(let violation): return .violation(violation)
        case .success(.incomplete): return .incomplete
        case .success(.invalid): return .violation(Violation(plain: "invalid bulk length"))
        case .success(.value(let length, let end)):
            buffer.moveReaderIndex(forwardBy: end)
            remaining -= 1
            skipBytes = length + 2
            return nil
        }
    }

    /// Looks at the bytes from `scanned` on.
    private mutating func scan(_ span: Span<UInt8>) -> Scan {
        guard span.count > scanned else { return .incomplete }
        if remaining == 0 {
            if span[0] != 0x2a { return scanInline(span) }
            switch Self.header(span, at: 0, marker: 0x2a) {
            case .failure(let violation): return .violation(violation)
            case .success(.incomplete): return .incomplete
            case .success(.invalid): return .violation(Violation(plain: "invalid array length"))
            case .success(.value(0, let end)): return .nothing(length: end)
            case .success(.value(let count, let end)):
                remaining = count
                if count > limits.arguments {
                    return .refused(tooManyArguments(count), behind: end, skipping: 0)
                }
                scanned = end
            }
        }
        return scanWords(span)
    }

    /// Looks at the bulk strings of an array.
    private mutating func scanWords(_ span: Span<UInt8>) -> Scan {
        while remaining > 0 {
            switch Self.header(span, at: scanned, marker: 0x24) {
            case .failure(let violation): return .violation(violation)
            case .success(.incomplete): return .incomplete
            case .success(.invalid): return .violation(Violation(plain: "invalid bulk length"))
            case .success(.value(let length, let start)):
                if let sentence = pastBounds(length, from: start) {
                    remaining -= 1
                    return .refused(sentence, behind: start, skipping: length + 2)
                }
                let end = start + length
                guard span.count >= end + 2 else {
                    return span.count > end && span[end] != 0x0d
                        ? .violation(Violation(plain: Self.unterminated)) : .incomplete
                }
                guard span[end] == 0x0d, span[end + 1] == 0x0a else {
                    return .violation(Violation(plain: Self.unterminated))
                }
                arguments.append(start..<end)
                remaining -= 1
                scanned = end + 2
            }
        }
        return .complete(length: scanned)
    }

    private static let unterminated = "a bulk string is not followed by CRLF where its length says"

    private func pastBounds(_ length: Int, from start: Int) -> String? {
        if length > limits.argumentBytes {
            return "argument \(arguments.count + 1) has \(length) bytes; "
                + "the limit is \(limits.argumentBytes)"
        }
        if start + length + 2 > limits.requestBytes {
            return "the request has more than \(limits.requestBytes) bytes, which is the limit"
        }
        return nil
    }

    /// Reads `marker`, a length and CRLF at `offset`.
    private static func header(
        _ span: Span<UInt8>,
        at offset: Int,
        marker: UInt8
    ) -> Result<Length, Violation> {
        guard offset < span.count else { return .success(.incomplete) }
        guard span[offset] == marker else {
            return .failure(Violation(plain: "expected '$', got \(Violation.name(span[offset]))"))
        }
        let most = marker == 0x2a ? WireLimits.arrayLengthMax : WireLimits.bulkLengthMax
        return .success(length(span, from: offset + 1, most: most))
    }

    /// Reads decimal digits without sign or leading zero, up to CRLF.
    private static func length(_ span: Span<UInt8>, from start: Int, most: Int) -> Length {
        var value = 0
        var index = start
        while index < span.count {
            let byte = span[index]
            if byte == 0x0d {
                guard index > start, value <= most else { return .invalid }
                guard index + 1 < span.count else { return .incomplete }
                return span[index + 1] == 0x0a ? .value(value, end: index + 2) : .invalid
            }
            let digit = byte &- 0x30
            guard digit <= 9, index - start < WireLimits.lengthDigits else { return .invalid }
            if index > start, value == 0 { return .invalid }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(Int(digit))
            guard !overflow, !carry else { return .invalid }
            value = sum
            index += 1
        }
        return .incomplete
    }

    /// Looks for the end of an inline command and takes it apart.
    private mutating func scanInline(_ span: Span<UInt8>) -> Scan {
        if let violation = Self.notInline(span[0]) { return .violation(violation) }
        var end = scanned
        while end < span.count, span[end] != 0x0a { end += 1 }
        if end > limits.inlineBytes {
            return .violation(
                Violation(plain: "an inline command has more than \(limits.inlineBytes) bytes")
            )
        }
        guard end < span.count else {
            scanned = end
            return .incomplete
        }
        var line: [UInt8] = []
        line.reserveCapacity(end)
        for index in 0..<end { line.append(span[index]) }
        if line.last == 0x0d { line.removeLast() }
        guard let words = InlineCommand.words(line[...]) else {
            return .violation(Violation(plain: "unbalanced quotes in an inline command"))
        }
        return .inline(words, length: end + 1)
    }

    /// Why a request can not begin with `byte`.
    private static func notInline(_ byte: UInt8) -> Violation? {
        switch byte {
        case 0x41...0x5a, 0x61...0x7a, 0x20, 0x09, 0x0d, 0x0a, 0x22, 0x27: nil
        case 0x16:
            Violation(
                sentence: "this is a TLS handshake; the socket speaks plain RESP",
                isCrossProtocol: true
            )
        default:
            Violation(
                plain: "expected an array of bulk strings or an inline command, "
                    + "got \(Violation.name(byte))"
            )
        }
    }

    /// Finds HTTP, which a browser can be made to send to a local port.
    private static func crossProtocol(_ words: [[UInt8]]) -> Violation? {
        guard let first = words.first, let last = words.last else { return nil }
        let isHTTP =
            last.starts(with: "HTTP/".utf8) || first.last == 0x3a
            || WordKey(first) == WordKey("POST")
        guard isHTTP else { return nil }
        return Violation(
            sentence: "this looks like HTTP; the socket speaks RESP",
            isCrossProtocol: true
        )
    }
}

extension RequestDecoder.Violation {
    /// A violation that is no other protocol.
    init(plain sentence: String) {
        self.init(sentence: sentence, isCrossProtocol: false)
    }

    /// `byte` as an error may repeat it.
    static func name(_ byte: UInt8) -> String {
        byte > 0x20 && byte < 0x7f
            ? "'\(Character(Unicode.Scalar(byte)))'" : "byte \(byte)"
    }
}
