// Those who can not be looked at yet, because they are to be near leases, or away from them, that
// were not read for their tags since the opening: tickets from before it.
//
// They stand in their lines, and nobody else waits for them to be looked at. Their times end when
// they have been.

internal import TenureModel

extension WaitingRoom {
    /// Whether somebody can not be looked at before the leases were read for their tags.
    var awaitsTags: Bool { !untagged.isEmpty }

    /// Has a waiter looked at when the leases were read for their tags, and not before.
    mutating func awaitTags(_ waiter: Waiter) {
        waiter.awaitsTags = true
        untagged.insert(waiter, at: waiter.age)
    }

    /// Has the time of a waiter that awaits the tags end when they are known.
    mutating func adjourn(_ waiter: Waiter) {
        deadlines.remove(at: Self.deadline(of: waiter))
        for party in waiter.parties { deadlines.remove(at: Self.deadline(of: waiter, party)) }
    }

    /// Has everybody looked at who awaited the tags.
    mutating func markUntagged() {
        for waiter in untagged.values {
            waiter.awaitsTags = false
            mark(waiter)
            deadlines.insert(waiter, at: Self.deadline(of: waiter))
            for party in waiter.parties {
                deadlines.insert(waiter, at: Self.deadline(of: waiter, party))
            }
        }
        untagged = SortedList()
    }
}
