// Which refusals are recorded, which are counted, and that neither memory nor records grow.

import Tenure
import TenureModel
import Testing

@Suite("Refusal meter")
struct RefusalMeterTests {
    private static func refusal(_ code: RefusalCode, limit: String = "") -> Refusal {
        Refusal(code, "no", limit: limit)
    }

    private static func command(tenant: String = "t", pool: String = "p") -> Command {
        var request = AcquireRequest(pool: pool, claims: [])
        request.tenant = tenant
        return .acquire(request)
    }

    private static func second(_ number: UInt64) -> LedgerTime {
        LedgerTime(nanoseconds: number * 1_000_000_000)
    }

    @Test
    func `The first of each tenant, pool, code and limit is recorded, the rest counted apart`() {
        var meter = RefusalMeter()
        _ = meter.turn(now: Self.second(1))
        let sorts: [(Command, Refusal)] = [
            (Self.command(), Self.refusal(.quota, limit: "t gpu")),
            (Self.command(), Self.refusal(.quota, limit: "t cpu")),
            (Self.command(), Self.refusal(.exhausted, limit: "gpu")),
            (Self.command(tenant: "u"), Self.refusal(.quota, limit: "t gpu")),
            (Self.command(pool: "q"), Self.refusal(.quota, limit: "t gpu")),
        ]
        for round in 0..<3 {
            for (command, refusal) in sorts {
                let record = meter.record(command, refusal, isCountingOnly: false)
                #expect((record != nil) == (round == 0))
                if let record { #expect(record.limit == refusal.limit) }
            }
        }
        #expect(meter.turn(now: Self.second(1)).isEmpty)
        let counts = meter.turn(now: Self.second(2))
        #expect(counts.map(\.count) == [2, 2, 2, 2, 2])
        #expect(counts.map(\.limit) == ["gpu", "t cpu", "t gpu", "t gpu", "t gpu"])
        #expect(meter.turn(now: Self.second(3)).isEmpty)
    }

    /// Many sorts with short names, and fewer whose names are as long as they can be.
    @Test(arguments: [(5_000, 4), (3_000, 1_000)])
    func `Past the bounds refusals are counted by code, and none is lost`(
        sorts: Int,
        nameBytes: Int
    ) {
        var meter = RefusalMeter()
        _ = meter.turn(now: Self.second(1))
        let padding = String(repeating: "x", count: nameBytes)
        var records = 0
        var recorded = 0
        for number in 0..<sorts {
            let command = Self.command(tenant: padding + "\(number)")
            let record = meter.record(command, Self.refusal(.quota), isCountingOnly: false)
            guard let record else { continue }
            records += 1
            recorded += record.tenant.utf8.count
        }
        #expect(records <= EngineLimits.refusalSorts)
        #expect(recorded <= 256 << 10)
        let counts = meter.turn(now: Self.second(2))
        #expect(counts.map(\.limit) == [RefusalMeter.others])
        #expect(counts.first?.count == UInt64(sorts - records))
    }

    @Test
    func `Without room for records everything is counted`() {
        var meter = RefusalMeter()
        _ = meter.turn(now: Self.second(1))
        for _ in 0..<4 {
            let refusal = Self.refusal(.exhausted)
            #expect(meter.record(Self.command(), refusal, isCountingOnly: true) == nil)
        }
        #expect(meter.turn(now: Self.second(9)).map(\.count) == [4])
    }

    @Test
    func `What no audit wants to see is neither recorded nor counted`() {
        var meter = RefusalMeter()
        _ = meter.turn(now: Self.second(1))
        let query = Command.query(.status)
        #expect(meter.record(query, Self.refusal(.notFound), isCountingOnly: false) == nil)
        #expect(
            meter.record(Self.command(), Self.refusal(.malformed), isCountingOnly: false) == nil
        )
        #expect(meter.turn(now: Self.second(2)).isEmpty)
    }
}
