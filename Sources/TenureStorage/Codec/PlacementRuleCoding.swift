// What a request asks of its places beside room and labels: rules, at the end of its ticket.
//
//   rules   count, from 1 · each: sort u8 · what the sort has
//
//   0  all parts within one domain   level text; at most once, and the first
//
// Sorts are in ascending order.

internal import TenureBase
internal import TenureModel

extension AcquireRequest {
    /// Whether there is a rule to write.
    var hasPlacementRules: Bool { within != nil }
}

extension FieldWriter {
    /// Writes the rules of a request that has some.
    mutating func placementRules(of request: AcquireRequest) {
        count(1)
        guard let within = request.within else { return }
        u8(0)
        text(within)
    }
}

extension ByteReader {
    /// Reads the rules that were written, at least one.
    mutating func placementRules(of request: inout AcquireRequest) throws(DecodeError) {
        let start = offset
        guard try readCount() == 1 else { throw .trailing(offset: start) }
        guard try read() as UInt8 == 0 else { throw .invalid(offset: start, field: "rule") }
        request.within = try readString()
    }
}
