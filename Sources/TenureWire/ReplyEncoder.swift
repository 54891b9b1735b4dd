// Answers as bytes. The hot ones (grant, renewal, ending) are written without a document in
// between; a test holds them to the same bytes as their documents.

package import NIOCore
package import TenureModel

/// Writes answers.
package enum ReplyEncoder {
    /// Appends `document`.
    package static func write(
        _ document: Document,
        to buffer: inout ByteBuffer,
        _ version: RESPVersion
    ) {
        switch document {
        case .null: buffer.writeNull(version)
        case .bool(let value): buffer.writeBool(value, version)
        case .integer(let value): buffer.writeRESP(integer: value)
        case .id(let value): buffer.writeRESP(unsigned: value)
        case .string(let text): buffer.writeBulk(text)
        case .list(let items):
            buffer.writeArrayHeader(items.count)
            for item in items { write(item, to: &buffer, version) }
        case .map(let fields):
            buffer.writeMapHeader(fields.count, version)
            for field in fields {
                buffer.writeBulk(field.name)
                write(field.value, to: &buffer, version)
            }
        }
    }

    /// Appends a push called `name`; RESP3 only.
    package static func writePush(
        _ name: String,
        _ document: Document,
        to buffer: inout ByteBuffer
    ) {
        buffer.writePushHeader(2)
        buffer.writeBulk(name)
        write(document, to: &buffer, .three)
    }

    /// Appends `refusal`.
    package static func write(_ refusal: Refusal, to buffer: inout ByteBuffer) {
        buffer.writeError(code: refusal.code.rawValue, refusal.message)
    }

    /// Appends `answer`.
    package static func write(
        _ answer: Answer,
        to buffer: inout ByteBuffer,
        _ version: RESPVersion
    ) {
        switch answer {
        case .grant(let grant): write(grant, to: &buffer, version)
        case .queued(let queued): write(queued.document, to: &buffer, version)
        case .renewed(let renewal): write(renewal, to: &buffer, version)
        case .ended(let ending): write(ending, to: &buffer, version)
        case .session(let view): write(view, to: &buffer, version)
        case .document(let document): write(document, to: &buffer, version)
        case .refused(let refusal): write(refusal, to: &buffer)
        }
    }
}
