// For how long what is taken of a resource may stay taken.
//
// Leases that end together leave whole devices and nodes free; among those that stay, one that ends
// early leaves a gap that only something small fits into. So placement wants to know how long the
// leases of a resource live at most, as in Ling et al., "LAVA: Lifetime-Aware VM Allocation with
// Learned Distributions and Adaptation to Mispredictions" (MLSys 2025). There lives are predicted;
// here they are the longest lives that leases are granted with, which their ends do not exceed.
//
//   I2  By length of life are counted the amounts of the leases whose longest life is known, from
//       the first on that fair price gave out in their pool since it looks at lives. What was there
//       before counts as without an end, so that no row of an older ledger must be made anew.

internal import TenureBase

/// How long a lease lives at most: classes that get twice as long from one to the next.
///
/// It is about the whole life, not about what is left of it, so that neither a lease's class nor
/// what follows from it changes as time passes.
package struct LifetimeClass: RawRepresentable, Hashable, Comparable, Sendable {
    /// The doublings above a minute: 0 below one minute, 1 below three, 2 below seven, and so on.
    package let rawValue: UInt8

    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// Less than a minute.
    package static let shortest = LifetimeClass(rawValue: 0)
    /// Without an end, or with one that is not known.
    package static let endless = LifetimeClass(rawValue: .max)

    /// The class of a life of so many milliseconds; below `endless`.
    package init(milliseconds: UInt64) {
        let minutes = milliseconds / 60_000 + 1
        rawValue = UInt8(UInt64.bitWidth - 1 - minutes.leadingZeroBitCount)
    }

    package static func < (left: LifetimeClass, right: LifetimeClass) -> Bool {
        left.rawValue < right.rawValue
    }
}

extension LeaseTerms {
    /// How long the lease lives at most, in all.
    var lifetime: LifetimeClass {
        lifetimeEnd == .never
            ? .endless : LifetimeClass(milliseconds: lifetimeEnd.milliseconds(since: granted))
    }
}

/// What is taken of a resource by leases whose longest life is known, by its class.
package struct DatedAmounts: Hashable, Sendable {
    /// What leases of one class have taken.
    package struct Entry: Hashable, Sendable {
        package let lifetime: LifetimeClass
        /// In base units, above 0.
        package fileprivate(set) var amount: UInt64

        package init(lifetime: LifetimeClass, amount: UInt64) {
            self.lifetime = lifetime
            self.amount = amount
        }
    }

    /// By class, ascending, none of them `endless`.
    package private(set) var entries: [Entry] = []

    /// Nothing is taken.
    package init() {}

    /// The entries of a row; nothing when they are not as they must be.
    package init?(entries: [Entry]) {
        let ordered = zip(entries, entries.dropFirst()).allSatisfy { $0.lifetime < $1.lifetime }
        guard ordered, entries.allSatisfy({ $0.amount > 0 && $0.lifetime < .endless }) else {
            return nil
        }
        self.entries = entries
    }

    /// Whether nothing is taken.
    package var isEmpty: Bool { entries.isEmpty }

    /// A lease of this class took so much; O(classes).
    package mutating func add(_ amount: UInt64, _ lifetime: LifetimeClass) {
        guard lifetime < .endless, amount > 0 else { return }
        let index = entries.firstIndex { $0.lifetime >= lifetime } ?? entries.count
        if index < entries.count, entries[index].lifetime == lifetime {
            // No more than is used of the resource, which is told in 64 bits.
            entries[index].amount &+= amount
        } else {
            entries.insert(Entry(lifetime: lifetime, amount: amount), at: index)
        }
    }

    /// A lease of this class gave so much back; O(classes).
    package mutating func subtract(_ amount: UInt64, _ lifetime: LifetimeClass) {
        guard lifetime < .endless, amount > 0 else { return }
        let index = entries.firstIndex { $0.lifetime == lifetime }
        guard let index, entries[index].amount >= amount else {
            violated("I2: what is given back was counted by its length of life")
        }
        entries[index].amount -= amount
        if entries[index].amount == 0 { entries.remove(at: index) }
    }

    /// The longest life of what is taken, when that is `used` in all; the shortest of nothing.
    package func longest(of used: UInt64) -> LifetimeClass {
        guard used > 0 else { return .shortest }
        let dated = entries.reduce(0) { $0 &+ $1.amount }
        return dated < used ? .endless : entries.last?.lifetime ?? .endless
    }
}
