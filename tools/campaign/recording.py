# A daemon under load on a recorded disk: what the campaigns on the recorder begin with.

import os
import random
import time
from collections import Counter

from building import canary
from daemon import Daemon
from disk import Disk
from recorder import FLUSH, ZEROS, Recorder
from wire import Wire
from writers import Crew, declare

MIB = 1 << 20
SIZE = 512 * MIB
LONGEST = 240.0        # seconds of recorded load at most


class Recording:
    """The disk with its log, the daemon, and what its clients were told when."""

    def __init__(self, home, kind, arguments):
        self.home, self.kind, self.arguments = home, kind, arguments
        self.recorder = Recorder(home, SIZE)
        self.disk = Disk(home, kind, self.recorder.disk)
        self.daemon = Daemon(arguments.tenure, home, ["--no-detect"])
        self.daemon.data = self.disk.data
        self.crew = Crew(home, self.recorder.length, random.Random(arguments.seed))
        self.begun = self.created = self.last = 0
        self.checkpoints = self.segments = 0
        self.broken = []

    def begin(self):
        """A ledger on the disk, with its daemon and what clients will ask for."""
        self.recorder.start()
        self.disk.make()
        self.begun = self.recorder.length()
        if self.arguments.canary:
            self.daemon.environment = canary(self.home, self.arguments.canary)
        self.daemon.start()
        self.daemon.wait_ready()
        wire = Wire(self.daemon.socket)
        declare(wire)
        wire.close()
        if self.arguments.canary:
            # What is lost shall be what clients were told, and not that there is a ledger.
            self.disk.sync()
        self.created = self.recorder.length()

    def work(self, operations):
        """Load until so many are acknowledged; `last` is before anything ends."""
        self.crew.start(self.daemon.socket)
        limit = time.monotonic() + LONGEST
        while self.crew.acknowledged() < operations and time.monotonic() < limit:
            self.daemon.sleep(0.2)
        self.last = self.recorder.length()
        self.broken += self.crew.stop()
        wire = Wire(self.daemon.socket)
        self.checkpoints = wire.client.info("ledger")["checkpoints"]
        wire.close()
        self.segments = sum(name.endswith(".seg") for folder in ("log", "archive")
                            for name in os.listdir(os.path.join(self.disk.data, folder)))

    def end(self):
        if self.daemon.process and self.daemon.process.poll() is None:
            self.daemon.kill()
        self.broken += self.crew.stop()
        self.crew.close()
        self.disk.abandon()
        self.recorder.stop()

    def counts(self, entries):
        inside = [entry for entry in entries if self.begun < entry.end <= self.last]
        kinds = Counter(entry.kind for entry in inside)
        return {
            "recorded": {"entries": len(inside), "flushes": kinds[FLUSH], "of zeros": kinds[ZEROS],
                         "checkpoints": self.checkpoints, "segments": self.segments,
                         "MiB": sum(entry.length for entry in inside) // MIB},
            "acknowledged": dict(sorted(Counter(
                record.op for records in self.crew.records() for record in records
                if record.outcome == "ok").items())),
        }
