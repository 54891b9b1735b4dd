// The end of a drain, as the row of its resource keeps it.

/// A drain that ends at a time.
package struct Drain: Hashable, Sendable {
    /// From then on every lease that has something on the resource is invalid.
    package let by: LedgerTime
    /// No lease up to this one has anything on it; 0 as long as none was looked at.
    package var past: LeaseID

    package init(by: LedgerTime, past: LeaseID = LeaseID(rawValue: 0)) {
        self.by = by
        self.past = past
    }
}
