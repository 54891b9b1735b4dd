# The part of the book that takes what the daemon listed: it settles what was unknown.

from facts import ENDED, MS, POSITION_BITS
from families import kinds_of


class ObservedBook:
    """Leases as they were shown after a restart; `Book` has what is known of them."""

    def observe(self, record):
        """A lease as the daemon listed it: settles what was unknown."""
        ask = record.ask
        lease, amounts = ask["lease"], ask["amounts"]
        entry = self.leases.get(lease)
        if entry is None:
            self.adopt(record)
            return
        if ask["state"] == "ended":
            self.finish(entry, record.sent)
            if entry.moving:
                entry.moves[entry.moving.ask["request"]] = 0
            entry.moving = None
            return
        if entry.moving is not None:
            self.settle_move(entry, record)
        if (ask["state"], amounts) not in entry.worlds:
            self.fault("I1", f"lease {lease} shows as {ask['state']} {amounts}, "
                       f"but only {entry.worlds} are possible", record)
        elif len(entry.worlds) > 1:
            entry.worlds = [(ask["state"], amounts)]
            entry.open_span(record.back, amounts)
            session = self.sessions.get(entry.session)
            if session and session.maybe_closed:
                entry.add_world(ENDED)

    def adopt(self, record):
        ask, holder = record.ask, record.ask["holder"]
        first = self.pending.get(holder)
        if first is None:
            known = self.holders.get(holder)
            if known is not None and known != ask["lease"]:
                self.fault("I7", f"one request was granted twice: leases {known} and "
                           f"{ask['lease']}", record)
            elif holder in self.refused:
                self.fault("I1", "a request that was refused holds a lease", record)
            elif known is None:
                self.fault("I9", "a lease that nobody asked for", record)
            return
        self.bind(holder, ask["lease"], record)
        key = (first.ask["tenant"], first.ask.get("request"))
        if key[1] and first.op != "SUBLEASE":
            self.requests.setdefault(key, (ask["lease"], first.ask["body"]))
        if ask["state"] == "ended":
            if first.op == "SUBLEASE":
                self.enter(ask["lease"], ask["token"], first.ask, "held",
                           first.ask["parts"]).worlds = [ENDED]
            return
        self.check_kinds(first.ask, kinds_of(ask["amounts"]), record)
        self.check_pools(first.ask, ask["amounts"], record)
        entry = self.enter(ask["lease"], ask["token"], first.ask, ask["state"], ask["amounts"])
        ttl = first.ask.get("hold") or first.ask.get("ttl")
        if first.op == "BOOK":
            ttl = first.ask["at"] + first.ask["length"]
            entry.life_sure = first.sent + ttl * MS
            entry.life_end = record.back + (ttl + 2) * MS
        self.set_life(entry, first.ask, record, first.sent)
        if first.op != "SUBLEASE":
            self.note_grant(entry, ask["lease"] & POSITION_BITS, record, ask["amounts"],
                            first.sent)
        if entry.session is None:
            entry.sure = first.sent + ttl * MS
            entry.latest, entry.refreshed = record.back + (ttl + 2) * MS, record.back
        entry.see(ask["lease"] & POSITION_BITS, ask["amounts"])
        entry.open_span(record.back, ask["amounts"])
