# The campaign's own model: what must be true of every lease, from the clients' records.
#
# Records are folded in the order in which they came back. For each lease the book keeps the
# *worlds* that are possible (one, unless the outcome of a command is unknown), the time until which
# it surely lives, and the places in the log where it was surely held. Numbers of invariants (I1 …)
# are those of the design. What a fold finds wrong goes to `faults`; nothing here asks the daemon.

from changes import ChangeBook
from dates import DateBook
from drains import DrainBook
from facts import LATER, MS, POSITION_BITS, SILENCE, Lease
from families import FamilyBook
from limits import LimitBook
from observed import ObservedBook
from sessions import SessionBook
from tickets import TicketBook
from world import BUDGET, BUDGET_FIRST, SAFE, World


class Book(ChangeBook, SessionBook, TicketBook, FamilyBook, DateBook, DrainBook, LimitBook,
           ObservedBook):
    """All leases, sessions, holders and request ids of one campaign."""

    def __init__(self):
        self.leases, self.sessions = {}, {}
        self.holders = {}        # holder -> lease: a holder's name is used for one grant only
        self.pending = {}        # holder -> record of an acquire whose outcome is unknown
        self.refused = set()     # holders that were refused and not granted since
        self.requests = {}       # (tenant, request id) -> (lease, body)
        self.fresh = {}          # (tenant, request id) -> record of the answer that was no replay
        self.bodies = {}         # (tenant, request id) -> bodies that were sent under it
        self.conflicts = []
        # (tenant, kind) -> limits that are possible, None for no quota
        self.settings = {(BUDGET, "budget"): {BUDGET_FIRST}}
        self.tokens = []         # (position, token) of everything that got a new token
        self.moved = []          # leases that turned out to have been handed over
        self.resolved = {}       # how acquires of unknown outcome turned out
        self.tickets = {}        # ticket -> what is known of it
        self.ticket_of = {}      # holder -> the ticket that it waits by, or waited
        self.lines = {}          # (tenant, request id) -> the same
        self.cancels = {}        # ticket, booking or window -> when its cancelling was sent
        self.closings = {}       # session -> records of its closing, sent and not yet folded
        self.gaps = [0]
        self.halts = []          # (time, whether the daemon was down from then on)
        self.spent = 0           # of the budget, when it was last shown
        self.openings = []       # (position, record, name) of breakers that opened
        self.resets = []         # (position or None, record) of their closing
        self.windows = {}        # window -> what is known of that planned drain
        self.planned = {}        # reason -> record of a plan of unknown outcome
        self.drains = {}         # node -> when leases there may be ended by a drain
        self.grants = []         # what was granted on nodes that are drained
        self.states = {}         # node -> states that are possible
        self.shut = {}           # node -> positions since and at which it was surely closed
        self.closed = []         # (node, from, to): positions between which it was
        self.bookings = {}       # booking -> what is known of it
        self.booking_of = {}     # holder -> the same
        self.last_back = None
        self.faults = []
        self.counts, self.refusals, self.unknowns = {}, {}, {}

    # --- entry ---------------------------------------------------------------------------------

    def fault(self, rule, sentence, *records):
        self.faults.append((rule, sentence, [str(record) for record in records]))

    def begin(self, record):
        """Takes a record into account that was sent and may be at work."""
        if record.op == "SESSION CLOSE" and not record.ask.get("stale"):
            self.closings.setdefault(record.ask["session"], []).append(record)
        if record.op in ("WINDOW PLAN", "NODE DRAIN"):
            self.begin_drain(record)
        if record.op in ("QUEUE CANCEL", "BOOKING CANCEL", "WINDOW CANCEL"):
            number = next(record.ask[name] for name in ("ticket", "booking", "window")
                          if name in record.ask)
            self.cancels.setdefault(number, []).append(record.sent)

    def fold(self, record):
        """Takes one finished record into account."""
        if record.op == "GAP":
            self.gaps.append(record.back)
            if "down" in record.ask:
                # Since its last answer it may have run, or stood before its disk: nobody knows.
                stood = record.ask["down"] and self.last_back is not None
                self.halts.append((self.last_back if stood else record.back, record.ask["down"]))
            return
        last = self.last_back if self.last_back is not None else record.back
        if record.back - last > SILENCE:
            self.gaps.append(record.back)
        self.last_back = max(last, record.back)
        self.count(record)
        if record.op in ("ACQUIRE", "RESERVE"):
            self.fold_grant(record)
        elif record.op in ("QUOTA SET", "BUDGET SET"):
            self.fold_setting(record)
        elif record.op == "PLAN":
            self.fold_plan(record)
        elif record.op == "REVOKE ALL":
            self.fold_revoked(record)
        elif record.op == "BREAKER RESET":
            self.fold_reset(record)
        elif record.op == "OBSERVE BREAKERS":
            self.observe_breakers(record)
        elif record.op == "OBSERVE BUDGET":
            self.observe_budget(record)
        elif record.op.startswith("QUEUE"):
            self.fold_ticket(record)
        elif record.op == "OBSERVE TICKET":
            self.observe_ticket(record)
        elif record.op == "BOOK":
            self.fold_booking(record)
        elif record.op.startswith("BOOKING"):
            self.fold_booking_asked(record)
        elif record.op == "OBSERVE BOOKING":
            self.observe_booking(record)
        elif record.op.startswith("WINDOW"):
            self.fold_window(record)
        elif record.op.startswith("NODE"):
            self.fold_node(record)
        elif record.op == "OBSERVE WINDOWS":
            self.observe_windows(record)
        elif record.op == "OBSERVE NODE":
            self.observe_node(record)
        elif record.op.startswith("SESSION"):
            self.fold_session(record)
        elif record.op == "OBSERVE":
            self.observe(record)
        elif record.op == "SUBLEASE":
            self.fold_sublease(record)
        elif record.op in ("RENEW", "RELEASE", "COMMIT", "CANCEL", "CHECK", "GROW", "HANDOVER",
                           "REPORT"):
            self.fold_change(record)

    def count(self, record):
        """One more of its verb, which is the command, or what is special about this use of it."""
        tally = {"ok": self.counts, "err": self.refusals, "unknown": self.unknowns}[record.outcome]
        name = record.ask.get("verb") or record.op
        if record.outcome == "err":
            name += " " + record.code
        elif record.outcome == "ok" and record.reply and record.reply.get("status") == "queued":
            name = "QUEUE" if record.op == "ACQUIRE" else name
        tally[name] = tally.get(name, 0) + 1

    # --- grants --------------------------------------------------------------------------------

    def fold_grant(self, record):
        ask, holder = record.ask, record.ask["holder"]
        key = (ask["tenant"], ask["request"]) if ask.get("request") else None
        if key:
            self.bodies.setdefault(key, set()).add(ask["body"])
        if record.outcome == "unknown":
            self.pending.setdefault(holder, record)
            self.refused.discard(holder)
        elif record.outcome == "err":
            self.fold_refused_grant(record, key)
        elif record.reply.get("status") == "queued":
            self.fold_queued(record, key)
        else:
            self.fold_ok_grant(record, key)

    def fold_refused_grant(self, record, key):
        ask, code = record.ask, record.code
        if code == "CONFLICT" and ask.get("version") is None:
            self.conflicts.append((key, record))
        elif code == "UNSATISFIABLE" and not ask.get("infeasible"):
            self.fault("claim", "a claim that fits the empty pool was called unsatisfiable", record)
        elif code in ("ERR", "NOPERM", "FENCED", "IDTOOOLD"):
            self.fault("refusal", "a well-formed request was refused as malformed", record)
        elif code == "TIMEOUT" and record.back - record.sent < ask.get("wait", 0) * MS:
            self.fault("queue", "a wait timed out before its time", record)
        first = self.fresh.get(key)
        if first is not None and first.back < record.sent and code not in LATER:
            # The answer was stored and seen before this request was sent.
            same = first.ask["body"] == ask["body"]
            if same or code != "CONFLICT":
                self.fault("I7", "a stored answer was not repeated for its request id" if same
                           else "another body under a known request id is no conflict",
                           first, record)
        if ask["holder"] not in self.holders and ask["holder"] not in self.pending \
                and ask["holder"] not in self.ticket_of:
            self.refused.add(ask["holder"])

    def fold_ok_grant(self, record, key):
        ask, reply = record.ask, record.reply
        lease, holder = int(reply["lease"]), ask["holder"]
        replayed = bool(reply.get("replayed"))
        self.bind(holder, lease, record)
        if key:
            self.bind_request(key, lease, record, replayed)
        if replayed:
            if holder in self.ticket_of:
                self.ticket_repeated(self.ticket_of[holder], record)
            return
        if lease in self.leases:
            self.fault("I4", f"lease {lease} was granted a second time", record)
            return
        line = self.lines.get(key)
        if line is not None and self.surely_waits(line, record.back):
            self.fault("I7", f"a request that waits as {line.ticket} was granted anew", record)
        token, position = int(reply["token"]), int(reply["position"])
        if token & POSITION_BITS != position:
            self.fault("I4", "the token does not encode the position of its grant", record)
        self.tokens.append((position, token, record))
        state = "reserved" if record.op == "RESERVE" else "held"
        self.check_kinds(ask, reply["kinds"], record)
        self.check_pools(ask, reply["amounts"], record)
        if ask.get("planned") is not None and reply["amounts"] != ask["planned"]:
            self.fault("plan", f"planned {ask['planned']} but granted {reply['amounts']}", record)
        entry = self.enter(lease, token, ask, state, reply["amounts"])
        self.set_deadline(entry, record)
        self.set_life(entry, ask, record, record.sent)
        self.note_grant(entry, position, record, reply["amounts"])
        entry.see(position, reply["amounts"])
        entry.open_span(record.back, reply["amounts"])

    def check_kinds(self, ask, got, record):
        """A gang is granted whole, a range within its bounds."""
        least, most = ask["kinds"], ask.get("most") or ask["kinds"]
        if got.keys() != least.keys() or \
                not all(least[kind] <= got[kind] <= most[kind] for kind in least):
            self.fault("I8", f"asked for {least} to {most} but granted {got}", record)

    def check_pools(self, ask, amounts, record):
        """All of a grant comes from one of the pools that were asked."""
        pools = {World.pool_of[name] for name in amounts}
        if ask.get("pool") and (len(pools) != 1 or not pools <= set(ask["pool"].split(","))):
            self.fault("I8", f"asked {ask['pool']} but granted from {sorted(pools)}", record)

    def fold_plan(self, record):
        """A plan changes nothing; what it told is judged when it is granted."""
        if record.outcome == "err" and record.code in ("ERR", "NOPERM", "FENCED", "IDTOOOLD"):
            self.fault("refusal", "a well-formed plan was refused as malformed", record)
        elif record.outcome == "ok":
            self.check_kinds(record.ask, record.reply["kinds"], record)

    def enter(self, lease, token, ask, state, amounts):
        session = ask.get("session")
        entry = Lease(lease, token, ask["holder"], ask["tenant"], session, state, amounts)
        self.leases[lease] = entry
        entry.life, entry.rank, entry.tag = ask.get("life"), ask.get("rank"), ask.get("tag")
        if ask.get("parts") is not None:
            self.carve(entry, self.leases[ask["lease"]])
        if session is not None and session in self.sessions:
            self.sessions[session].leases.add(lease)
        return entry

    def bind(self, holder, lease, record):
        known = self.holders.setdefault(holder, lease)
        if known != lease:
            self.fault("I7", f"one request was granted twice: leases {known} and {lease}", record)
        self.pending.pop(holder, None)
        self.refused.discard(holder)

    def bind_request(self, key, lease, record, replayed):
        known = self.requests.setdefault(key, (lease, record.ask["body"]))
        if known[0] != lease:
            self.fault("I7", f"request id {key} names leases {known[0]} and {lease}", record)
        elif known[1] != record.ask["body"]:
            self.fault("I7", f"request id {key} was answered to two bodies", record)
        if not replayed:
            first = self.fresh.setdefault(key, record)
            if first is not record:
                self.fault("I7", f"request id {key} was granted anew twice", first, record)

    def fold_setting(self, record):
        """A quota that one client alone keeps changing: acknowledged values must stay."""
        key, limit = (record.ask["tenant"], record.ask["kind"]), record.ask["limit"]
        if record.outcome == "ok":
            self.settings[key] = {limit}
        elif record.outcome == "unknown":
            self.settings.setdefault(key, {None}).add(limit)

    # --- deadlines -----------------------------------------------------------------------------

    def set_deadline(self, entry, record):
        ttl = record.reply.get("ttl")
        if entry.session is None and ttl is not None:
            entry.sure = max(entry.sure, record.sent + int(ttl) * MS)
            latest = record.back + (int(ttl) + 2) * MS
            if entry.parent is not None or self.on_drained(entry):
                # Told is the sooner of two deadlines; its own may be later, and counts when the
                # parent is renewed, or the drain called off.
                own = record.back + (max(int(ttl), record.ask.get("ttl", 0)) + 2) * MS
                latest = max(own, entry.latest or 0)
            entry.latest, entry.refreshed = latest, record.sent

    def set_life(self, entry, ask, record, since):
        """No renewal and no gap moves the end of a lease, granted after `since`, beyond that."""
        if ask.get("life"):
            entry.life_sure = since + ask["life"] * MS
            entry.life_end = record.back + (ask["life"] + 2) * MS

    def postpone(self, timed, record, ttl):
        """An unknown outcome may have moved the deadline."""
        if timed.latest is not None:
            timed.latest = max(timed.latest, record.back + (ttl + 2) * MS)
            timed.refreshed = record.sent

    def sure(self, entry):
        """The time until which the lease surely lives if nothing ended it."""
        if entry.rank is not None and entry.rank < SAFE:
            return 0  # it gives way when somebody asks for it
        sure = entry.sure
        if entry.session is not None:
            session = self.sessions.get(entry.session)
            known = session and not session.closed and not session.maybe_closed
            sure = session.sure if known else 0
            if entry.moving and entry.moving.op == "HANDOVER":
                sure = min(sure, entry.moving.sent + entry.moving.ask["ttl"] * MS)
        sure = min(sure, entry.life_sure, self.drained_at(entry))
        return sure if entry.parent is None else min(sure, self.sure(entry.parent))

    def overdue(self, entry, record):
        """Whether a success now means that a deadline was ignored (I5)."""
        if entry.parent is not None and self.overdue(entry.parent, record):
            return True
        if entry.life_end is not None and record.sent > entry.life_end \
                or self.outlived(entry, record.sent):
            return True
        timed = self.sessions.get(entry.session) if entry.session is not None else entry
        if not timed or timed.latest is None or record.sent <= timed.latest:
            return False
        # Any gap since the deadline was learnt may have given grace.
        return not any(gap >= timed.refreshed for gap in self.gaps[-64:])

    def close_span(self, entry, time):
        entry.close_span(time, self.sure(entry))
