# One client: a thread with one connection that asks, renews, releases, repeats itself and lies.
#
# It asks the book which of its leases may live, writes each command to its history first, and
# reports every outcome to the book. When the connection is lost it parks until the daemon is back.

import random
import threading
from collections import deque

import world
from booking import BookingVerbs
from changing import ChangingVerbs
from choosing import ChoosingVerbs
from facts import reply_fields
from history import History
from operating import OperatorVerbs
from waiting import WaitingVerbs
from wire import Lost, Refused, Wire, as_map

MENU = {
    "acquire": 26, "reserve": 10, "renew": 14, "release": 12, "release_part": 7, "commit": 8,
    "cancel": 4, "check": 4, "stale": 5, "repeat": 5, "repeat_other": 3, "open_session": 2,
    "keep_session": 5, "close_session": 1.5, "infeasible": 1, "set_quota": 1,
    "queue": 6, "wait": 3, "poll": 8, "cancel_ticket": 2,
    "book_room": 4, "book_again": 1, "poll_booking": 4, "cancel_booking": 1,
    "plan": 1, "range_of": 3, "several": 3, "report": 3, "revoke": 1,
    "grow": 6, "move_again": 4, "pass_on": 4, "carve": 5,
}
# What must have been acknowledged in a run that is worth its verdict.
VERBS = [
    "ACQUIRE", "RESERVE", "RENEW", "RELEASE", "COMMIT", "CANCEL", "CHECK", "SESSION OPEN",
    "SESSION KEEPALIVE", "SESSION CLOSE", "QUOTA SET", "ACQUIRE WAIT", "QUEUE", "QUEUE GET",
    "QUEUE CANCEL", "ticket granted", "GROW", "GROW again", "HANDOVER", "HANDOVER again", "SUBLEASE",
    "BOOK", "BOOK again", "BOOKING GET", "BOOKING CANCEL", "booking begun",
    "PLAN", "ACQUIRE PLAN", "ACQUIRE range", "ACQUIRE pools", "REPORT", "REVOKE ALL",
    "BUDGET SET", "BREAKER RESET", "preempted", "breaker opened",
    "WINDOW PLAN", "WINDOW CANCEL", "NODE CORDON", "NODE DRAIN", "NODE UNCORDON",
]
SHORTEST, LONGEST = 20, 60_000  # TTLs in milliseconds
MOST_LEASES, MOST_SESSIONS = 5, 2
OPERATING = 0.1  # the share of an operator's commands that are an operator's


class Client(WaitingVerbs, ChangingVerbs, BookingVerbs, OperatorVerbs, ChoosingVerbs,
             threading.Thread):
    """One thread, one connection, one history."""

    def __init__(self, number, campaign, seed):
        super().__init__(name=f"c{number}", daemon=True)
        self.campaign, self.book = campaign, campaign.book
        self.random = random.Random(seed)
        self.history = History(campaign.home, self.name)
        self.mine, self.sessions, self.inbox = [], [], deque()
        self.number, self.windows = number, []
        self.tickets, self.bookings, self.last_moves, self.last_booking = [], [], {}, None
        self.count, self.wire = 0, None

    def run(self):
        try:
            while self.campaign.wait_up():
                try:
                    self.wire = Wire(self.campaign.daemon.socket, self.campaign.daemon.resp)
                    while not self.campaign.pausing:
                        self.step()
                except Lost as error:
                    self.campaign.lost(self.name, error)
                finally:
                    if self.wire:
                        self.wire.close()
                        self.wire = None
                    self.campaign.park()
        except BaseException as error:  # a fault of the campaign itself must not look like success
            self.campaign.crashed(self.name, error)
            raise
        finally:
            self.history.close()

    # --- one step ------------------------------------------------------------------------------

    def step(self):
        self.campaign.be_quiet(self)
        while self.inbox:
            number = self.inbox.popleft()
            mine = self.tickets if number in self.book.tickets \
                else self.bookings if number in self.book.bookings else self.mine
            if number not in mine:
                mine.append(number)
        self.mine = [lease for lease in self.mine
                     if lease in self.book.leases and self.book.leases[lease].live
                     and self.book.leases[lease].holder.startswith(f"{self.name}-")]
        self.bookings = [booking for booking in self.bookings
                         if self.book.bookings[booking].state == "booked"]
        self.tickets = [ticket for ticket in self.tickets if not self.told(ticket)]
        self.sessions = [one for one in self.sessions if not self.book.sessions[one].closed]
        if self.number in world.OPERATORS and self.random.random() < OPERATING:
            self.operate(world.OPERATORS[self.number])
            return
        name = self.random.choices(list(MENU), MENU.values())[0]
        if name in ("acquire", "reserve", "wait", "queue") and len(self.mine) >= MOST_LEASES:
            name = "release"
        if not getattr(self, name)():
            self.acquire() if len(self.mine) < MOST_LEASES else self.release()

    def ask(self, op, fields, words):
        """Sends one command and tells the book; the record, or `Lost` when nobody knows."""
        record = self.history.invoke(op, fields)
        self.campaign.begin(record)
        try:
            reply = self.wire.call(*words)
            self.campaign.answered()
            self.history.finish(record, "ok", None, self.digest(op, reply))
        except Refused as refusal:
            self.history.finish(record, "err", refusal.code, {"text": str(refusal)[:200]})
        except Lost as lost:
            self.history.finish(record, "unknown", None, {"text": str(lost)[:200]})
            self.campaign.fold(record)
            raise
        self.campaign.fold(record)
        return record

    def digest(self, op, reply):
        if op in ("QUOTA SET", "BUDGET SET"):
            return None
        fields = reply_fields(as_map(reply))
        if op == "CHECK" and as_map(reply).get("valid") in (0, False, "false"):
            raise Refused("EXPIRED", "CHECK says that it is not valid")
        return fields

    # --- grants --------------------------------------------------------------------------------

    def ttl(self):
        kind = self.random.random()
        if kind < 0.35:
            return self.random.randint(SHORTEST, 250)
        return self.random.randint(800, 4_000) if kind < 0.8 else LONGEST

    def request(self, op, claim, infeasible=False):
        """The fields and words of a new grant request."""
        pool, claims, kinds = claim
        self.count += 1
        fields = {
            "pool": pool, "claims": claims, "kinds": kinds, "holder": f"{self.name}-{self.count}",
            "tenant": self.random.choice(world.TENANTS_OF.get(pool, world.TENANTS)),
            "infeasible": infeasible,
        }
        if op == "RESERVE":
            fields["hold"] = self.random.randint(50, 2_000)
            fields["ttl"] = self.ttl()
        elif self.sessions and self.random.random() < 0.25:
            fields["session"] = self.random.choice(self.sessions)
        else:
            fields["ttl"] = self.ttl()
        if pool in ("dates", "yard") and self.random.random() < (0.85 if pool == "dates" else 0.4):
            # What may live for longer finds no room beside bookings, nor where a drain is planned.
            fields["life"] = self.random.randint(50, 800)
        if pool == "priced":
            fields["life"] = self.random.randint(300, 3_000)  # what a budget can hold
        if pool == "spot":
            fields["rank"] = self.random.choices(range(4), [4, 3, 2, 1])[0]
        if infeasible or self.random.random() < 0.6:
            fields["request"] = f"r-{self.name}-{self.count}"
        elif self.random.random() < 0.5:
            # Without a request id, so that nobody repeats it while its client revokes.
            fields["tag"] = self.name
        fields["body"] = claims + " " + fields["holder"]
        return fields

    @staticmethod
    def words(op, fields):
        words = [op, fields["pool"], fields["claims"], "TENANT", fields["tenant"],
                 "HOLDER", fields["holder"]]
        for option in ("hold", "ttl", "session", "request", "wait", "queue"):
            if fields.get(option) is not None:
                words += [option.upper(), fields[option]]
        if fields.get("rank") is not None:
            words += ["PRIORITY", world.RANKS[fields["rank"]]]
        if fields.get("tag"):
            words += ["TAG", f"mark={fields['tag']}"]
        if fields.get("version") is not None:
            words += ["PLAN", fields["version"]]
        if fields.get("life"):
            words += ["MAXLIFETIME", fields["life"]]
        return words

    def grant(self, op, fields):
        if fields.get("request"):  # before it is sent: an unknown outcome is what wants repeating
            self.campaign.remember(op, fields)
        self.deliver(self.ask(op, fields, self.words(op, fields)))
        return True

    def deliver(self, record):
        """Gives what was granted, or the ticket, to the client that it is for."""
        holder = record.ask["holder"]
        if record.outcome == "ok" and \
                (not record.reply.get("replayed") or holder in self.book.ticket_of):
            number = int(record.reply.get("lease") or record.reply["ticket"])
            self.campaign.hand_over(holder, number)

    def acquire(self):
        return self.grant("ACQUIRE", self.request("ACQUIRE", self.random.choice(world.CLAIMS)))

    def reserve(self):
        # What a budget holds for a reservation has terms of its own.
        claims = [claim for claim in world.CLAIMS if claim[0] != "priced"]
        return self.grant("RESERVE", self.request("RESERVE", self.random.choice(claims)))

    def infeasible(self):
        claim = self.random.choice(world.INFEASIBLE)
        return self.grant("ACQUIRE", self.request("ACQUIRE", claim, infeasible=True))

    def repeat(self):
        """The same request once more, anyone's: the same answer or none."""
        before = self.campaign.recall(self.random)
        return before and self.grant(before[0], dict(before[1], again=True))

    def repeat_other(self):
        """A known request id with another body."""
        before = self.campaign.recall(self.random)
        if not before:
            return False
        self.count += 1
        op, fields = before
        holder = f"{self.name}-{self.count}"
        body = f"{fields['claims']} {holder}"
        fields = dict(fields, holder=holder, body=body)
        self.deliver(self.ask(op, fields, self.words(op, fields)))
        return True

    # --- changes -------------------------------------------------------------------------------

    def pick(self, state):
        """One of its leases that is certainly in this state, or none."""
        fitting = [entry for entry in map(self.book.leases.get, self.mine)
                   if len(entry.worlds) == 1 and entry.worlds[0][0] == state]
        return self.random.choice(fitting) if fitting else None

    def change(self, op, entry, **fields):
        words = [op, entry.lease, entry.token]
        if fields.get("parts"):
            words.append(world.parts_words(fields["parts"]))
        if op == "RENEW":
            words += ["TTL", fields["ttl"]]
        self.ask(op, {"lease": entry.lease, "token": entry.token, **fields}, words)
        return True

    def renew(self):
        entry = self.pick("held")
        if not entry or entry.session is not None:
            return False
        return self.change("RENEW", entry, ttl=self.ttl())

    def check(self):
        entry = self.pick("held")
        return entry and self.change("CHECK", entry)

    def release(self):
        entry = self.pick("held")
        if entry:
            return self.change("RELEASE", entry, parts=None)
        entry = self.pick("reserved")
        return bool(entry) and self.change("CANCEL", entry)

    def release_part(self):
        entry = self.pick("held")
        parts = entry and self.own_part(entry)
        return bool(parts) and self.change("RELEASE", entry, parts=parts)

    def own_part(self, entry):
        """A part of what is surely not carved out of it, or None; all of it only where none is."""
        own = self.book.own(entry)
        parts = self.some_of(own) if own else None
        carved = any(not child.returned for child in entry.children)
        return None if carved and parts == own else parts

    def some_of(self, amounts):
        """A part of what is held; sometimes a whole resource."""
        name, amount = self.random.choice(sorted(amounts.items()))
        step = {"cpu": 250, "gpu": 250, "memory": 256 << 20}.get(world.World.kind_of[name], 1)
        return {name: self.random.randrange(step, amount + 1, step) if amount > step else amount}

    def commit(self):
        entry = self.pick("reserved")
        if not entry:
            return False
        parts = None
        if self.random.random() < 0.3:
            parts = self.some_of(entry.certain)
        return self.change("COMMIT", entry, parts=parts, ttl=SHORTEST, longest=LONGEST)

    def cancel(self):
        entry = self.pick("reserved")
        return entry and self.change("CANCEL", entry)

    def stale(self):
        """A token that is not, or no longer, the right one."""
        if not self.mine:
            return False
        entry = self.book.leases[self.random.choice(self.mine)]
        token = self.random.choice([entry.token - 1, entry.token + 1, 1, entry.token ^ (1 << 50)])
        if entry.stale_tokens and self.random.random() < 0.8:
            token = self.random.choice(entry.stale_tokens)
        op, *more = self.random.choice([
            ["RENEW"], ["RELEASE"], ["CHECK"], ["COMMIT"], ["CANCEL"], ["HANDOVER", "TTL", 60_000],
            ["GROW", self.more_of(entry)[0]]])
        self.ask(op, {"lease": entry.lease, "token": token, "stale": True},
                 [op, entry.lease, token, *more])
        return True

    # --- sessions and settings -----------------------------------------------------------------

    def open_session(self):
        if len(self.sessions) >= MOST_SESSIONS:
            return self.close_session()
        ttl = self.random.randint(200, 3_000)
        holder = self.random.choice([[], ["HOLDER", self.name]])
        record = self.ask("SESSION OPEN", {"ttl": ttl}, ["SESSION", "OPEN", "TTL", ttl, *holder])
        if record.outcome == "ok":
            self.sessions.append(int(record.reply["session"]))
        return True

    def session_words(self, verb):
        session = self.book.sessions[self.random.choice(self.sessions)]
        fields = {"session": session.session, "token": session.token, "ttl": 3_000}
        self.ask(f"SESSION {verb}", fields, ["SESSION", verb, session.session, session.token])
        return True

    def keep_session(self):
        return bool(self.sessions) and self.session_words("KEEPALIVE")

    def close_session(self):
        return bool(self.sessions) and self.session_words("CLOSE")

    def set_quota(self):
        fields = {"tenant": f"settings/{self.name}", "kind": "cpu",
                  "limit": self.random.randint(1, 9_000)}
        self.ask("QUOTA SET", fields, ["QUOTA", "SET", fields["tenant"], "cpu", "LIMIT",
                                       world.quantity("cpu", fields["limit"])])
        return True
