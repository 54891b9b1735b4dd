# What a client does with the queue: waits on its connection, takes tickets, asks about them.

import world

MOST_TICKETS = 4


class WaitingVerbs:
    """The verbs of waiting; `Client` has the connection."""

    def told(self, ticket):
        """Whether the end of this ticket is known, and its lease, if any, has its owner."""
        return self.book.tickets[ticket].state != "waiting"

    def waiting_request(self, verb, **options):
        """A request of the ordinary sort that lives by a TTL of its own."""
        fields = self.request("ACQUIRE", self.random.choice(world.CLAIMS + world.SEVERAL))
        fields.pop("session", None)
        fields.pop("tag", None)
        if fields["tenant"] not in world.PATIENT and fields["pool"] not in world.TENANTS_OF:
            fields["tenant"] = self.random.choice(world.PATIENT)
        return dict(fields, verb=verb, ttl=self.ttl(), **options)

    def queue(self):
        if len(self.tickets) >= MOST_TICKETS:
            return self.poll()
        fields = self.waiting_request("ACQUIRE QUEUE", queue=self.random.randint(100, 5_000))
        fields["request"] = f"q-{fields['holder']}"
        return self.grant("ACQUIRE", fields)

    def wait(self):
        """Blocks its connection; with a request id it is a ticket that outlives a crash."""
        fields = self.waiting_request("ACQUIRE WAIT", wait=self.random.randint(20, 250))
        # Nobody else repeats it: who does may wait for longer than this client.
        fields["request"] = f"w-{fields['holder']}" if self.random.random() < 0.5 else None
        self.deliver(self.ask("ACQUIRE", fields, self.words("ACQUIRE", fields)))
        return True

    def poll(self):
        if not self.tickets:
            return False
        ticket = self.random.choice(self.tickets)
        record = self.ask("QUEUE GET", {"ticket": ticket}, ["QUEUE", "GET", ticket])
        if record.outcome == "ok" and record.reply.get("lease"):
            self.campaign.hand_over(self.book.tickets[ticket].ask["holder"],
                                    int(record.reply["lease"]))
        return True

    def cancel_ticket(self):
        if not self.tickets:
            return False
        ticket = self.random.choice(self.tickets)
        self.ask("QUEUE CANCEL", {"ticket": ticket}, ["QUEUE", "CANCEL", ticket])
        return True
