# Judgements over a whole history: order of positions, tokens, capacity and quota at every moment.
#
# All are sorts and sweeps, O(n log n), because every reply carries its position. They see only the
# clients' records (through the book), never the daemon.

from facts import least

MUTATIONS = {
    "ACQUIRE", "RESERVE", "RELEASE", "COMMIT", "CANCEL", "SESSION OPEN", "SESSION CLOSE",
    "QUEUE CANCEL", "BOOK", "BOOKING CANCEL", "WINDOW PLAN", "WINDOW CANCEL", "NODE CORDON",
    "NODE DRAIN", "NODE UNCORDON", "REVOKE ALL", "BREAKER RESET", "GROW", "HANDOVER", "SUBLEASE",
}


def judge(records, book, world):
    """Runs every sweep; what is wrong is added to the book's faults."""
    order_of_positions(records, book)
    one_frame_each(records, book)
    rising_tokens(book)
    conflicts(book)
    capacity_by_position(book, world)
    capacity_by_time(book, world)
    parents(book)
    book.judge_drains()
    book.judge_rate(records)
    book.judge_breakers()


def is_change(record):
    """Whether the reply's position is that of a frame of its own."""
    return (record.op in MUTATIONS and not record.reply.get("replayed")
            and record.reply.get("status") != "already ended"
            and record.reply.get("changed") != 0)  # there was nothing to change


def placed(records):
    return [record for record in records
            if record.outcome == "ok" and record.reply and record.reply.get("position") is not None
            and not record.reply.get("replayed")
            and record.reply.get("status") != "already ended"]


def order_of_positions(records, book):
    """A returned before B was sent: the position of A is below that of B."""
    events = []
    for record in placed(records):
        events.append((record.sent, 0, record))
        events.append((record.back, 1, record))
    events.sort(key=lambda event: event[:2])
    highest, holder, floor = 0, None, {}
    for _, is_return, record in events:
        if not is_return:
            floor[id(record)] = (highest, holder)
            continue
        position = int(record.reply["position"])
        low, before = floor.pop(id(record))
        if position < low or (position == low and is_change(record)):
            book.fault("order", f"position {position} is not above {low}, "
                       "which was acknowledged before this was sent", before, record)
        if position > highest:
            highest, holder = position, record


def one_frame_each(records, book):
    """No two changes share a position."""
    seen = {}
    for record in placed(records):
        if is_change(record):
            first = seen.setdefault(int(record.reply["position"]), record)
            if first is not record:
                book.fault("order", "two changes have one position", first, record)


def rising_tokens(book):
    """I4: in the order of the log tokens only rise."""
    last = None
    for position, token, record in sorted(book.tokens, key=lambda item: item[:2]):
        if last and token <= last[1]:
            book.fault("I4", f"token {token} at {position} is not above {last[1]} at {last[0]}",
                       last[2], record)
        last = (position, token, record)


def conflicts(book):
    """CONFLICT needs a second body."""
    for key, record in book.conflicts:
        if len(book.bodies.get(key, ())) < 2:
            book.fault("I7", "a conflict, but only one body was ever sent", record)


def held_intervals(entry):
    """[from, to) in positions, with the amounts surely held there."""
    sightings = sorted(entry.sightings, key=lambda sighting: sighting[0])
    for index, (position, amounts, _) in enumerate(sightings):
        yield position, position + 1, amounts
        if index + 1 < len(sightings):
            following, rest, floor = sightings[index + 1]
            # Whatever shrinks or grows it is seen on both sides, or is in the floor.
            kept = least(amounts, rest)
            if following > position + 1:
                yield position + 1, following, kept if floor is None else least(kept, floor)


def deduplicated(entry):
    """Intervals of one lease, each position counted once."""
    end = 0
    for start, stop, amounts in held_intervals(entry):
        start = max(start, end)
        if stop > start:
            yield start, stop, amounts
            end = stop


def sweep(intervals, limits, book, rule, what):
    """`intervals` are (from, to, name, amount, lease); no name may pass its limit."""
    events = []
    for start, stop, name, amount, lease in intervals:
        events.append((start, 1, name, amount, lease))
        events.append((stop, 0, name, -amount, lease))
    events.sort(key=lambda event: event[:2])
    sums, holders = {}, {}
    for where, is_start, name, amount, lease in events:
        sums[name] = sums.get(name, 0) + amount
        holding = holders.setdefault(name, {})
        holding[lease] = holding.get(lease, 0) + amount
        if is_start and sums[name] > limits.get(name, sums[name]):
            shown = {lease: amount for lease, amount in holding.items() if amount}
            book.fault(rule, f"{name}: {sums[name]} of {limits[name]} at {what} {where}: {shown}")
            return


def capacity_by_position(book, world):
    """I2 and I3 at every position of the log."""
    held = [(start, stop, amounts, entry) for entry in book.leases.values()
            for start, stop, amounts in deduplicated(entry)]
    sweep_both(held, book, world, "position")


def capacity_by_time(book, world):
    """The same in real time: what an outside resource would have seen."""
    held = []
    for entry in book.leases.values():
        entry.close_span(book.sure(entry), book.sure(entry))
        # As long as nothing has changed it, a lease that was booked counts as its booking.
        since = entry.over if entry.booked else 0
        held += [(start, stop, amounts, entry) for start, stop, amounts in entry.spans
                 if start >= since]
    held += [(start, stop, entry.amounts, Booked(entry)) for start, stop, entry
             in book.booked_spans()]
    sweep_both(held, book, world, "time")


class Booked:
    """A booking as the sweeps see a lease; quotas count it only when it has begun."""

    parent, tenant = None, ""

    def __init__(self, entry):
        self.lease = f"booking {entry.booking}"


def sweep_both(held, book, world, what):
    """Capacity of every resource and quota of every tenant."""
    by_resource, by_quota, by_tenant, by_others = [], [], [], []
    for start, stop, amounts, entry in held:
        for level in levels(entry.tenant):
            if level in world.most_leases:
                by_tenant.append((start, stop, level, 1, entry.lease))
        counted = levels(entry.parent.tenant) if entry.parent else []
        for name, amount in amounts.items():
            if entry.parent is None:
                by_resource.append((start, stop, name, amount, entry.lease))
                for tenant, kind in world.guarantees:
                    if kind == world.kind_of[name] and tenant not in levels(entry.tenant):
                        by_others.append((start, stop, (tenant, kind), amount, entry.lease))
            for level in levels(entry.tenant):
                if level in counted:
                    continue
                key = (level, world.kind_of[name])
                if key in world.quotas:
                    by_quota.append((start, stop, key, amount, entry.lease))
    sweep(by_resource, world.capacities, book, "I2", what)
    sweep(by_quota, world.quotas, book, "I3", what)
    sweep(by_tenant, world.most_leases, book, "leases", what)
    # What is guaranteed and not lent is free, or its tenant's.
    sweep(by_others, world.guarantees, book, "guarantee", what)


def parents(book):
    """What is carved out of a lease is never more than that lease holds."""
    limits, intervals = {}, []
    for entry in book.leases.values():
        if entry.parent is None:
            continue
        for start, stop, amounts in deduplicated(entry):
            intervals += [(start, stop, (entry.parent.lease, name), amount, entry.lease)
                          for name, amount in amounts.items()]
        for _, amounts, _ in entry.parent.sightings:
            for name, amount in amounts.items():
                key = (entry.parent.lease, name)
                limits[key] = max(limits.get(key, 0), amount)
    sweep(intervals, limits, book, "parent", "position")


def levels(tenant):
    """The tenant and every tenant above it."""
    parts = tenant.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
