// What those who give way leave is for the request that they were told to leave for.

/// How far what is about to come free is set aside for one who waits.
package struct Earmark: Hashable, Sendable {
    /// Whether even those of a higher class come after it.
    ///
    /// They do when borrowed amounts are given back: who gave them back would take them again.
    /// Where classes decide, those of a higher class take what is there, and others leave for it.
    package let isForAll: Bool
    /// What it lacks beside what its refusal says: limits that have room when others have left.
    package let lacks: [Shortage]
}
