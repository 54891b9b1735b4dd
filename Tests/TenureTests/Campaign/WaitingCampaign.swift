// Many random days of waiting: a short part in every test run, the whole campaign on demand.
//
//     TENURE_DAYS=1000 swift test --filter WaitingCampaign
//
// TENURE_DAY=7 repeats one day, TENURE_FIRST_DAY=501 begins with another than the first, so that
// two halves can run side by side. A campaign prints what it has met. Of ten days in a row four are
// days of plans: those whose numbers end in 3, 6, 8 or 9.

import Glibc
import TenureTesting
import Testing

@Suite("Waiting campaign", .computing)
struct WaitingCampaign {
    /// The days of every test run: they meet all that is to be tried, twice at least.
    private static let ordinary: [UInt64] = [19, 73, 143, 196, 203, 216]

    private static func number(_ variable: String) -> UInt64? {
        // SAFETY: the value is copied before anything can change the environment.
        unsafe getenv(variable).flatMap { unsafe UInt64(String(cString: $0)) }
    }

    @Test
    func `nobody waits past the bound, no wake-up is lost, no preemption loops, nothing locks up`()
        throws
    {
        if let day = Self.number("TENURE_DAY") {
            print(try Self.run([day]).summary)
            return
        }
        let first = max(1, Self.number("TENURE_FIRST_DAY") ?? 1)
        let asked = Self.number("TENURE_DAYS").map { Array(first..<(first + $0)) }
        let tally = try Self.run(asked ?? Self.ordinary)
        if asked != nil { print(tally.summary) }
        // A few days need not meet everything.
        guard tally.days >= 40 || asked == nil else { return }
        #expect(tally.missed.isEmpty, "\(tally.summary)")
        #expect(tally.longest >= 0.25)
    }

    /// Days on which somebody was forgotten.
    ///
    /// Capacity came in a place that costs less than the budget leaves; something came that is
    /// needed beside what others can be told to give; room came for who may take the place of a
    /// lease that uses up a limit of its tenant; one gave up who had stood before another in a
    /// queue for a quota; a grant elsewhere changed what is borrowed, and so who may leave; one was
    /// to be near its own kind, behind others who may not begin such a group; one left to whom
    /// something was promised, in a queue of its own.
    @Test(arguments: [7, 24, 192, 390, 415, 501, 607] as [UInt64])
    func `days that found something stay as they should be`(day: UInt64) throws {
        #expect(try Self.run([day]).days == 1)
    }

    private static func run(_ days: some Sequence<UInt64>) throws -> CampaignTally {
        var tally = CampaignTally()
        for seed in days {
            var day = try CampaignDay(seed: seed)
            try day.run()
            let replay: Comment = "TENURE_DAY=\(seed) swift test --filter WaitingCampaign"
            #expect(day.faults.first == nil, replay)
            tally.add(day.tally)
        }
        return tally
    }
}
