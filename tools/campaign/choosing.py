# What a client asks for beside plain grants: plans, ranges, several pools; and reports, revocation.

import world


class ChoosingVerbs:
    """The verbs of choosing and of giving up; `Client` has the connection."""

    def plan(self):
        """Asks what it would get, and then mostly for exactly that.

        Anything that others do in between makes a plan out of date, so they are asked for quiet.
        """
        fields = self.request("ACQUIRE", self.random.choice(world.CLAIMS))
        for name in ("session", "request", "tag"):
            fields.pop(name, None)
        fields["ttl"] = self.ttl()
        with self.campaign.hush(self):
            return self.plan_and_acquire(fields)

    def plan_and_acquire(self, fields):
        record = self.ask("PLAN", fields, self.words("PLAN", fields))
        version = record.reply.get("version") if record.outcome == "ok" else None
        if version is None or self.random.random() < 0.2:
            return True
        fields.update(version=version, planned=record.reply["amounts"], verb="ACQUIRE PLAN",
                      request=f"p-{fields['holder']}")
        self.deliver(self.ask("ACQUIRE", fields, self.words("ACQUIRE", fields)))
        return True

    def range_of(self):
        """As much as there is, between a least and a most."""
        *claim, most = self.random.choice(world.RANGES)
        fields = dict(self.request("ACQUIRE", claim), most=most, verb="ACQUIRE range")
        return self.grant("ACQUIRE", fields)

    def several(self):
        """From the first of several pools that has it."""
        claim = self.random.choice(world.SEVERAL)
        return self.grant("ACQUIRE", dict(self.request("ACQUIRE", claim), verb="ACQUIRE pools"))

    def report(self):
        """Says that something it holds has failed, so that its breaker opens."""
        mine = [entry for entry in map(self.book.leases.get, self.mine)
                if entry.settled and entry.certain and entry.worlds[0][0] == "held"
                and set(entry.certain) <= world.FRAIL and self.book.own(entry)]
        if not mine:
            return False
        entry = self.random.choice(mine)
        name = self.random.choice(sorted(self.book.own(entry)))
        self.ask("REPORT", {"lease": entry.lease, "token": entry.token, "name": name},
                 ["REPORT", entry.lease, entry.token, "FAILED", "RESOURCE", name])
        return True

    def revoke(self):
        """Takes back all leases that carry its tag."""
        self.ask("REVOKE ALL", {"tag": self.name},
                 ["LEASE", "REVOKE", "ALL", "campaign", "TAG", f"mark={self.name}"])
        return True
