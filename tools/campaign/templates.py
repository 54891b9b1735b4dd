# The ledgers that the cells of the fault campaign are copied from, each with its book.

import os
import random
import shutil
import socket

from traced import Trial

BLOCK = 4096
WORK = 0.8          # seconds of load in a template
DUE = 32_768        # records after which a checkpoint is made
MARGIN = 25         # records, and blocks, that are left to the clients of a cell
BATCH = 512


class Template:
    """A ledger whose daemon was killed under load; nobody serves it."""

    def __init__(self, binary, home, seed):
        os.mkdir(home, 0o700)
        self.trial = Trial(binary, home, seed)
        self.home, self.daemon = home, self.trial.daemon

    def build(self, turn=False):
        """What cells need of it."""
        trial = self.trial
        try:
            trial.begin_clients()
            trial.start_whole()
            trial.introduce()
            trial.spell(WORK)
            trial.check()
            if turn:
                self.bring_to_turn()
            if self.daemon.process.poll() is not None:
                raise OSError(f"the daemon of a template ended: {self.daemon.last_words()}")
            trial.down()
            self.daemon.kill()
            trial.finish_clients()
        finally:
            trial.stop_all()
        if trial.faulty():
            raise OSError(f"a template is not as it should be: {trial.book.faults[:3]} "
                          f"{trial.broken}")
        histories = os.path.join(self.home, "histories")
        os.mkdir(histories)
        for name in sorted(os.listdir(self.home)):
            if name.endswith(".history"):
                os.rename(os.path.join(self.home, name), os.path.join(histories, "before-" + name))
        return {"data": self.daemon.data, "histories": histories, "packed": trial.pack()}

    def bring_to_turn(self):
        """One segment full and behind a checkpoint, the next nearly full, a checkpoint nearly due.

        The quota that is set again and again is nobody's of the campaign's tenants.
        """
        self.fill(until=None)
        self.trial.down()
        if self.daemon.terminate() != 0:
            raise OSError(f"a template did not stop: {self.daemon.last_words()}")
        self.trial.start_whole()
        for _ in range((DUE - BLOCK) // BATCH):
            self.pad(BATCH)
        self.fill(until=MARGIN)
        self.pad(max(0, DUE - MARGIN - self.since_checkpoint()))

    def fill(self, until):
        """Single records until so many blocks of the segment are left, or the next has begun."""
        first = self.newest()
        while self.newest() == first:
            left = blocks_left(first)
            if until is not None and left <= until:
                return
            with self.talk() as visitor:
                for _ in range(max(1, left - (until or 0))):
                    command(visitor, 1, self.trial.random)

    def pad(self, count):
        with self.talk() as visitor:
            while count > 0:
                command(visitor, min(count, BATCH), self.trial.random)
                count -= BATCH

    def since_checkpoint(self):
        wire = self.trial.connect()
        facts = wire.client.info("ledger")
        wire.close()
        return facts["position"] - facts["checkpointPosition"]

    def newest(self):
        folder = os.path.join(self.daemon.data, "log")
        return os.path.join(folder, max(name for name in os.listdir(folder)
                                        if name.endswith(".seg")))

    def talk(self):
        visitor = socket.socket(socket.AF_UNIX)
        visitor.settimeout(30)
        visitor.connect(self.daemon.socket)
        return visitor


def command(visitor, count, chooser):
    """That many changes at once, each acknowledged."""
    visitor.sendall(b"".join(b"QUOTA SET filler cpu LIMIT %d\r\n" % chooser.randint(1, 9_000)
                             for _ in range(count)))
    rest, answers = b"", 0
    while answers < count:
        got = visitor.recv(1 << 20)
        if not got:
            raise OSError("the daemon of a template closed a connection")
        rest += got
        answers += rest.count(b"position\r\n")
        rest = rest[rest.rfind(b"position\r\n") + 1:] if b"position\r\n" in rest else rest
        if rest.startswith(b"-"):
            raise OSError(f"a template was refused: {rest[:80]!r}")


def blocks_left(segment):
    """How many blocks behind the last one with something in it a segment has."""
    with open(segment, "rb") as file:
        data = file.read()
    end = len(data.rstrip(b"\0"))
    return len(data) // BLOCK - -(-end // BLOCK)


def tear(template, home, seed):
    """A copy of a template with the beginning of a group behind the end of its log."""
    data = os.path.join(home, "data")
    os.mkdir(home, 0o700)
    shutil.copytree(template["data"], data)
    folder = os.path.join(data, "log")
    newest = os.path.join(folder, max(name for name in os.listdir(folder)
                                      if name.endswith(".seg")))
    size = os.path.getsize(newest)
    with open(newest, "r+b") as file:
        file.seek(size - blocks_left(newest) * BLOCK)
        file.write(random.Random(f"{seed} torn").randbytes(700))
    return dict(template, data=data)
