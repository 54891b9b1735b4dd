# The kill campaign's clients and book, on a daemon that faults are laid upon.

import pickle
import threading
from types import SimpleNamespace

from rounds import Campaign
from tracing import TracedDaemon
from world import declare

ENDING = 30.0     # seconds in which a daemon must have ended or answered: it waits 10 for room
CARRIED = ("mine", "sessions", "inbox", "windows", "tickets", "bookings", "last_moves",
           "last_booking", "count")


class Trial(Campaign):
    """One ledger, its clients, and what they know."""

    def __init__(self, binary, home, seed, shim=None):
        arguments = SimpleNamespace(seed=seed, tenure=binary, serve_argument=["--no-detect"],
                                    resp=2, kills=0)
        super().__init__(arguments, home)
        self.daemon = TracedDaemon(binary, home, ["--no-detect"])
        self.daemon.shim = shim or {}
        self.fell, self.losses, self.guard = True, 0, threading.Lock()

    # --- where it begins -----------------------------------------------------------------------

    def pack(self):
        """The book and what the clients know, for `unpack` to go on from."""
        return pickle.dumps({"book": self.book, "recent": self.recent, "clients": [
            {name: getattr(client, name) for name in CARRIED} for client in self.clients]})

    def unpack(self, packed):
        state = pickle.loads(packed)
        self.book, self.recent = state["book"], state["recent"]
        for client, known in zip(self.clients, state["clients"]):
            client.book = self.book
            for name, value in known.items():
                setattr(client, name, value)

    # --- what differs from the kill campaign ---------------------------------------------------

    def lost(self, name, error):
        """The first connection that ends tells when the daemon was last seen."""
        with self.guard:
            self.losses += 1
            if not self.fell and not self.pausing:
                self.fell = True
                self.gap(down=True)

    def begin_clients(self):
        for client in self.clients:
            client.start()

    def all_connected(self):
        return all(client.wire for client in self.clients)

    def spell(self, seconds, meanwhile=None):
        """Load for a while, or until the daemon ends."""
        self.fell = False
        self.resume()
        if meanwhile:
            meanwhile()
        self.daemon.ended(seconds)
        self.pausing = True
        self.wait_parked()

    def down(self):
        """The daemon is down from now on at the latest."""
        with self.guard:
            if not self.fell:
                self.fell = True
                self.gap(down=True)

    def start_whole(self):
        """Starts it without faults, which must work."""
        self.daemon.under = None
        self.daemon.start()
        self.starts.append(self.daemon.wait_ready(ENDING))
        self.gap(down=False)

    def introduce(self):
        wire = self.connect()
        try:
            declare(wire)
        finally:
            wire.close()

    def acknowledged(self):
        return sum(count for name, count in self.book.counts.items()
                   if not name.startswith("OBSERVE"))
