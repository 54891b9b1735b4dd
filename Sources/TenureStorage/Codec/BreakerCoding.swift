// Breakers as bytes: the same in events and in rows.
//
//   subject   u8: 0 pool, name text · 1 resource, id u32
//   breaker   state u8 · cause text · since u64 · until u64 · openings u32 · number u64
//             · probes at most u16 · failures: count · each: time u64 · lease u64 · count u64
//             · probes: count · each u64

package import TenureBase
package import TenureModel

extension FieldWriter {
    mutating func subject(_ subject: BreakerSubject) {
        switch subject {
        case .pool(let name):
            u8(0)
            text(name)
        case .resource(let id):
            u8(1)
            u32(id.rawValue)
        }
    }

    mutating func breaker(_ breaker: Breaker) {
        u8(breaker.state.rawValue)
        text(breaker.cause)
        time(breaker.since)
        time(breaker.until)
        u32(breaker.openings)
        u64(breaker.number)
        u16(breaker.probesMax)
        count(breaker.failures.count)
        for failure in breaker.failures {
            time(failure.time)
            u64(failure.lease.rawValue)
            u64(failure.count)
        }
        count(breaker.probes.count)
        for probe in breaker.probes { u64(probe.rawValue) }
    }
}

extension ByteReader {
    mutating func subject() throws(DecodeError) -> BreakerSubject {
        let start = offset
        switch try read(UInt8.self) {
        case 0: return .pool(try readString())
        case 1: return .resource(ResourceID(rawValue: try read()))
        default: throw .invalid(offset: start, field: "subject")
        }
    }

    mutating func breaker(_ subject: BreakerSubject) throws(DecodeError) -> Breaker {
        let state = try coded(Breaker.State.init(rawValue:), "state")
        let cause = try readString()
        let since = try time()
        let until = try time()
        let openings: UInt32 = try read()
        let number: UInt64 = try read()
        let probesMax: UInt16 = try read()
        var failures: [Breaker.Failure] = []
        for _ in 0..<(try readCount()) {
            let time = try time()
            let lease = try leaseID()
            failures.append(Breaker.Failure(time: time, lease: lease, count: try read()))
        }
        var probes: [LeaseID] = []
        for _ in 0..<(try readCount()) { probes.append(try leaseID()) }
        return Breaker(
            subject: subject,
            state: state,
            cause: cause,
            since: since,
            until: until,
            openings: openings,
            number: number,
            probesMax: probesMax,
            failures: failures,
            probes: probes
        )
    }
}

extension Breaker: StorableRow {
    package static var table: RowTable { .breakers }

    package static func write(_ key: BreakerSubject, to writer: inout FieldWriter) {
        switch key {
        case .pool(let name):
            writer.u8(0)
            writer.rawText(name)
        case .resource(let id):
            writer.u8(1)
            writer.u32BigEndian(id.rawValue)
        }
    }

    package static func readKey(_ bytes: [UInt8]) throws(DecodeError) -> BreakerSubject {
        switch bytes.first {
        case 0: return .pool(try KeyBytes.text(bytes.dropFirst()))
        case 1 where bytes.count == 5:
            let id = bytes.dropFirst().reduce(0) { $0 << 8 | UInt32($1) }
            return .resource(ResourceID(rawValue: id))
        default: throw .invalid(offset: 0, field: "key")
        }
    }

    package func writePayload(to writer: inout FieldWriter) { writer.breaker(self) }

    package static func read(
        _ key: BreakerSubject,
        from reader: inout ByteReader
    ) throws(DecodeError) -> Breaker {
        try reader.breaker(key)
    }
}
