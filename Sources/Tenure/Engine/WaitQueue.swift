// Those who lack the same, in a line for each selector.
//
// A line has a list for each tenant, class, choice of pools and earmark, the oldest first: all of a
// list have the same share and rise alike, so the first of a list is before all others of it. The
// head of a line is the first of the firsts: O(tenants in the line).
//
// Guests have their home in another pool (`Waiter.home`) and lists of their own: they have their
// place in the line, but what is promised here is promised to the first who is at home.

internal import TenureModel

/// Those who lack the same.
final class WaitQueue {
    /// Whose order among each other is that of their age.
    struct ListKey: Hashable {
        let tenant: String
        let priority: Priority
        let pools: String
        let isGuest: Bool
        let earmark: Earmark?

        init(_ waiter: Waiter, in pool: String) {
            earmark = waiter.earmark
            tenant = waiter.request.tenant
            priority = waiter.request.priority
            pools = waiter.request.poolText
            isGuest = waiter.isGuest(in: pool)
        }
    }

    /// Those of a queue who want the same labels.
    struct Line {
        let selector: [Label]
        var lists: [ListKey: SortedList<WaitAge, Waiter>] = [:]
        /// Whom the last looks at those in front were about.
        var lookedAt: Set<WaitAge> = []

        /// The first of all; the order of the dictionary does not matter, because no two are equal.
        var head: Waiter? { first { _ in true } }

        /// The first who is at home; the head itself, if that is.
        var resident: Waiter? { first { !$0.isGuest } }

        /// All guests before the first who is at home, and that one.
        var front: [Waiter] {
            guard let head else { return [] }
            let resident = resident
            if resident === head { return [head] }
            let guests = lists.filter(\.key.isGuest).flatMap(\.value.values)
            guard let resident else { return guests }
            return guests.filter { $0.order.isBefore(resident.order) } + [resident]
        }

        private func first(where isMeant: (ListKey) -> Bool) -> Waiter? {
            var head: Waiter?
            for (key, list) in lists where isMeant(key) {
                guard let first = list.first?.value else { continue }
                if head.map({ first.order.isBefore($0.order) }) ?? true { head = first }
            }
            return head
        }
    }

    /// The pool of which they lack something; empty for a quota.
    let pool: String
    var lines: [Line] = []

    init(in pool: String) {
        self.pool = pool
    }

    /// One who comes before `order` and waits here for what `selector` lets through.
    func obstacle(to order: WaitOrder, selecting selector: [Label]) -> Waiter? {
        for line in lines where !line.selector.excludes(selector) {
            if let head = line.head, head.order.isBefore(order) { return head }
        }
        return nil
    }

    /// The first of each line.
    var heads: [Waiter] { lines.compactMap(\.head) }

    /// The first of each line who is at home in the pool.
    var residents: [Waiter] { lines.compactMap(\.resident) }

    /// Everybody.
    var all: [Waiter] { lines.flatMap { $0.lists.values.flatMap(\.values) } }

    /// Shows everybody, in no order.
    func visit(_ body: (Waiter) -> Void) {
        for line in lines {
            for list in line.lists.values {
                for waiter in list.values { body(waiter) }
            }
        }
    }

    func insert(_ waiter: Waiter, selecting selector: [Label]) {
        let index =
            lines.firstIndex { $0.selector == selector }
            ?? {
                lines.append(Line(selector: selector))
                return lines.count - 1
            }()
        let key = ListKey(waiter, in: pool)
        lines[index].lists[key, default: SortedList()].insert(waiter, at: waiter.age)
    }

    func remove(_ waiter: Waiter, selecting selector: [Label]) {
        guard let index = lines.firstIndex(where: { $0.selector == selector }) else { return }
        let key = ListKey(waiter, in: pool)
        lines[index].lists[key]?.remove(at: waiter.age)
        if lines[index].lists[key]?.isEmpty == true { lines[index].lists[key] = nil }
        if lines[index].lists.isEmpty { lines.remove(at: index) }
    }

    /// Those in front who are to be looked at, guests only where they are admitted.
    ///
    /// All of them, or with `inOrder` those whose place may have changed, and that do not lack
    /// capacity anyhow.
    func front(
        whereOrderChanged inOrder: Bool,
        admittingGuests isAdmitted: (Waiter) -> Bool
    ) -> [Waiter] {
        lines.indices.flatMap { index in
            let front = lines[index].front
            let known = lines[index].lookedAt
            lines[index].lookedAt = Set(front.lazy.map(\.age))
            return front.filter { waiter in
                guard !inOrder || waiter.isBehind || !known.contains(waiter.age) else {
                    return false
                }
                return !waiter.isGuest(in: pool) || isAdmitted(waiter)
            }
        }
    }
}
