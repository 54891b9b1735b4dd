# What must be there after a crash at a known length of the recorder's log, and whether it is.
#
# `expect` makes it from the clients' records alone: all that was answered at that length or before,
# and of every client at most the one change that was open then, whole or not at all. `compare`
# holds it against what a daemon shows that was started on the image. Nothing here ends by itself
# (writers.py), so that when the image is looked at does not matter.

from wire import Refused, amounts_of, as_map, listing

SLACK = 1_000_000_000   # nanoseconds: times are told in milliseconds and read one after the other
MS = 1_000_000
ANSWERS = 12            # of a client's stored answers, the last that are asked for
ENDINGS = 12            # likewise of its leases that have ended


class Kept:
    """What is known of one lease."""

    def __init__(self, holder, amount, token, sure):
        self.holder = holder
        self.worlds = [(amount, token)]   # what it may hold, None where it has ended
        self.sure = sure                  # it lives at least until then (CLOCK_MONOTONIC)

    def allows(self, amount, token):
        """A token that an unanswered growth gave is nobody's knowledge."""
        return any(world and world[0] == amount and world[1] in (token, None)
                   for world in self.worlds)


class Expected:
    """Everything that was acknowledged, and what may have happened beside it."""

    def __init__(self):
        self.position, self.answers, self.open = 0, 0, 0
        self.leases, self.requests = {}, {}   # both in the order of the records
        self.hopeful = set()                  # holders of grants that nobody was told of
        self.limits = {}                      # tenant -> limits that are possible

    def acknowledge(self, record):
        ask, reply = record.ask, record.reply
        self.answers += 1
        self.position = max(self.position, reply["position"])
        if record.op == "ACQUIRE":
            amount = sum(reply["amounts"].values())
            self.leases[reply["lease"]] = Kept(ask["holder"], amount, reply["token"],
                                               record.sent + ask["ttl"] * MS)
            self.requests[ask["request"]] = reply["lease"]
        elif record.op == "QUOTA SET":
            self.limits[ask["tenant"]] = {ask["limit"]}
        elif record.op == "RENEW":
            lease = self.leases[ask["lease"]]
            lease.sure = max(lease.sure, record.sent + ask["ttl"] * MS)
        elif record.op == "GROW":
            self.leases[ask["lease"]].worlds = [(sum(reply["amounts"].values()), reply["token"])]
        elif record.op == "RELEASE":
            self.leases[ask["lease"]].worlds = [None]
        else:
            raise ValueError(record.op)

    def allow(self, record):
        """It was sent, and may have happened."""
        ask = record.ask
        self.open += 1
        if record.op == "ACQUIRE":
            self.hopeful.add(ask["holder"])
        elif record.op == "QUOTA SET":
            self.limits.setdefault(ask["tenant"], {None}).add(ask["limit"])
        elif record.op == "GROW":
            worlds = self.leases[ask["lease"]].worlds
            worlds.append((worlds[0][0] + ask["more"], None))
        elif record.op == "RELEASE":
            self.leases[ask["lease"]].worlds.append(None)


def expect(clients, length):
    """`clients` are lists of records in the order in which each client asked."""
    expected = Expected()
    for records in clients:
        for record in records:
            if record.ask["from"] > length:
                break
            if record.outcome == "err":
                continue
            if record.outcome == "ok" and record.reply["to"] <= length:
                expected.acknowledge(record)
            else:
                expected.allow(record)
    return expected


class Shown:
    """What a daemon shows, at rest.

    A start writes records of its own: `audited` is where the log ended before, if that is known.
    """

    def __init__(self, wire, expected, now, audited=None):
        self.position = audited
        if audited is None:
            self.position = int(as_map(wire.call("STATUS"))["position"])
        self.label = wire.client.info("ledger")["recovery"]
        self.leases = [self.lease(item, now) for item in listing(wire, "LEASE", "LIST")]
        self.held = {item["name"]: (int(item["held"]), int(item["capacity"]))
                     for item in listing(wire, "RESOURCE", "LIST") if item["pool"] == "main"}
        self.limits = {item["tenant"]: int(item["limit"])
                       for item in listing(wire, "QUOTA", "LIST", page=None)}
        asked = list(expected.requests)[-ANSWERS:]
        self.answers = {request: self.answer(wire, "REQUEST", "GET", request) for request in asked}
        ended = [lease for lease, kept in expected.leases.items() if kept.worlds == [None]]
        self.ended = {lease: self.state(wire, lease) for lease in ended[-ENDINGS:]}

    @staticmethod
    def lease(item, now):
        return {"lease": int(item["lease"]), "token": int(item["token"]), "state": item["state"],
                "holder": item["holder"], "amounts": amounts_of(item),
                "until": now() + int(item["ttl"]) * MS}

    @staticmethod
    def answer(wire, *words):
        try:
            return int(as_map(wire.call(*words)).get("lease") or 0)
        except Refused as refusal:
            return refusal.code

    @staticmethod
    def state(wire, lease):
        try:
            return as_map(wire.call("LEASE", "GET", lease))["state"]
        except Refused as refusal:
            return refusal.code


def compare(expected, shown):
    """What is wrong, as sentences."""
    faults = []
    if shown.position < expected.position:
        faults.append(f"the log ends at {shown.position}, but {expected.position} was acknowledged")
    faults += compare_leases(expected, shown)
    faults += compare_sums(shown)
    for tenant, limits in expected.limits.items():
        if shown.limits.get(tenant) not in limits:
            faults.append(f"the quota of {tenant} is {shown.limits.get(tenant)}, not one of "
                          f"{limits}")
    for request, lease in shown.answers.items():
        if lease != expected.requests[request]:
            faults.append(f"request {request} was granted {expected.requests[request]}, its stored "
                          f"answer tells {lease}")
    for lease, state in shown.ended.items():
        if state not in ("ended", "NOTFOUND", "EXPIRED"):
            faults.append(f"lease {lease} was released, and is told to be {state}")
    return faults


def compare_leases(expected, shown):
    """Every lease that surely lives is listed as it was told; nothing else is."""
    faults, listed, holders = [], {}, set()
    for lease in shown.leases:
        number, amount = lease["lease"], sum(lease["amounts"].values())
        if number in listed or lease["holder"] in holders:
            faults.append(f"granted twice: {lease}")
        listed[number] = lease
        holders.add(lease["holder"])
        kept = expected.leases.get(number)
        if kept is None:
            if lease["holder"] not in expected.hopeful:
                faults.append(f"nobody asked for {lease}")
            continue
        if lease["holder"] != kept.holder or lease["state"] != "held" \
                or not kept.allows(amount, lease["token"]):
            faults.append(f"{lease} should be one of {kept.worlds} of {kept.holder}")
        elif lease["until"] + SLACK < kept.sure:
            faults.append(f"lease {number} was renewed for {(kept.sure - lease['until']) // MS} ms "
                          "more than it has")
    for number, kept in expected.leases.items():
        if number not in listed and None not in kept.worlds:
            faults.append(f"acknowledged lease {number} of {kept.holder} is gone: {kept.worlds}")
    return faults


def compare_sums(shown):
    sums = {}
    for lease in shown.leases:
        for name, amount in lease["amounts"].items():
            sums[name] = sums.get(name, 0) + amount
    return [f"{name} holds {held} of {capacity}, its leases {sums.get(name, 0)}"
            for name, (held, capacity) in shown.held.items()
            if held != sums.get(name, 0) or held > capacity]
