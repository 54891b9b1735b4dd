// Budgets and what leases hold of them as bytes.
//
//   budget      since u64 · limit u64 · window ms u64 · start u64 · held u64 · spent u64
//               · window number u64
//   charge      held u64 · count · each: resource u32 · price u64
//   settlement  lease u64 · spent u64 · held u64 · until u64

package import TenureBase
package import TenureModel

extension Budget: StorableRow {
    package static var table: RowTable { .budgets }

    package func writePayload(to writer: inout FieldWriter) { writer.budget(self) }

    package static func read(
        _ key: String,
        from reader: inout ByteReader
    ) throws(DecodeError) -> Budget {
        try reader.budget(key)
    }
}

extension FieldWriter {
    mutating func budget(_ budget: Budget) {
        u64(budget.since)
        u64(budget.limit)
        u64(budget.windowMilliseconds)
        time(budget.start)
        u64(budget.held)
        u64(budget.spent)
        u64(budget.window)
    }

    mutating func charge(_ charge: LeaseCharge) {
        u64(charge.held)
        count(charge.prices.count)
        for price in charge.prices {
            u32(price.resource.rawValue)
            u64(price.price)
        }
    }

    mutating func settlement(_ settlement: Settlement) {
        u64(settlement.lease.rawValue)
        u64(settlement.spent)
        u64(settlement.held)
        time(settlement.until)
    }
}

extension ByteReader {
    mutating func budget(_ tenant: String) throws(DecodeError) -> Budget {
        let since: UInt64 = try read()
        let limit: UInt64 = try read()
        let window: UInt64 = try read()
        var budget = Budget(
            tenant: tenant,
            since: since,
            limit: limit,
            windowMilliseconds: window,
            start: try time()
        )
        budget.held = try read()
        budget.spent = try read()
        budget.window = try read()
        return budget
    }

    mutating func charge() throws(DecodeError) -> LeaseCharge {
        let held: UInt64 = try read()
        var prices: [ResourcePrice] = []
        for _ in 0..<(try readCount()) {
            let resource = ResourceID(rawValue: try read())
            prices.append(ResourcePrice(resource: resource, price: try read()))
        }
        return LeaseCharge(held: held, prices: prices)
    }

    mutating func settlement() throws(DecodeError) -> Settlement {
        let lease = LeaseID(rawValue: try read())
        let spent: UInt64 = try read()
        let held: UInt64 = try read()
        return Settlement(lease: lease, spent: spent, held: held, until: try time())
    }
}
