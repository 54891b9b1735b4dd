# What the book knows of one lease and of one session, and the few words both are told in.

from wire import amounts_of, as_map

ENDED = ("ended", {})
GONE = {"NOTFOUND", "EXPIRED", "FENCED"}
LATER = {"BUSY", "READONLY", "CIRCUITOPEN"}
POSITION_BITS = (1 << 48) - 1
MS = 1_000_000
# Longer silence than this counts as a gap in which holders may get grace, whoever caused it.
SILENCE = 700 * MS


class Lease:
    """What is known of one lease or reservation."""

    def __init__(self, lease, token, holder, tenant, session, state, amounts):
        self.lease, self.token, self.holder, self.tenant = lease, token, holder, tenant
        self.session = session
        self.worlds = [(state, amounts)]
        self.sure = 0            # lives at least until then (CLOCK_MONOTONIC), unless ended
        self.latest = None       # its deadline can not be later, unless a gap gave grace
        self.refreshed = 0       # when `latest` was learnt
        self.closed_at = None    # the position at which its session was closed
        self.stale_tokens = []   # those that it had before
        self.parent, self.children = None, []
        self.returned = False    # carved out of another, and surely back there
        self.last = amounts      # what it held at last, also when it has ended
        # request id -> token that a growth or hand-over gave; 0 where nobody can tell
        self.moves = {}
        self.moving = None       # a growth or hand-over of unknown outcome
        self.first = amounts     # what it was granted
        self.life = None         # its longest life in milliseconds
        self.released = None     # when its holder was told that it is released
        self.rank = None         # its class in a pool where leases give way, lowest 0
        self.tag = None          # the client that may revoke it by its tag
        self.born, self.born_by = None, None  # it was granted between
        self.life_sure = float("inf")  # its longest life is not over before then
        self.life_end = None     # no renewal and no gap moves its end beyond that
        self.booked = None       # the booking that it began as
        self.over = None         # when it may first have had less, or nothing
        self.floor = None        # it may have held so little since the last sighting
        self.sightings = []      # (position, amounts, floor): surely held there
        self.spans = []          # (from, to, amounts): surely held then
        self.span = None

    @property
    def live(self):
        return [world for world in self.worlds if world[0] != "ended"]

    @property
    def certain(self):
        """The amounts when only one world is possible and it is a live one."""
        return self.worlds[0][1] if len(self.worlds) == 1 and self.live else None

    @property
    def settled(self):
        return len(self.worlds) == 1 and self.moving is None

    def add_world(self, world):
        if world not in self.worlds:
            self.worlds.append(world)
        if world != ENDED:
            self.floor = world[1] if self.floor is None else least(self.floor, world[1])

    def see(self, position, amounts):
        if position is not None:
            self.sightings.append((int(position), amounts, self.floor))
            self.floor = None

    def open_span(self, time, amounts):
        self.span = (time, amounts)

    def close_span(self, time, sure):
        self.over = time if self.over is None else min(self.over, time)
        if self.span and min(time, sure) > self.span[0]:
            self.spans.append((self.span[0], min(time, sure), self.span[1]))
        self.span = None


class Session:
    """What is known of one session."""

    def __init__(self, session, token):
        self.session, self.token = session, token
        self.sure, self.latest, self.refreshed = 0, None, 0
        self.closed, self.maybe_closed = False, False
        self.leases = set()


def subtract(amounts, parts):
    """What is left of `amounts` without `parts`; nothing goes below zero."""
    rest = {name: amount - parts.get(name, 0) for name, amount in amounts.items()}
    return {name: amount for name, amount in rest.items() if amount > 0}


def least(first, second):
    """What both have."""
    return {name: min(amount, second[name]) for name, amount in first.items() if name in second}


def reply_fields(reply):
    """The fields of a grant, renewal or ending that the book looks at, ready for JSON."""
    fields = {name: reply[name] for name in
              ("status", "lease", "token", "ttl", "position", "replayed", "session", "ticket",
               "wait", "booking",
               "window", "opened", "version", "pool", "cursor")
              if name in reply}
    if "placements" in reply:
        fields["amounts"] = amounts_of(reply)
        kinds = {}
        for item in reply["placements"] or []:
            placement = as_map(item)
            kind = placement["kind"]
            kinds[kind] = kinds.get(kind, 0) + int(placement["amount"])
        fields["kinds"] = kinds
    for name in ("resources", "revoked"):
        if name in reply:
            fields["changed"] = int(reply[name])
    if "items" in reply:
        fields["items"] = [int(as_map(item)["lease"]) for item in reply["items"]]
    if "lease" not in fields and "reservation" in reply:
        fields["lease"] = reply["reservation"]
    return fields
