# Clients whose every answer can be checked at any later moment: nothing ends by itself.
#
# Each has leases of its own and asks one thing at a time, so that at any moment at most one change
# of each is open. Before a command is sent and after its answer the history has the length of the
# recorder's log: what was answered at length L must be on every image that was cut at L or later.

import random
import threading

from facts import reply_fields
from history import History
from wire import Lost, Refused, Wire, as_map

CLIENTS = 6
HOUR = 3_600_000
FIRST, RENEWED = 6 * HOUR, 9 * HOUR    # a renewal that is lost shows in what is left
MOST = 12                              # leases of one client
CAPACITIES = {"c0": 100, "c1": 100, "c2": 100}
# Long records, so that the log comes to the end of its segments.
NOTES = ",".join(f"note{number}=" + "x" * 240 for number in range(30))


def declare(wire):
    wire.call("POOL", "SET", "main")
    for name, capacity in CAPACITIES.items():
        wire.call("RESOURCE", "SET", name, "POOL", "main", "KIND", "core", "CAPACITY", capacity)


class Writer:
    """One client, for as long as its daemon answers."""

    def __init__(self, number, home, length, seed):
        self.name = f"w{number}"
        self.random = random.Random(seed)
        self.history = History(home, self.name)
        self.length = length               # how long the log of the recorder is
        self.records, self.held = [], {}   # lease -> (token, amount), as far as it is sure
        self.count, self.acknowledged = 0, 0
        self.wire, self.fault = None, None

    def work(self, socket, over):
        """Until `over`, or until the daemon is lost."""
        try:
            self.wire = Wire(socket)
            while not over.is_set():
                self.step()
        except Lost:
            pass  # the one command that was open is in the history as unknown
        except BaseException as error:  # a fault of the campaign must not look like a cut
            self.fault = error
            raise
        finally:
            if self.wire:
                self.wire.close()

    def step(self):
        choice = self.random.random()
        if not self.held or (choice < 0.35 and len(self.held) < MOST):
            self.acquire()
        elif choice < 0.55:
            self.change("RENEW", {"ttl": RENEWED}, "TTL", RENEWED)
        elif choice < 0.70:
            more = self.random.randint(1, 2)
            self.change("GROW", {"more": more}, f"core={more}")
        elif choice < 0.96:
            self.change("RELEASE", {})
        else:
            limit = self.random.randint(1, 9_000)
            self.ask("QUOTA SET", {"tenant": f"settings/{self.name}", "limit": limit},
                     ["QUOTA", "SET", f"settings/{self.name}", "core", "LIMIT", limit])

    def acquire(self):
        self.count += 1
        holder, amount = f"{self.name}-{self.count}", self.random.randint(1, 3)
        record = self.ask(
            "ACQUIRE", {"holder": holder, "request": f"r-{holder}", "amount": amount, "ttl": FIRST},
            ["ACQUIRE", "main", f"core={amount}", "HOLDER", holder, "TTL", FIRST,
             "REQUEST", f"r-{holder}", "TAG", NOTES])
        if record.outcome == "ok":
            self.held[record.reply["lease"]] = (record.reply["token"], amount)

    def change(self, op, fields, *words):
        lease = self.random.choice(sorted(self.held))
        token, amount = self.held.pop(lease)   # not ours to touch again if nobody answers
        record = self.ask(op, {"lease": lease, **fields}, [op, lease, token, *words])
        if record.outcome == "err" or op == "RENEW":   # as EXHAUSTED: nothing has changed
            self.held[lease] = (token, amount)
        elif op == "GROW":
            self.held[lease] = (record.reply["token"], sum(record.reply["amounts"].values()))

    def ask(self, op, fields, words):
        """Sends one command; the record, or `Lost` when nobody knows."""
        record = self.history.invoke(op, {**fields, "from": self.length()})
        self.records.append(record)
        try:
            reply = self.wire.call(*words)
            told = {"position": int(as_map(reply)["position"]), "to": self.length(),
                    **({} if op == "QUOTA SET" else reply_fields(as_map(reply)))}
            self.history.finish(record, "ok", None, told)
            self.acknowledged += 1
        except Refused as refusal:
            self.history.finish(record, "err", refusal.code, {"text": str(refusal)[:200]})
        except Lost as lost:
            self.history.finish(record, "unknown", None, {"text": str(lost)[:200]})
            raise
        return record


class Crew:
    """All writers, sent to work for one life of the daemon after the other."""

    def __init__(self, home, length, seeds):
        self.writers = [Writer(number, home, length, seeds.random()) for number in range(CLIENTS)]
        self.over, self.threads = threading.Event(), []

    def start(self, socket):
        self.over.clear()
        self.threads = [threading.Thread(target=writer.work, args=(socket, self.over),
                                         daemon=True) for writer in self.writers]
        for thread in self.threads:
            thread.start()

    def stop(self, limit=60.0):
        """Waits until all have come to rest; what went wrong with them, as lines."""
        self.over.set()
        for thread in self.threads:
            thread.join(limit)
        late = sum(thread.is_alive() for thread in self.threads)
        return [f"{late} clients did not come to rest"] * bool(late) + \
            [f"{writer.name}: {writer.fault!r}" for writer in self.writers if writer.fault]

    def acknowledged(self):
        return sum(writer.acknowledged for writer in self.writers)

    def records(self):
        """Of each client what it asked, in its order."""
        return [writer.records for writer in self.writers]

    def close(self):
        for writer in self.writers:
            writer.history.close()
