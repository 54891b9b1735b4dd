# What the daemon shows while the clients are parked, compared with the book.
#
# Expiries go on meanwhile, and grants to those who wait. What is listed between two equal positions
# of the log is one moment; the comparison is made on such a moment.

import time

import world
from facts import MS, reply_fields
from families import add
from history import now
from oracle import levels
from wire import Refused, amounts_of, as_map, listing

TERMS = ("held", "reserved", "quarantined")
PATIENCE = 8.0
SAMPLE = 12


class Snapshot:
    """One moment of the daemon's state, read by one connection."""

    def __init__(self, wire, book, history, random):
        self.wire, self.book, self.history, self.random = wire, book, history, random

    def check(self, leaks=False):
        """Compares everything; faults go to the book."""
        self.settle()
        self.check_resources()
        self.check_quotas()
        self.check_tickets()
        self.check_bookings()
        self.check_drains()
        self.check_leases()
        self.check_limits()
        self.check_requests()
        self.check_reads()
        if leaks:
            self.check_leaks()

    # --- a moment ------------------------------------------------------------------------------

    def settle(self):
        """Reads until nothing moved while reading and the sums agree, or patience ends."""
        limit = time.monotonic() + PATIENCE
        while True:
            before = self.position()
            self.leases = [self.lease(item) for item in listing(self.wire, "LEASE", "LIST")]
            self.time = now()
            self.quotas = {(item["tenant"], item["kind"]): item
                           for item in listing(self.wire, "QUOTA", "LIST", page=None)}
            self.tickets = listing(self.wire, "QUEUE", "LIST")
            self.bookings = listing(self.wire, "BOOKING", "LIST")
            self.windows = listing(self.wire, "WINDOW", "LIST")
            self.limits = {command: listing(self.wire, command, "LIST", page=None)
                           for command in ("BUDGET", "TENANT", "BREAKER")}
            self.resources = self.read_resources()
            steady = before == self.position()
            if (steady and not self.differences()) or time.monotonic() > limit:
                break
            time.sleep(0.01)
        if not steady:
            self.book.fault("I2", f"state kept changing for {PATIENCE} s with no client at work")
        for sentence in self.differences():
            self.book.fault("I1" if sentence.startswith("ended") else "I2", sentence)

    def position(self):
        return int(as_map(self.wire.call("STATUS"))["position"])

    def read_resources(self):
        items = listing(self.wire, "RESOURCE", "LIST")
        self.states = {item["name"]: item["state"] for item in items}
        return {item["name"]: self.terms(item) for item in items}

    @staticmethod
    def terms(item):
        return {name: int(item[name]) for name in TERMS + ("free", "capacity", "debt")}

    def lease(self, item):
        state = item.get("state") or item.get("status")
        state = {"granted": "held"}.get(state, state)
        return {"lease": int(item["lease"]), "token": int(item["token"]), "state": state,
                "holder": item["holder"], "tenant": item["tenant"], "amounts": amounts_of(item),
                "parent": int(item["parent"]) if item["parent"] else None}

    def differences(self):
        """Where the resources' terms are not the sums over the listed leases."""
        sums = {}
        for lease in self.leases:
            for name, amount in lease["amounts"].items():
                key = (name, lease["state"])
                sums[key] = sums.get(key, 0) + amount
        wrong = [f"{name}: {term} is {facts[term]}, its leases hold {sums.get((name, term), 0)}"
                 for name, facts in self.resources.items() for term in TERMS
                 if facts[term] != sums.get((name, term), 0)]
        # A lease that is over may wait a moment for its reclaim, but no longer.
        return wrong + [f"ended lease {lease['lease']} is still listed: {lease}"
                        for lease in self.leases if lease["state"] != "quarantined"
                        and lease["lease"] in self.book.leases
                        and not self.book.leases[lease["lease"]].live]

    def check_tickets(self):
        """Every ticket that is not listed as waiting must tell how it ended."""
        listed = set()
        for item in self.tickets:
            ticket = int(item["ticket"])
            if ticket in listed:
                self.book.fault("I8", f"ticket {ticket} is listed twice")
            listed.add(ticket)
            self.tell("OBSERVE TICKET", {
                "ticket": ticket, "holder": item["holder"], "tenant": item["tenant"]})
        for ticket, entry in list(self.book.tickets.items()):
            if entry.state == "waiting" and ticket not in listed:
                self.ask("QUEUE GET", {"ticket": ticket}, ["QUEUE", "GET", ticket])

    def check_bookings(self):
        """Every booking that is not listed as to come must tell what became of it."""
        listed = set()
        for item in self.bookings:
            booking = int(item["booking"])
            listed.add(booking)
            self.tell("OBSERVE BOOKING", {
                "booking": booking, "holder": item["holder"], "amounts": amounts_of(item)})
        for booking, entry in list(self.book.bookings.items()):
            if entry.state == "booked" and booking not in listed:
                self.ask("BOOKING GET", {"booking": booking}, ["BOOKING", "GET", booking])

    def check_drains(self):
        """Planned drains are there until they are over, and nodes are what they were made."""
        windows = [{"window": int(item["window"]), "reason": item["reason"]}
                   for item in self.windows]
        self.tell("OBSERVE WINDOWS", {"windows": windows})
        running = any(item["status"] == "running" for item in self.windows)
        planned = "draining" if running else "active"
        if self.states["y0-slots"] != planned:
            self.book.fault("window", f"node y0 is {self.states['y0-slots']}, not {planned}: "
                            f"{self.windows}")
        self.tell("OBSERVE NODE", {"node": "y1", "state": self.states["y1-slots"]})

    def tell(self, op, fields):
        """What was seen, as a record of the observer's."""
        self.book.fold(self.history.finish(self.history.invoke(op, fields), "ok"))

    def ask(self, op, fields, words):
        """A command whose answer the book judges as that of any client."""
        record = self.history.invoke(op, fields)
        try:
            reply = reply_fields(as_map(self.wire.call(*words)))
            self.book.fold(self.history.finish(record, "ok", None, reply))
        except Refused as refusal:
            text = {"text": str(refusal)[:200]}
            self.book.fold(self.history.finish(record, "err", refusal.code, text))
        return record

    # --- comparisons ---------------------------------------------------------------------------

    def check_resources(self):
        for name, (_, _, capacity, _) in world.RESOURCES.items():
            facts = self.resources.get(name)
            if facts is None:
                self.book.fault("I1", f"resource {name} is gone")
                continue
            if facts["capacity"] != capacity:
                self.book.fault("I1", f"{name}: capacity {facts['capacity']}, not {capacity}")
            self.check_terms(name, facts)
            self.check_terms(name, self.terms(as_map(self.wire.call("RESOURCE", "GET", name))))

    def check_terms(self, name, facts):
        used = sum(facts[term] for term in TERMS)
        if used + facts["free"] != facts["capacity"] + facts["debt"] or facts["debt"] \
                or min(facts.values()) < 0:
            self.book.fault("I2", f"{name}: {facts}")

    def check_quotas(self):
        used = {}
        for lease in self.leases:
            for name, amount in lease["amounts"].items():
                for level in levels(lease["tenant"]):
                    key = (level, world.World.kind_of[name])
                    used[key] = used.get(key, 0) + amount
        for key, limit in world.QUOTAS.items():
            quota = self.quotas.get(key)
            if quota is None:
                self.book.fault("I1", f"the quota of {key} is gone")
            elif int(quota["limit"]) != limit:
                self.book.fault("I1", f"the quota of {key} is {quota['limit']}, not {limit}")
            elif int(quota["used"]) != used.get(key, 0):
                self.book.fault("I3", f"{key} uses {quota['used']}, its leases {used.get(key, 0)}")
            elif int(quota["used"]) > limit:
                self.book.fault("I3", f"{key} uses {quota['used']} of {limit}")
        for key, possible in self.book.settings.items():
            if key[1] == "budget":
                continue
            shown = int(self.quotas[key]["limit"]) if key in self.quotas else None
            if shown not in possible:
                self.book.fault("I1", f"the quota of {key} is {shown}, not one of {possible}")
            self.book.settings[key] = {shown}

    def check_leases(self):
        """Every lease that surely lives is listed; every listed one is known and possible."""
        listed = {}
        for lease in self.leases:
            if lease["lease"] in listed:
                self.book.fault("I8", f"lease {lease['lease']} is listed twice")
            listed[lease["lease"]] = lease
        wholes = self.wholes(listed)
        for lease in self.leases:
            self.observe(dict(lease, amounts=wholes[lease["lease"]]))
        for entry in self.book.leases.values():
            if not entry.live or entry.lease in listed:
                continue
            # A lease whose deadline has passed is as good as ended; nothing else may be missing.
            if all(state != "ended" for state, _ in entry.worlds) \
                    and self.book.sure(entry) > self.time:
                record = self.history.invoke("OBSERVE", {"lease": entry.lease})
                self.book.fault("I1", f"acknowledged lease {entry.lease} of {entry.holder} "
                                f"{entry.worlds} is gone", record)
            self.book.close_span(entry, self.time)
            self.observe({"lease": entry.lease, "token": entry.token, "state": "ended",
                          "holder": entry.holder, "tenant": entry.tenant, "amounts": {}})
        for holder in [holder for holder in self.book.pending if holder not in
                       {lease["holder"] for lease in self.leases}]:
            self.settle_pending(holder)
        self.listed, self.held = listed, {
            number: whole for number, whole in wholes.items()
            if listed[number]["state"] != "quarantined"}

    def check_limits(self):
        """Budgets and numbers of leases are those that the leases explain; breakers stay open."""
        budget = next(item for item in self.limits["BUDGET"] if item["tenant"] == world.BUDGET)
        self.tell("OBSERVE BUDGET", {
            **{name: int(budget[name]) for name in ("limit", "spent", "held")},
            "explained": self.book.held_of_budget(self.held)})
        self.tell("OBSERVE BREAKERS", {
            "open": [item["name"] for item in self.limits["BREAKER"] if item["state"] == "open"]})
        for item in self.limits["TENANT"]:
            tenant = item["tenant"]
            count = sum(tenant in levels(lease["tenant"]) for lease in self.leases)
            if int(item["leases"]) != world.MOST_LEASES_OF[tenant] or int(item["count"]) != count:
                self.book.fault("leases", f"{item}, but {count} leases are listed")
        for (tenant, kind), amount in world.GUARANTEES.items():
            if int(self.quotas[tenant, kind]["guarantee"]) != amount:
                self.book.fault("I1", f"the guarantee is {self.quotas[tenant, kind]}")

    def wholes(self, listed):
        """What each lease holds with all that is carved out of it; children tell their parents."""
        wholes = {number: lease["amounts"] for number, lease in listed.items()}
        for number, lease in listed.items():
            entry = self.book.leases.get(number)
            if entry and entry.parent and lease["parent"] not in (entry.parent.lease, None) \
                    or entry and not entry.parent and lease["parent"]:
                self.book.fault("parent", f"lease {number} is shown as carved from "
                                f"{lease['parent']}")
            if lease["parent"] in wholes:
                wholes[lease["parent"]] = add(wholes[lease["parent"]], lease["amounts"])
        for entry in self.book.leases.values():
            for child in entry.children:
                child.returned = child.returned or child.lease not in listed
        return wholes

    def observe(self, lease):
        entry = self.book.leases.get(lease["lease"])
        fields = dict(lease, state="ended" if lease["state"] == "quarantined" else lease["state"])
        if entry and fields["state"] != "ended":
            for name in ("token", "holder", "tenant"):
                if lease[name] != getattr(entry, name) and entry.settled:
                    self.book.fault("I1", f"lease {lease['lease']}: {name} is {lease[name]}, "
                                    f"not {getattr(entry, name)}")
        if entry and entry.settled and entry.worlds[0][0] == fields["state"] \
                and entry.worlds[0][1] == fields["amounts"]:
            return
        if entry and lease["state"] == "quarantined" and not entry.live:
            return
        if entry and entry.live and lease["state"] == "quarantined" and self.surely(entry):
            self.book.fault("I5", f"lease {lease['lease']} was reclaimed before its deadline")
        self.tell("OBSERVE", fields)

    def surely(self, entry):
        return all(state != "ended" for state, _ in entry.worlds) \
            and self.book.sure(entry) > self.time

    def settle_pending(self, holder):
        """An acquire of unknown outcome that is not listed: its request id tells more."""
        record = self.book.pending[holder]
        request, resolved = record.ask.get("request"), self.book.resolved
        if request:
            stored = self.stored(request, record.ask["tenant"])
            if stored is not None and not stored.get("lease"):
                told = "waits" if stored.get("ticket") else "refused for good"
                resolved[told] = resolved.get(told, 0) + 1
                self.book.pending.pop(holder)
                return
            if stored:
                resolved["happened, ended since"] = resolved.get("happened, ended since", 0) + 1
                self.book.bind(holder, int(stored["lease"]), record)
                self.book.lapse(record)
                return
        # Without a live lease it can only have been refused, lost, or have ended since.
        resolved["no trace"] = resolved.get("no trace", 0) + 1
        self.book.pending.pop(holder)
        self.book.lapse(record)
        if request and record.ask.get("ttl") == 60_000 and record.ask.get("hold") is None:
            self.book.refused.add(holder)

    def stored(self, request, tenant):
        try:
            return as_map(self.wire.call("REQUEST", "GET", request, "TENANT", tenant))
        except Refused as refusal:
            if refusal.code in ("UNSATISFIABLE", "TIMEOUT"):
                return {}  # the stored answer was a refusal, or the end of a ticket
            if refusal.code != "NOTFOUND":
                self.book.fault("I7", f"REQUEST GET {request}: {refusal}")
            return None

    def check_requests(self):
        """Stored answers of some known grants: the same lease as was answered then."""
        known = list(self.book.fresh.items())[-400:]
        for (tenant, request), record in self.random.sample(known, min(SAMPLE, len(known))):
            stored = self.stored(request, tenant)
            if not stored or int(stored.get("lease") or 0) != int(record.reply["lease"]):
                self.book.fault("I7", f"REQUEST GET {request} tells {stored}", record)

    def check_reads(self):
        """LEASE GET agrees with the list, for live leases and for ended ones."""
        entries = list(self.book.leases.values())[-2000:]
        for entry in self.random.sample(entries, min(SAMPLE, len(entries))):
            try:
                shown = self.lease(as_map(self.wire.call("LEASE", "GET", entry.lease)))
            except Refused as refusal:
                shown = None
                if refusal.code not in ("NOTFOUND", "EXPIRED"):
                    self.book.fault("I1", f"LEASE GET {entry.lease}: {refusal}")
            if shown and not entry.live and shown["state"] in ("held", "reserved"):
                self.book.fault("I1", f"ended lease {entry.lease} is shown as {shown}")
            if not shown and entry.lease in self.listed and self.surely(entry) \
                    and self.book.sure(entry) > now():
                self.book.fault("I1", f"lease {entry.lease} is listed but LEASE GET says no")

    def check_leaks(self):
        """With nothing killed for a while, what is overdue must have been taken back."""
        slack = (world.RESTART_GRACE_MS + world.LOCK_DELAY_MS + 1_000) * MS
        for item in self.tickets:
            entry = self.book.tickets.get(int(item["ticket"]))
            if entry and max(entry.latest, self.book.gaps[-1]) + slack < self.time:
                self.book.fault("leak", f"ticket {entry.ticket} waits past its time: {item}")
        for item in self.bookings:
            entry = self.book.bookings.get(int(item["booking"]))
            if entry and max(entry.starts[1], self.book.gaps[-1]) + slack < self.time:
                self.book.fault("leak", f"booking {entry.booking} has not begun: {item}")
        for lease in self.leases:
            entry = self.book.leases.get(lease["lease"])
            timed = entry and (self.book.sessions.get(entry.session) if entry.session else entry)
            if not timed or timed.latest is None:
                continue
            latest = max(timed.latest, self.book.gaps[-1])
            if latest + slack < self.time:
                self.book.fault("leak", f"lease {entry.lease} of {entry.holder} should have been "
                                f"reclaimed {(self.time - latest) // MS} ms ago: {lease}")
