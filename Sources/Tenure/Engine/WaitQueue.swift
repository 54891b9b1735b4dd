// Those who lack the same, in a line for each selector.
//
// A line has a list for each tenant, class, pool and earmark, the oldest first: all of a list have
// the same share and rise alike, so the first of a list is before all others of it. The head of a
// line is the first of the firsts: O(tenants in the line).

internal import TenureModel

/// Those who lack the same.
final class WaitQueue {
    /// Whose order among each other is that of their age.
    struct ListKey: Hashable {
        let tenant: String
        let priority: Priority
        let pool: String
        let earmark: Earmark?

        init(_ waiter: Waiter) {
            earmark = waiter.earmark
            tenant = waiter.request.tenant
            priority = waiter.request.priority
            pool = waiter.request.pool
        }
    }

    /// Those of a queue who want the same labels.
    struct Line {
        let selector: [Label]
        var lists: [ListKey: SortedList<WaitAge, Waiter>] = [:]
        /// Whom the last look at the head was about.
        weak var lookedAt: Waiter?

        /// The first of all; the order of the dictionary does not matter, because no two are equal.
        var head: Waiter? {
            var head: Waiter?
            for list in lists.values {
                guard let first = list.first?.value else { continue }
                if head.map({ first.order.isBefore($0.order) }) ?? true { head = first }
            }
            return head
        }
    }

    var lines: [Line] = []

    /// One who comes before `order` and waits here for what `selector` lets through.
    func obstacle(to order: WaitOrder, selecting selector: [Label]) -> Waiter? {
        for line in lines where !line.selector.excludes(selector) {
            if let head = line.head, head.order.isBefore(order) { return head }
        }
        return nil
    }

    /// The first of each line.
    var heads: [Waiter] { lines.compactMap(\.head) }

    /// Everybody.
    var all: [Waiter] { lines.flatMap { $0.lists.values.flatMap(\.values) } }

    func insert(_ waiter: Waiter, selecting selector: [Label]) {
        let index =
            lines.firstIndex { $0.selector == selector }
            ?? {
                lines.append(Line(selector: selector))
                return lines.count - 1
            }()
        lines[index].lists[ListKey(waiter), default: SortedList()].insert(waiter, at: waiter.age)
    }

    func remove(_ waiter: Waiter, selecting selector: [Label]) {
        guard let index = lines.firstIndex(where: { $0.selector == selector }) else { return }
        let key = ListKey(waiter)
        lines[index].lists[key]?.remove(at: waiter.age)
        if lines[index].lists[key]?.isEmpty == true { lines[index].lists[key] = nil }
        if lines[index].lists.isEmpty { lines.remove(at: index) }
    }

    /// The heads that are to be looked at: all of them, or with `inOrder` those whose place may
    /// have changed, and that do not lack capacity anyhow.
    func heads(whereOrderChanged inOrder: Bool) -> [Waiter] {
        lines.indices.compactMap { index in
            guard let head = lines[index].head else { return nil }
            let isKnown = lines[index].lookedAt === head && !head.isBehind
            lines[index].lookedAt = head
            return inOrder && isKnown ? nil : head
        }
    }
}
