# The daemon under load, brought down again and again: the rounds, and what is asked after each.
#
# Eight clients contend for small pools with every verb of allocation. Whatever ends a round (a
# `strike`), the clients park, the daemon is brought up again and compared with the book; after the
# last round comes a quiet end, an orderly stop, the audit and the judgement over all records.
# How a round ends and how the daemon comes back is the matter of the campaigns: kill.py strikes
# the process, powercut.py the file system below it.

import contextlib
import os
import random
import statistics
import subprocess
import threading
import time

from book import Book
from daemon import Daemon
from history import History, read
from oracle import judge
from snapshot import Snapshot
from undertaking import checked
from wire import Wire
from workload import VERBS, Client
from world import World, declare

CLIENTS = 8
RECENT = 200  # requests that may be repeated
HUSH = 0.008     # seconds of quiet before a plan, in which what is under way is answered
PATIENCE = 20.0  # seconds without an end in which every verb must come to be acknowledged


class Campaign:
    """The daemon, its clients and the book; what all rounds share."""

    WAYS = ()  # how a round can end

    def __init__(self, arguments, home):
        self.home, self.random = home, random.Random(arguments.seed)
        self.arguments = arguments
        self.daemon = Daemon(arguments.tenure, home, arguments.serve_argument)
        self.daemon.resp = arguments.resp
        self.book, self.lock = Book(), threading.Lock()
        self.recent = []
        self.state = threading.Condition()
        self.up, self.pausing, self.over, self.parked = False, False, False, 0
        self.ending, self.armed, self.broken = False, False, []
        self.planner = None
        self.history = History(home, "observer")
        self.starts, self.ends, self.audited = [], dict.fromkeys(self.WAYS, 0), None
        self.clients = [Client(number, self, self.random.random()) for number in range(CLIENTS)]

    # --- what clients call ---------------------------------------------------------------------

    def wait_up(self):
        with self.state:
            self.state.wait_for(lambda: self.up or self.over)
            return not self.over

    def park(self):
        with self.state:
            self.parked += 1
            self.state.notify_all()
            # Parked until the round that is over has been closed by the controller.
            self.state.wait_for(lambda: not self.up or self.over)

    def lost(self, name, error):
        if not self.ending and not self.pausing:
            self.broken.append(f"{name} lost its connection though nothing had ended: {error}")

    def answered(self):
        """Called at every reply: an armed campaign strikes before anything else can be written."""
        with self.lock:
            if self.armed:
                self.armed, self.ending = False, True
                self.book.fold(self.moment(down=True))
                self.strike()

    def crashed(self, name, error):
        self.broken.append(f"{name}: {error!r}")

    @contextlib.contextmanager
    def hush(self, client):
        """The others begin nothing new meanwhile, for a moment."""
        self.planner = client
        time.sleep(HUSH)
        try:
            yield
        finally:
            self.planner = None

    def be_quiet(self, client):
        limit = time.monotonic() + 4 * HUSH
        while self.planner not in (None, client) and time.monotonic() < limit:
            time.sleep(HUSH / 8)

    def begin(self, record):
        with self.lock:
            self.book.begin(record)

    def fold(self, record):
        with self.lock:
            self.book.fold(record)

    def remember(self, op, fields):
        self.recent.append((op, fields))
        del self.recent[:-RECENT]

    def recall(self, chooser):
        recent = self.recent[:]
        return chooser.choice(recent) if recent else None

    def hand_over(self, holder, lease):
        self.clients[int(holder[1:].split("-")[0])].inbox.append(lease)

    # --- rounds --------------------------------------------------------------------------------

    def gap(self, down):
        """A moment from which on the daemon is down, or up again."""
        self.fold(self.moment(down))

    def moment(self, down):
        return self.history.finish(self.history.invoke("GAP", {"down": down}), "ok")

    def resume(self):
        with self.state:
            self.parked, self.pausing, self.ending = 0, False, False
            self.up = True
            self.state.notify_all()

    def wait_parked(self):
        with self.state:
            alive = lambda: sum(client.is_alive() for client in self.clients)
            if not self.state.wait_for(lambda: self.parked >= alive(), 60):
                self.broken.append("clients did not come to rest within 60 s")
            self.up = False
            self.state.notify_all()

    def connect(self):
        return Wire(self.daemon.socket, self.daemon.resp)

    def check(self, leaks=False):
        """Compares the daemon with the book while the clients are parked."""
        wire = self.connect()
        try:
            before = set(self.book.pending)
            waiting = {entry.ask["holder"] for entry in
                       [*self.book.tickets.values(), *self.book.bookings.values()]
                       if entry.state in ("waiting", "booked")}
            Snapshot(wire, self.book, self.history, self.random).check(leaks)
            for holder in before:
                if self.book.holders.get(holder) in self.book.leases:
                    self.book.resolved["happened"] = self.book.resolved.get("happened", 0) + 1
            moved, self.book.moved = self.book.moved, []
            for holder in before | waiting | {self.book.leases[lease].holder for lease in moved}:
                self.hand_out(holder)
        finally:
            wire.close()

    def hand_out(self, holder):
        """Gives what the comparison has found to the client that asked for it."""
        lease, ticket = self.book.holders.get(holder), self.book.ticket_of.get(holder)
        if lease in self.book.leases:
            self.hand_over(holder, lease)
        elif ticket and ticket.state == "waiting":
            self.hand_over(holder, ticket.ticket)
        elif holder in self.book.booking_of:
            self.hand_over(holder, self.book.booking_of[holder].booking)

    def end(self, how):
        """Ends the round now, whatever is under way."""
        self.ending = True
        self.gap(down=True)
        self.strike()
        self.ended()
        self.ends[how] += 1

    def end_at_answer(self, how, otherwise):
        """The next reply that any client gets is the daemon's last."""
        with self.lock:
            self.armed = True
        try:
            self.daemon.process.wait(20)
        except subprocess.TimeoutExpired:
            if self.armed:
                self.armed = False
                self.broken.append("no client got an answer for 20 s")
                return self.end(otherwise)
        self.ended()
        self.ends[how] += 1

    def strike(self):
        """Brings the daemon down at this instant, or what it stands on."""
        raise NotImplementedError

    def ended(self):
        """Waits until the process has ended."""
        raise NotImplementedError

    def load(self):
        """One spell of load, and its end."""
        raise NotImplementedError

    def bring_up(self):
        """Starts the daemon again and waits until it answers."""
        raise NotImplementedError

    def begin_rounds(self):
        """The first start, in which the world is declared."""
        for client in self.clients:
            client.start()
        self.daemon.start()
        self.starts.append(self.daemon.wait_ready())
        wire = self.connect()
        declare(wire)
        wire.close()

    def run(self, rounds):
        """All rounds, then the quiet end; `Exited` when the daemon ends by itself."""
        self.begin_rounds()
        while sum(self.ends.values()) < rounds and not self.faulty():
            self.load()
            self.bring_up()
            self.check()
            self.progress()
        if not self.faulty():
            self.quiet_end()

    def quiet_end(self):
        """Load without an end, everything overdue reclaimed, an orderly stop, the audit."""
        self.resume()
        self.daemon.sleep(1.0)
        limit = time.monotonic() + PATIENCE
        while self.missing() and time.monotonic() < limit:
            self.daemon.sleep(0.1)
        self.pausing = True
        self.wait_parked()
        self.check()
        self.daemon.sleep(6.5)
        self.check(leaks=True)
        self.finish_clients()
        status = self.daemon.terminate()
        if status != 0:
            self.book.fault("stop", f"exit status {status} after SIGTERM")
        self.replay()
        audit = self.daemon.audit()
        self.audited = (audit.stdout + audit.stderr).strip()
        if audit.returncode != 0:
            self.book.fault("audit", f"tenure audit verify: exit {audit.returncode}: "
                            f"{self.audited}")

    def missing(self):
        """The verbs that were not acknowledged yet."""
        return [verb for verb in VERBS if not self.book.counts.get(verb)]

    def finish_clients(self):
        with self.state:
            self.over = True
            self.state.notify_all()
        for client in self.clients:
            client.join(30)
        self.history.close()

    def replay(self):
        """The judgement over the whole history, from the clients' files alone."""
        records = read(self.home)
        book = Book()
        for record in records:
            book.begin(record)
        for record in records:
            book.fold(record)
        judge(records, book, World)
        self.book.faults += [fault for fault in book.faults if fault not in self.book.faults]

    def faulty(self):
        return bool(self.book.faults or self.broken)

    def progress(self):
        done = sum(self.ends.values())
        if done % 20 == 0:
            print(f"  {done} rounds, {sum(self.book.counts.values())} acknowledged", flush=True)

    def stop_all(self):
        if not self.over:
            self.finish_clients()
        if self.daemon.process and self.daemon.process.poll() is None:
            self.daemon.kill()


def report(campaign, facts):
    """What happened, for people; the same as a dictionary."""
    book = campaign.book
    counts = {name: count for name, count in sorted(book.counts.items())
              if not name.startswith("OBSERVE")}
    facts = {
        **facts,
        "acknowledged": counts, "refused": dict(sorted(book.refusals.items())),
        "unknown": dict(sorted(book.unknowns.items())), "unknown acquires": book.resolved,
        "leases": len(book.leases), "starts": len(campaign.starts),
        "start ms": {} if not campaign.starts else {
            "median": round(statistics.median(campaign.starts), 1),
            "max": round(max(campaign.starts), 1)},
        "audit": campaign.audited,
    }
    for name, value in facts.items():
        shown = ", ".join(f"{key} {count}" for key, count in value.items()) \
            if isinstance(value, dict) else value
        print(f"{name}: {shown}")
    return facts


def verdict(campaign, what):
    """The reasons to fail, as lines; `what` should have happened at least once."""
    lines = [f"{rule}: {sentence}" + "".join(f"\n    {line}" for line in evidence)
             for rule, sentence, evidence in campaign.book.faults]
    lines += campaign.broken
    if not lines and not sum(campaign.ends.values()):
        lines.append(f"no {what} happened: nothing was tested")
    if not lines:
        lines += [f"no {verb} was acknowledged: it was not tested" for verb in campaign.missing()]
    return lines


def options(parser):
    """The options that all campaigns of rounds have; they are read and checked here."""
    parser.add_argument("--tenure", default=os.environ.get("TENURE_BIN"),
                        help="the binary (TENURE_BIN)")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--dir", help="where the data directory is made; a real file system")
    parser.add_argument("--resp", type=int, choices=(2, 3), default=2)
    parser.add_argument("--json", help="also write the report there")
    parser.add_argument("--keep", action="store_true", help="keep the data and the histories")
    parser.add_argument("--serve-argument", action="append", default=[],
                        help="a further argument of `tenure serve`; may be repeated")
    return checked(parser)
