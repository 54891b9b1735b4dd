// What of a simulated day is planned ahead, or made of plans.

import TenureSimulation
import TenureTesting

/// Which sorts of plans there are in a day, by its seed: none on six days of ten.
///
/// They are drawn from a generator of their own, so that the other days stay what they are.
struct CampaignPlans {
    /// Whether amounts are booked for a later time.
    let hasBookings: Bool
    /// Whether drains are planned for a later time, and whole nodes are drained.
    let hasWindows: Bool
    /// Whether leases are moved to cheaper places.
    let hasMoves: Bool
    /// Whether many leases are revoked at once.
    let hasRevocations: Bool

    /// The plans of day `seed`; of ten days in a row each sort is in some for certain.
    init(seed: UInt64) {
        var generator = Self.generator(seed: seed)
        let last = seed % 10
        func has(_ days: UInt64...) -> Bool {
            let isDrawn = generator.chance(50)
            return [3, 6, 8, 9].contains(last) && (isDrawn || days.contains(last))
        }
        hasBookings = has(3, 6, 8)
        hasWindows = has(6)
        hasMoves = has(6, 9)
        hasRevocations = has(8)
    }

    /// Whether there are any.
    var isAny: Bool { hasBookings || hasWindows || hasMoves || hasRevocations }

    /// The numbers from which plans are drawn.
    static func generator(seed: UInt64) -> SeededGenerator {
        SeededGenerator(seed: ~seed)
    }
}
