// The answers that most requests get, straight from their types, in the order of their documents.

internal import NIOCore
internal import TenureModel

extension ReplyEncoder {
    /// Appends a granted request.
    static func write(_ grant: Grant, to buffer: inout ByteBuffer, _ version: RESPVersion) {
        let fields =
            10 + (grant.version == nil ? 0 : 1) + (grant.pool == nil ? 0 : 2)
            + (grant.breakers == nil ? 0 : 2)
        buffer.writeMapHeader(fields, version)
        buffer.writeStaticString("$6\r\nstatus\r\n")
        buffer.writeBulk(grant.status.rawValue)
        writeIdentity("$5\r\nlease\r\n", grant.lease.rawValue, grant.token, to: &buffer)
        buffer.writeStaticString("$6\r\nholder\r\n")
        buffer.writeBulk(grant.holder)
        write("$3\r\nttl\r\n", grant.ttlMilliseconds, to: &buffer, version)
        write(grant.placements, to: &buffer, version)
        writePosition(grant.position, to: &buffer)
        buffer.writeStaticString("$8\r\nreplayed\r\n")
        buffer.writeBool(grant.replayed, version)
        write("$5\r\nprice\r\n", grant.price, to: &buffer, version)
        write(grant.confidence, to: &buffer, version)
        if let planned = grant.version {
            buffer.writeStaticString("$7\r\nversion\r\n")
            buffer.writeRESP(unsigned: planned)
        }
        if let pool = grant.pool {
            buffer.writeStaticString("$4\r\npool\r\n")
            buffer.writeBulk(pool)
            buffer.writeStaticString("$8\r\nfallback\r\n")
            write(.list(grant.fallback.map(\.document)), to: &buffer, version)
        }
        guard let notice = grant.breakers else { return }
        write("$7\r\nonTrial\r\n", notice.onTrial, to: &buffer)
        write("$7\r\nleftOut\r\n", notice.leftOut, to: &buffer)
    }

    private static func write(
        _ confidence: Confidence?,
        to buffer: inout ByteBuffer,
        _ version: RESPVersion
    ) {
        buffer.writeStaticString("$10\r\nconfidence\r\n")
        guard let confidence else { return buffer.writeNull(version) }
        buffer.writeMapHeader(3, version)
        write("$6\r\nmargin\r\n", confidence.margin, to: &buffer, version)
        write("$4\r\nleft\r\n", confidence.left, to: &buffer, version)
        write("$10\r\npreemption\r\n", confidence.preemption, to: &buffer, version)
    }

    /// Appends a renewed lease.
    static func write(_ renewal: Renewal, to buffer: inout ByteBuffer, _ version: RESPVersion) {
        buffer.writeMapHeader(renewal.draining == nil ? 5 : 6, version)
        buffer.writeStaticString("$6\r\nstatus\r\n$7\r\nrenewed\r\n")
        writeIdentity("$5\r\nlease\r\n", renewal.lease.rawValue, renewal.token, to: &buffer)
        write("$3\r\nttl\r\n", renewal.ttlMilliseconds, to: &buffer, version)
        writePosition(renewal.position, to: &buffer)
        guard let notice = renewal.draining else { return }
        write("$8\r\ndraining\r\n", notice.milliseconds, to: &buffer, version)
    }

    /// Appends what has ended.
    static func write(_ ending: Ending, to buffer: inout ByteBuffer, _ version: RESPVersion) {
        buffer.writeMapHeader(4, version)
        buffer.writeStaticString("$6\r\nstatus\r\n")
        buffer.writeBulk(ending.status.rawValue)
        if ending.isSession {
            buffer.writeStaticString("$7\r\nsession\r\n")
        } else {
            buffer.writeStaticString("$5\r\nlease\r\n")
        }
        buffer.writeRESP(unsigned: ending.id)
        write(ending.placements, to: &buffer, version)
        writePosition(ending.position, to: &buffer)
    }

    /// Appends a session.
    static func write(_ view: SessionView, to buffer: inout ByteBuffer, _ version: RESPVersion) {
        buffer.writeMapHeader(5, version)
        buffer.writeStaticString("$6\r\nstatus\r\n$4\r\nopen\r\n")
        writeIdentity("$7\r\nsession\r\n", view.session.rawValue, view.token, to: &buffer)
        write("$3\r\nttl\r\n", view.ttlMilliseconds, to: &buffer, version)
        writePosition(view.position, to: &buffer)
    }

    private static func write(
        _ name: StaticString,
        _ list: [String],
        to buffer: inout ByteBuffer
    ) {
        buffer.writeStaticString(name)
        buffer.writeArrayHeader(list.count)
        for item in list { buffer.writeBulk(item) }
    }

    private static func writeIdentity(
        _ name: StaticString,
        _ id: UInt64,
        _ token: Token,
        to buffer: inout ByteBuffer
    ) {
        buffer.writeStaticString(name)
        buffer.writeRESP(unsigned: id)
        buffer.writeStaticString("$5\r\ntoken\r\n")
        buffer.writeRESP(unsigned: token.rawValue)
    }

    private static func write(
        _ name: StaticString,
        _ count: UInt64?,
        to buffer: inout ByteBuffer,
        _ version: RESPVersion
    ) {
        buffer.writeStaticString(name)
        if let count {
            buffer.writeRESP(integer: Int64(clamping: count))
        } else {
            buffer.writeNull(version)
        }
    }

    private static func writePosition(_ position: Position, to buffer: inout ByteBuffer) {
        buffer.writeStaticString("$8\r\nposition\r\n")
        buffer.writeRESP(unsigned: position)
    }

    private static func write(
        _ placements: [PlacementView],
        to buffer: inout ByteBuffer,
        _ version: RESPVersion
    ) {
        buffer.writeStaticString("$10\r\nplacements\r\n")
        buffer.writeArrayHeader(placements.count)
        for placement in placements {
            buffer.writeMapHeader(4, version)
            buffer.writeStaticString("$8\r\nresource\r\n")
            buffer.writeBulk(placement.resource)
            buffer.writeStaticString("$4\r\nnode\r\n")
            buffer.writeBulk(placement.node)
            buffer.writeStaticString("$4\r\nkind\r\n")
            buffer.writeBulk(placement.kind.name)
            buffer.writeStaticString("$6\r\namount\r\n")
            buffer.writeRESP(integer: Int64(clamping: placement.amount))
        }
    }
}
