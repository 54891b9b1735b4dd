// What a request asks of its places beside room and labels, and where else it may be placed: rules,
// at the end of its ticket.
//
//   rules   count, from 1 · each: sort u8 · what the sort has
//
//   0  all parts within one domain      level text; at most once
//   1  near leases with a tag           name text · value text · level text
//   2  away from leases with a tag      the same
//   3  a pool that is asked next        pool text; in the order in which they are asked
//
// Sorts are in ascending order.

internal import TenureBase
internal import TenureModel

extension AcquireRequest {
    /// Whether there is a rule to write.
    var hasPlacementRules: Bool {
        within != nil || !near.isEmpty || !away.isEmpty || !fallbackPools.isEmpty
    }
}

extension FieldWriter {
    /// Writes the rules of a request that has some.
    mutating func placementRules(of request: AcquireRequest) {
        let affinities = request.near.count + request.away.count
        count((request.within == nil ? 0 : 1) + affinities + request.fallbackPools.count)
        if let within = request.within {
            u8(0)
            text(within)
        }
        for rule in request.near { affinity(rule, sort: 1) }
        for rule in request.away { affinity(rule, sort: 2) }
        for pool in request.fallbackPools {
            u8(3)
            text(pool)
        }
    }

    private mutating func affinity(_ rule: Affinity, sort: UInt8) {
        u8(sort)
        text(rule.tag.name)
        text(rule.tag.value)
        text(rule.level)
    }
}

extension ByteReader {
    /// Reads the rules that were written, at least one.
    mutating func placementRules(of request: inout AcquireRequest) throws(DecodeError) {
        let start = offset
        let count = try readCount()
        guard count > 0 else { throw .trailing(offset: start) }
        var last: UInt8 = 0
        for _ in 0..<count {
            let place = offset
            let sort: UInt8 = try read()
            guard sort >= last else { throw .invalid(offset: place, field: "rule") }
            last = sort
            switch sort {
            case 0 where request.within == nil: request.within = try readString()
            case 1: request.near.append(try affinity())
            case 2: request.away.append(try affinity())
            case 3: request.fallbackPools.append(try readString())
            default: throw .invalid(offset: place, field: "rule")
            }
        }
    }

    private mutating func affinity() throws(DecodeError) -> Affinity {
        let name = try readString()
        let value = try readString()
        return Affinity(Label(name: name, value: value), level: try readString())
    }
}
