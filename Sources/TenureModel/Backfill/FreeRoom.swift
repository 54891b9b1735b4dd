// What is free in a pool at a moment: a first look at many who wait, which costs little.

/// The free places of a pool as they were when it was asked for.
package struct FreeRoom {
    let index: PlaceIndex?

    /// Whether claims might fit; false only where they can not.
    ///
    /// O(log places) for each claim, and no look at the places.
    package func mightFit(_ claims: [Claim]) -> Bool {
        guard let index else { return false }
        return claims.allSatisfy { index.firstSlot(from: 0, for: $0.amounts) != nil }
    }
}
