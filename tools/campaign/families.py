# The part of the book that follows what changes a lease: growth, hand-over, and sub-leases.
#
# For a lease with sub-leases the book keeps the *whole*: what the lease would hold if everything
# that is carved out of it had come back. So it is the same whenever a sub-lease ends, which is
# seen late; what the daemon shows is the whole less the parts that are still out.
# A growth or hand-over of unknown outcome is told by the token, and for a hand-over by the holder.

from itertools import product

from facts import ENDED, LATER, MS, POSITION_BITS, subtract
from world import World

# Refusals that change nothing, beside those that say that the lease is over.
HARMLESS = {
    "GROW": {"EXHAUSTED", "QUOTA", "TIMEOUT", "DEADLOCK"}, "HANDOVER": set(),
    "SUBLEASE": {"QUOTA", "EXHAUSTED"}, "REPORT": set(),
}


def add(amounts, parts):
    """The sum of two holdings."""
    names = {**amounts, **parts}
    return {name: amounts.get(name, 0) + parts.get(name, 0) for name in names}


def kinds_of(amounts):
    """The same by kind."""
    kinds = {}
    for name, amount in amounts.items():
        kinds[World.kind_of[name]] = kinds.get(World.kind_of[name], 0) + amount
    return kinds


class FamilyBook:
    """Growth, hand-over and sub-leases; `Book` has the leases."""

    # --- parents and what is carved from them ---------------------------------------------------

    def carve(self, entry, parent):
        entry.parent = parent
        parent.children.append(entry)

    def outside(self, entry):
        """The holdings that sub-leases may have now, as every way in which some have ended."""
        choices = []
        for child in entry.children:
            if child.returned:
                continue
            holdings = [amounts for _, amounts in child.live] or [child.last]
            surely = child.live == child.worlds and self.sure(child) > (self.last_back or 0)
            choices.append(holdings if surely else holdings + [{}])
        sums = []
        for chosen in product(*choices):
            total = {}
            for amounts in chosen:
                total = add(total, amounts)
            sums.append(total)
        return sums

    def own(self, entry):
        """What a lease surely has to give of what it holds."""
        rest = entry.certain or {}
        for child in entry.children:
            if not child.returned:
                rest = subtract(rest, child.last)
        return rest

    def finish(self, entry, time):
        """A lease is over, and with it all that is carved from it."""
        self.close_span(entry, time)
        entry.worlds = [ENDED]
        for child in entry.children:
            if child.live:
                self.finish(child, time)

    def doubt(self, entry, time):
        """A lease may be over."""
        self.close_span(entry, time)
        entry.add_world(ENDED)
        for child in entry.children:
            if child.live:
                self.doubt(child, time)

    # --- sub-leases ----------------------------------------------------------------------------

    def fold_sublease(self, record):
        ask = record.ask
        parent = self.leases.get(ask["lease"])
        if parent is None:
            self.fault("book", "a sub-lease of a lease that nobody was granted", record)
        elif record.outcome == "unknown":
            self.pending.setdefault(ask["holder"], record)
        elif record.outcome == "err":
            self.fold_refused_change(parent, record)
        else:
            self.succeeded(parent, record)
            self.enter_sublease(parent, record)

    def enter_sublease(self, parent, record):
        ask, reply = record.ask, record.reply
        lease, token, position = (int(reply[name]) for name in ("lease", "token", "position"))
        self.bind(ask["holder"], lease, record)
        if reply.get("replayed"):
            return
        if lease in self.leases or token & POSITION_BITS != position:
            self.fault("I4", f"sub-lease {lease} is no lease of its own", record)
        if reply["amounts"] != ask["parts"]:
            self.fault("I8", f"carved {reply['amounts']} instead of {ask['parts']}", record)
        self.tokens.append((position, token, record))
        entry = self.enter(lease, token, ask, "held", reply["amounts"])
        self.set_deadline(entry, record)
        entry.see(position, reply["amounts"])
        entry.open_span(record.back, reply["amounts"])

    # --- growth --------------------------------------------------------------------------------

    def fold_growth(self, entry, record):
        """`GROW` succeeded, now or before."""
        reply = record.reply
        token, position = int(reply["token"]), int(reply["position"])
        if not self.moved_now(entry, record):
            return
        whole = self.grown(entry, record.ask["kinds"], reply["amounts"])
        if whole is None:
            self.fault("I8", f"{entry.worlds} grew by {record.ask['kinds']} "
                       f"to {reply['amounts']}", record)
            whole = reply["amounts"]
        more = subtract(whole, entry.certain or whole)
        self.note_grant(entry, position, record, more)
        if entry.certain is not None:
            entry.see(position - 1, entry.certain)
        self.close_span(entry, record.back)  # what it had it kept all the time
        self.new_token(entry, token, position, record)
        entry.worlds = [("held", whole)]
        entry.see(position, whole)
        entry.open_span(record.back, whole)

    def moved_now(self, entry, record):
        """Whether a growth or hand-over was made by this record, once and with a new token."""
        request, token = record.ask["request"], int(record.reply["token"])
        known = entry.moves.get(request)
        if record.reply.get("replayed"):
            if known == 0:  # until now nobody could tell
                known = entry.moves[request] = token
            if known != token:
                self.fault("I7", f"{record.op} gave token {known} and was repeated with {token}",
                           record)
            return False
        if known:
            self.fault("I7", f"{record.op} gave token {known} and was made once more", record)
        if token & POSITION_BITS != int(record.reply["position"]) or token <= entry.token:
            self.fault("I4", f"{record.op} gave no new token", record)
        if not self.succeeded(entry, record):
            return False
        entry.moves[request] = token
        return True

    def fold_again(self, entry, record):
        """The same with the old token; whether there is nothing more to judge."""
        known = entry.moves.get(record.ask["request"])
        if record.outcome != "err":
            return record.outcome == "unknown" and bool(known)
        if known and record.code not in LATER:
            self.fault("I7", f"{record.op} was made and is refused when it is repeated", record)
        # One that was not made may find another token, or no lease.
        return known is not None or entry.token != record.ask["token"]

    def grown(self, entry, kinds, shown):
        """The whole of a lease that grew by `kinds` and shows `shown`; None if that can not be."""
        for _, before in entry.live:
            for outside in self.outside(entry):
                whole = add(shown, outside)
                more = {name: amount - before.get(name, 0) for name, amount in whole.items()}
                fits = all(whole.get(name, 0) >= amount for name, amount in before.items())
                if fits and kinds_of({name: one for name, one in more.items() if one}) == kinds:
                    return whole
        return None

    def new_token(self, entry, token, position, record):
        self.tokens.append((position, token, record))
        entry.stale_tokens.append(entry.token)
        entry.token = token

    # --- hand-over -----------------------------------------------------------------------------

    def fold_hand_over(self, entry, record):
        """`HANDOVER` succeeded: another holder, another token, another deadline."""
        reply = record.reply
        token, position = int(reply["token"]), int(reply["position"])
        if not self.moved_now(entry, record):
            return
        if entry.certain is not None:
            entry.see(position, entry.certain)
        self.change_holder(entry, token, position, record, record.ask)
        self.set_deadline(entry, record)

    def change_holder(self, entry, token, position, record, ask):
        self.new_token(entry, token, position, record)
        entry.holder = ask["holder"]
        self.bind(ask["holder"], entry.lease, record)
        if entry.session is not None:
            if entry.session in self.sessions:
                self.sessions[entry.session].leases.discard(entry.lease)
            entry.session = None
        entry.sure = 0

    # --- unknown outcomes ----------------------------------------------------------------------

    def fold_unknown_family(self, entry, record):
        entry.moving = record
        if record.op == "HANDOVER":
            entry.sure = min(entry.sure, record.sent + record.ask["ttl"] * MS)
            self.postpone(entry, record, record.ask["ttl"])

    def settle_move(self, entry, record):
        """The daemon shows whether a growth or hand-over of unknown outcome was made."""
        shown, moving = record.ask, entry.moving
        entry.moving = None
        if shown["token"] == entry.token:
            if shown["holder"] != entry.holder:
                self.fault("fencing", "a lease has a new holder and the old token", record)
            return
        token = shown["token"]
        entry.moves[moving.ask["request"]] = token
        if token < entry.token or token & POSITION_BITS <= entry.token & POSITION_BITS:
            self.fault("I4", "a lease has an older token than before", record)
        if moving.op == "HANDOVER":
            if shown["holder"] != moving.ask["holder"]:
                self.fault("fencing", "a lease has a new token and the old holder", record)
            self.change_holder(entry, token, token & POSITION_BITS, record, moving.ask)
            entry.sure = moving.sent + moving.ask["ttl"] * MS
            entry.latest = record.back + (moving.ask["ttl"] + 2) * MS
            entry.refreshed = record.back
            self.moved.append(entry.lease)
            return
        for state, before in entry.live:
            more = subtract(shown["amounts"], before)
            if add(before, more) == shown["amounts"] and kinds_of(more) == moving.ask["kinds"]:
                entry.worlds = [(state, shown["amounts"])]
                self.note_grant(entry, token & POSITION_BITS, record, more, moving.sent)
                break
        else:
            self.fault("I8", f"{entry.worlds} grew by {moving.ask['kinds']} "
                       f"to {shown['amounts']}", record)
        self.new_token(entry, token, token & POSITION_BITS, record)
        entry.open_span(record.back, shown["amounts"])

    def succeeded(self, entry, record):
        """Whether a success is possible; when not, says what is wrong."""
        if not entry.live:
            self.fault("I1", f"{record.op} succeeded on a lease that had ended", record)
        elif self.overdue(entry, record):
            self.fault("I5", f"{record.op} succeeded after the deadline", record)
        return bool(entry.live)

    def harmless(self, record):
        return record.code in LATER or record.code in HARMLESS.get(record.op, ())
