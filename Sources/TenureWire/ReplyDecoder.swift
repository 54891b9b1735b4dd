// Finds replies in a stream of bytes, for the client: every value becomes a document.
//
//   C1  The same bytes give the same replies at whatever offsets they were cut.
//   C2  No recursion: open arrays and maps are a list of at most `WireLimits.replyDepth`.
//   C3  Nothing is allocated for a count that was only announced.
//
// A value that is complete is taken out of the buffer at once, so that a long list in many packets
// is read once. Types that the daemon never sends (attributes, streamed strings) are errors.

package import NIOCore
package import TenureModel

/// One thing that the daemon sent.
package enum Reply: Equatable, Sendable {
    /// An answer.
    case value(Document)
    /// An error: its first word and the rest of the line.
    case failure(code: String, message: String)
    /// Something that no request asked for.
    case push(name: String, values: [Document])
}

/// Why bytes are no reply; the connection can not go on.
package enum ReplyError: Error, Equatable, Sendable {
    /// Not RESP.
    case malformed(String)
    /// Deeper, longer or more than a client takes.
    case tooLarge(String)
}

/// Finds replies in a stream of bytes.
package struct ReplyDecoder: Sendable {
    /// An array or map whose values are still coming.
    private struct Open {
        /// How the values become one.
        enum Shape {
            case list
            case map
            case push
        }

        let shape: Shape
        var missing: Int
        var values: [Document] = []
    }

    private var open: [Open] = []
    private var valueCount = 0

    /// A decoder at the start of a stream.
    package init() {}

    /// Takes the next reply out of `buffer`; nothing when it is not whole.
    package mutating func next(_ buffer: inout ByteBuffer) throws(ReplyError) -> Reply? {
        while true {
            guard let piece = try piece(&buffer) else { return nil }
            switch piece {
            case .opened(let shape, let count):
                if let reply = try begin(shape, count) { return reply }
            case .failure(let code, let message):
                if open.isEmpty { return .failure(code: code, message: message) }
                if let reply = try add(.string("\(code) \(message)")) { return reply }
            case .value(let value):
                if let reply = try add(value) { return reply }
            }
        }
    }

    private enum Piece {
        case value(Document)
        case failure(code: String, message: String)
        case opened(Open.Shape, Int)
    }

    private mutating func begin(_ shape: Open.Shape, _ count: Int) throws(ReplyError) -> Reply? {
        guard open.count < WireLimits.replyDepth else {
            throw .tooLarge("nested deeper than \(WireLimits.replyDepth)")
        }
        guard shape != .push || open.isEmpty else { throw .malformed("a push inside a value") }
        guard count > 0 else {
            if shape == .push { throw .malformed("an empty push") }
            return try add(shape == .map ? .map([]) : .list([]))
        }
        open.append(Open(shape: shape, missing: count))
        return nil
    }

    /// Adds a value to what is open, closing all that becomes complete.
    private mutating func add(_ value: Document) throws(ReplyError) -> Reply? {
        valueCount += 1
        guard valueCount <= WireLimits.replyValues else {
            throw .tooLarge("more than \(WireLimits.replyValues) values")
        }
        var value = value
        while let last = open.indices.last {
            open[last].values.append(value)
            open[last].missing -= 1
            if open[last].missing > 0 { return nil }
            let closed = open.removeLast()
            switch closed.shape {
            case .list: value = .list(closed.values)
            case .map: value = .map(Self.fields(closed.values))
            case .push:
                valueCount = 0
                let name = if case .string(let text) = closed.values[0] { text } else { "" }
                return .push(name: name, values: Array(closed.values.dropFirst()))
            }
        }
        valueCount = 0
        return .value(value)
    }

    private static func fields(_ values: [Document]) -> [Document.Field] {
        stride(from: 0, to: values.count - 1, by: 2).map { index in
            Document.Field(name(values[index]), values[index + 1])
        }
    }

    private static func name(_ value: Document) -> String {
        switch value {
        case .string(let text): text
        case .integer(let number): "\(number)"
        case .id(let number): "\(number)"
        case .bool(let truth): "\(truth)"
        case .null, .list, .map: ""
        }
    }

    /// Takes one value or one head out of `buffer`; nothing when it is not whole.
    private func piece(_ buffer: inout ByteBuffer) throws(ReplyError) -> Piece? {
        guard let marker = buffer.getInteger(at: buffer.readerIndex, as: UInt8.self),
            let end = try lineEnd(buffer)
        else { return nil }
        let start = buffer.readerIndex + 1
        let line = buffer.getString(at: start, length: end - start) ?? ""
        let taken = end + 2 - buffer.readerIndex
        switch marker {
        case 0x24, 0x3d, 0x21:
            return try text(&buffer, marker, line, taken)
        case 0x2a, 0x7e:
            buffer.moveReaderIndex(forwardBy: taken)
            if line == "-1" { return .value(.null) }
            return .opened(.list, try count(line))
        case 0x25:
            buffer.moveReaderIndex(forwardBy: taken)
            return .opened(.map, try count(line) * 2)
        case 0x3e:
            buffer.moveReaderIndex(forwardBy: taken)
            return .opened(.push, try count(line))
        default:
            buffer.moveReaderIndex(forwardBy: taken)
            return try scalar(marker, line)
        }
    }

    private func scalar(_ marker: UInt8, _ line: String) throws(ReplyError) -> Piece {
        switch marker {
        case 0x2b: return .value(.string(line))
        case 0x2d: return Self.failure(line)
        case 0x3a:
            if let value = Int64(line) { return .value(.integer(value)) }
            throw .malformed("an integer that is none")
        case 0x5f: return .value(.null)
        case 0x23:
            if line == "t" || line == "f" { return .value(.bool(line == "t")) }
            throw .malformed("a boolean that is none")
        case 0x2c, 0x28: return .value(.string(line))
        default: throw .malformed("a value of type \(RequestDecoder.Violation.name(marker))")
        }
    }

    private static func failure(_ line: String) -> Piece {
        let parts = line.split(separator: " ", maxSplits: 1)
        return .failure(
            code: parts.first.map(String.init) ?? "",
            message: parts.count > 1 ? String(parts[1]) : ""
        )
    }

    /// A bulk string, a verbatim string or a long error.
    private func text(
        _ buffer: inout ByteBuffer,
        _ marker: UInt8,
        _ line: String,
        _ taken: Int
    ) throws(ReplyError) -> Piece? {
        if line == "-1" {
            buffer.moveReaderIndex(forwardBy: taken)
            return .value(.null)
        }
        let length = try count(line)
        guard length <= WireLimits.replyTextBytes else {
            throw .tooLarge("a text of \(length) bytes")
        }
        guard buffer.readableBytes >= taken + length + 2 else { return nil }
        buffer.moveReaderIndex(forwardBy: taken)
        guard let text = try? buffer.readUTF8ValidatedString(length: length) else {
            throw .malformed("a text that is not UTF-8")
        }
        guard buffer.readInteger(as: UInt16.self) == 0x0d0a else {
            throw .malformed("a text that is not followed by CRLF")
        }
        switch marker {
        case 0x21: return Self.failure(text)
        // Three letters and a colon tell the format of a verbatim string.
        case 0x3d: return .value(.string(String(text.dropFirst(4))))
        default: return .value(.string(text))
        }
    }

    private func count(_ line: String) throws(ReplyError) -> Int {
        guard let count = Int(line), (0...WireLimits.bulkLengthMax).contains(count) else {
            throw .malformed("the length \(Grammar.quoted(line))")
        }
        return count
    }

    /// Where the first line of `buffer` ends, as an index of the buffer.
    private func lineEnd(_ buffer: ByteBuffer) throws(ReplyError) -> Int? {
        let span = buffer.readableBytesUInt8Span
        let most = WireLimits.errorBytes + 64
        var index = 1
        while index < span.count {
            if span[index] == 0x0d {
                guard index + 1 < span.count else { return nil }
                guard span[index + 1] == 0x0a else { throw .malformed("a line with a bare CR") }
                return buffer.readerIndex + index
            }
            guard index <= most else { throw .tooLarge("a line of more than \(most) bytes") }
            index += 1
        }
        return nil
    }
}
