# The part of the book that follows what tenants may have at all, and what operators take away:
# budgets, rates, breakers, revocation, plans.
#
# Budgets are judged by the leases that explain them: what is held is amount times longest life of
# those that live, and what is spent lies between what they surely used and what they can have.

from facts import LATER, MS
from oracle import levels
from world import BUDGET, FRAIL, OPEN_MS, RATE, World

SLACK = 4  # thousandths for each lease: every part of every settlement is rounded up


class LimitBook:
    """Budgets, rates, breakers and revocation of one campaign; `Book` has the leases."""

    lapsed = 0  # thousandths that leases may have spent of which nobody ever heard

    # --- budgets -------------------------------------------------------------------------------

    def pays(self, entry):
        """Whether the budget covers this lease; what is carved out stays with that of the whole."""
        return entry.parent is None and BUDGET in levels(entry.tenant)

    def held_of_budget(self, wholes):
        """Thousandths that the leases explain: `wholes` are those that live, by number."""
        return sum(amount * entry.life for number, amounts in wholes.items()
                   for entry in [self.leases.get(number)] if entry and self.pays(entry)
                   for name, amount in amounts.items() if name in World.priced)

    def lapse(self, record):
        """An acquire without an answer, and without a lease now: it may have had one that ended."""
        ask = record.ask
        if BUDGET in levels(ask["tenant"]) and ask.get("life"):
            most = ask.get("most") or ask["kinds"]
            self.lapsed += sum(most.values()) * ask["life"] + SLACK

    def spent_bounds(self):
        """The least and the most that leases can have used, in thousandths."""
        least, most = 0, self.lapsed
        for entry in self.leases.values():
            if not self.pays(entry):
                continue
            asked = sum(entry.first.values())
            longest = entry.life
            if not entry.live:
                least += sum(sum(amounts.values()) * (stop - start) // MS
                             for start, stop, amounts in entry.spans)
                if entry.released is not None:
                    longest = min(longest, (entry.released - entry.born) / MS + 1)
                most += asked * longest + SLACK
            else:
                kept = min(sum(amounts.values()) for _, amounts in entry.live)
                most += (asked - kept) * longest + SLACK
        return least, most

    def observe_budget(self, record):
        ask = record.ask
        key = (BUDGET, "budget")
        possible = self.settings.get(key, {None})
        if ask["limit"] not in possible:
            self.fault("I1", f"the budget is {ask['limit']}, not one of {possible}", record)
        self.settings[key] = {ask["limit"]}
        if ask["held"] != ask["explained"]:
            self.fault("budget", f"{ask['held']} is held, the leases explain {ask['explained']}",
                       record)
        if ask["spent"] + ask["held"] > ask["limit"]:
            self.fault("budget", "more is spent and held than the budget has", record)
        least, most = self.spent_bounds()
        if not least <= ask["spent"] <= most:
            self.fault("budget", f"{ask['spent']} is spent, the leases used {least} to {most}",
                       record)
        if ask["spent"] < self.spent:
            self.fault("I1", f"{ask['spent']} is spent, and {self.spent} was before", record)
        self.spent = ask["spent"]

    # --- rates -----------------------------------------------------------------------------------

    def judge_rate(self, records):
        """No span of time has more grants of the tenant than its rate and burst allow."""
        tenant, rate, burst = RATE
        grants = sorted((record for record in records if record.op in ("ACQUIRE", "RESERVE")
                         and record.outcome == "ok" and record.reply.get("lease")
                         and not record.reply.get("replayed")
                         and tenant in levels(record.ask["tenant"])
                         and "queue" not in record.ask), key=lambda record: record.back)
        for first in range(len(grants)):
            since = grants[first].sent
            for last in range(first + burst, min(first + 4 * burst, len(grants))):
                within = [record for record in grants[first:last + 1] if record.sent >= since]
                span = (grants[last].back - since) / 1e9
                if len(within) > burst + span * rate + 1:
                    self.fault("rate", f"{len(within)} grants of {tenant} in {span:.3f} s",
                               grants[first], grants[last])
                    return

    # --- breakers --------------------------------------------------------------------------------

    def fold_report(self, entry, record):
        """`REPORT` succeeded: what it opened stays open."""
        self.succeeded(entry, record)
        for name in record.reply.get("opened") or []:
            if name not in FRAIL:
                self.fault("breaker", f"the breaker of {name} has opened", record)
            self.openings.append((int(record.reply["position"]), record, name))
            self.counts["breaker opened"] = self.counts.get("breaker opened", 0) + 1

    def fold_reset(self, record):
        if record.outcome == "err" and record.code not in {"NOTFOUND"} | LATER:
            self.fault("refusal", "a well-formed reset was refused as malformed", record)
        elif record.outcome == "err" and record.code == "NOTFOUND":
            if self.surely_open(record.ask["name"], record):
                self.fault("breaker", "a breaker that is open can not be closed", record)
        else:
            position = int(record.reply["position"]) if record.outcome == "ok" else None
            self.resets.append((position, record))

    def surely_open(self, name, record):
        """Whether a breaker was open at the time of this record."""
        opened = [(position, opening) for position, opening, what in self.openings if what == name]
        if not opened:
            return False
        position, opening = max(opened, key=lambda item: item[0])
        undone = any(reset.ask["name"] == name and (at is None or at > position)
                     for at, reset in self.resets)
        return not undone and record.back < opening.sent + OPEN_MS * MS \
            and opening.back < record.sent

    def observe_breakers(self, record):
        for name in FRAIL:
            if self.surely_open(name, record) and name not in record.ask["open"]:
                self.fault("I1", f"the breaker of {name} was open, and is closed", record)

    def judge_breakers(self):
        """Nothing is granted on a resource from the opening of its breaker to its closing."""
        for grant in self.grants:
            for opened, opening, name in self.openings:
                if name not in grant.names or grant.position <= opened \
                        or grant.back >= opening.sent + OPEN_MS * MS:
                    continue
                if not any(reset.ask["name"] == name and
                           (opened < at < grant.position if at is not None
                            else opening.sent < reset.sent < grant.back)
                           for at, reset in self.resets):
                    self.fault("breaker", f"lease {grant.entry.lease} got {name} at "
                               f"{grant.position}, open since {opened}", opening)

    # --- revocation ------------------------------------------------------------------------------

    def fold_revoked(self, record):
        """`LEASE REVOKE ALL` of one client's tag: all of its leases end, and no others."""
        tagged = [entry for entry in self.leases.values()
                  if entry.live and entry.tag == record.ask["tag"]]
        if record.outcome == "err":
            if record.code not in LATER:
                self.fault("refusal", "a well-formed revocation was refused as malformed", record)
        elif record.outcome == "unknown":
            for entry in tagged:
                self.doubt(entry, record.sent)
        else:
            listed = set(record.reply["items"])
            for number in listed:
                entry = self.leases.get(number)
                if entry is None or entry.tag != record.ask["tag"]:
                    self.fault("revoke", f"lease {number} was revoked by another's tag", record)
                elif not entry.live:
                    self.fault("I1", f"lease {number} had ended when it was revoked", record)
            for entry in tagged:
                sure = entry.settled and entry.worlds == entry.live
                if entry.lease not in listed and sure and self.sure(entry) > record.back:
                    self.fault("revoke", f"lease {entry.lease} was left out", record)
                self.finish(entry, record.sent)
