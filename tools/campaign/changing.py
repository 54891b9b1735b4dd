# What a client does with a lease it has: makes it grow, hands it over, carves a part out of it.

import world

GROWTH = {
    "cpu": ("cpu=500m", {"cpu": 500}), "memory": ("memory=256Mi", {"memory": 256 << 20}),
    "gpu": ("gpu=500m", {"gpu": 500}), "seat": ("seat=1", {"seat": 1}),
    "room": ("room=1", {"room": 1}), "slot": ("slot=1", {"slot": 1}),
    "bed": ("bed=1", {"bed": 1}), "spot": ("spot=1", {"spot": 1}),
    "part": ("part=1", {"part": 1}), "chip": ("chip=1", {"chip": 1}),
}
MOST_CHILDREN = 2


class ChangingVerbs:
    """Growth, hand-over and sub-leases; `Client` has the connection."""

    def more_of(self, entry):
        """Claims for more of something that it has, with their amounts by kind."""
        amounts = entry.certain or entry.last
        kinds = sorted({world.World.kind_of[name] for name in amounts})
        return GROWTH[self.random.choice(kinds)]

    def pick_root(self):
        """One of its leases that is held and not carved out of another, or none."""
        entry = self.pick("held")
        return entry if entry and entry.parent is None and entry.moving is None else None

    def grow(self):
        entry = self.pick_root()
        if not entry or self.book.pays(entry):
            return False  # a lease under a budget does not grow
        claims, kinds = self.more_of(entry)
        self.count += 1
        fields = {"lease": entry.lease, "token": entry.token, "kinds": kinds,
                  "request": f"g-{self.name}-{self.count}"}
        words = ["GROW", entry.lease, entry.token, claims, "REQUEST", fields["request"]]
        if self.random.random() < 0.25:
            fields["wait"] = self.random.randint(10, 150)
            words += ["WAIT", fields["wait"]]
        self.last_moves["GROW"] = (fields, words)
        self.ask("GROW", fields, words)
        return True

    def move_again(self):
        """The same once more, with the old token: the same answer, or it is made now."""
        if not self.last_moves:
            return False
        op = self.random.choice(sorted(self.last_moves))
        fields, words = self.last_moves[op]
        if self.book.leases[fields["lease"]].live:
            record = self.ask(op, dict(fields, again=True, verb=f"{op} again"), words)
            if record.outcome == "ok" and op == "HANDOVER":
                self.campaign.hand_over(fields["holder"], fields["lease"])
        return True

    def pass_on(self):
        """To another client, or to itself under another name."""
        entry = self.pick_root()
        if not entry or any(not child.returned for child in entry.children):
            return False
        self.count += 1
        # What its client may revoke by its tag stays with it.
        owner = self.name if entry.tag else self.random.choice(self.campaign.clients).name
        fields = {"lease": entry.lease, "token": entry.token, "ttl": self.ttl(),
                  "holder": f"{owner}-{self.name}-{self.count}",
                  "request": f"h-{self.name}-{self.count}"}
        words = ["HANDOVER", entry.lease, entry.token, "HOLDER", fields["holder"],
                 "TTL", fields["ttl"], "REQUEST", fields["request"]]
        self.last_moves["HANDOVER"] = (fields, words)
        record = self.ask("HANDOVER", fields, words)
        if record.outcome == "ok":
            self.campaign.hand_over(fields["holder"], entry.lease)
        return True

    def carve(self):
        entry = self.pick_root()
        if not entry or sum(not child.returned for child in entry.children) >= MOST_CHILDREN:
            return False
        if any(world.World.node_of[name] in world.DRAINED for name in entry.certain):
            return False  # what a drain takes of a sub-lease does not come back to its parent
        own = self.book.own(entry)
        parts = self.some_of(own) if own else None
        if parts is None or parts == own:
            return False
        self.count += 1
        below = [one for one in world.TENANTS if one.startswith(entry.tenant + "/")]
        tenant = self.random.choice([entry.tenant, *below])
        fields = {"lease": entry.lease, "token": entry.token, "parts": parts, "tenant": tenant,
                  "holder": f"{self.name}-{self.count}", "ttl": self.ttl(),
                  "request": f"s-{self.name}-{self.count}"}
        fields["kinds"] = {world.World.kind_of[name]: amount for name, amount in parts.items()}
        record = self.ask("SUBLEASE", fields, [
            "SUBLEASE", entry.lease, entry.token, world.parts_words(parts), "TENANT", tenant,
            "HOLDER", fields["holder"], "TTL", fields["ttl"], "REQUEST", fields["request"]])
        self.deliver(record)
        return True
