# Images of a recorded disk: what a power cut at some moment could have left on the device.
#
# A device may keep what it was sent since its last flush in any part, and the last write to any
# sector. A cut is a number of entries of the log that had arrived; its image has every write before
# the last flush among them, and of those behind it what its `mode` says. The loop device serves one
# request after the other, so that what is in the log before a flush was answered before it. With
# the same log and seed the same images come out.

import ctypes
import os
import subprocess

from recorder import FLUSH, WRITE, ZEROS

SECTOR = 512
SEGMENT, BLOCK = b"TSEG", 4096   # what a segment of the ledger's log begins with, and where
BEHIND = 300           # entries behind that in which what was put off shows
LONG = 3               # writes of an epoch in which more was going on than a group of the log
PUNCH = 1 | 2          # FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE
LIBC = ctypes.CDLL(None, use_errno=True)


class Cut:
    """One image: how much of the log had arrived, and what of the open epoch the device kept."""

    def __init__(self, arrived, flushed, mode, kept, torn=None):
        self.arrived = arrived   # the number of entries that the device was sent
        self.flushed = flushed   # the number of those that are surely on it
        self.mode = mode
        self.kept = kept         # indexes of later writes that are on it as well
        self.torn = torn         # (index, sectors of it that are), or None

    def __str__(self):
        torn = f", of {self.torn[0]} the sectors {self.torn[1]}" if self.torn else ""
        return (f"after {self.arrived} entries, flushed up to {self.flushed}, "
                f"{self.mode} of the rest: {self.kept}{torn}")


def flushed_before(entries, arrived):
    """How many entries the last flush among the first `arrived` covers."""
    for index in range(arrived, 0, -1):
        if entries[index - 1].kind == FLUSH:
            return index
    return 0


def cuts_at(entries, arrived, random):
    """The images of one moment: one at a flush, else one of each mode."""
    flushed = flushed_before(entries, arrived)
    rest = [index for index in range(flushed, arrived) if entries[index].kind in (WRITE, ZEROS)]
    if not rest:
        return [Cut(arrived, flushed, "flushed", [])]
    some = [index for index in rest if random.random() < 0.5]
    torn = random.choice(rest)
    sectors = range((entries[torn].length + SECTOR - 1) // SECTOR)
    kept = [index for index in rest if random.random() < 0.5 and index != torn]
    return [Cut(arrived, flushed, "none", []), Cut(arrived, flushed, "all", rest),
            Cut(arrived, flushed, "some", some),
            Cut(arrived, flushed, "torn", kept,
                (torn, [sector for sector in sectors if random.random() < 0.5]))]


def epochs_of(entries, first, last):
    """The writes between two lengths of the log, as lists of indexes from flush to flush."""
    epochs = [[]]
    for index, entry in enumerate(entries):
        if first < entry.end <= last:
            if entry.kind == FLUSH:
                epochs.append([])
            elif entry.kind in (WRITE, ZEROS):
                epochs[-1].append(index)
    return [epoch for epoch in epochs if epoch]


def rotations(entries, log):
    """Indexes of the writes that begin a segment of the ledger's log."""
    found = []
    with open(log, "rb") as file:
        for index, entry in enumerate(entries):
            if entry.kind == WRITE:
                file.seek(entry.at)
                if any(file.read(BLOCK).startswith(SEGMENT)
                       for _ in range(0, entry.length, BLOCK)):
                    found.append(index)
    return found


def choose(entries, first, last, count, random, rotated=()):
    """`count` cuts or a few more between two lengths of the log, in the order of the log.

    A fifth of the moments are at flushes, the others where something is open: at the end of an
    epoch or anywhere in it. Most epochs are one group of the log and little else; every second
    moment is in one of those in which more was going on (checkpoints, journal), and a fifth behind
    one of the writes `rotated`, which began a segment.
    """
    inside = [index for index, entry in enumerate(entries) if first < entry.end <= last]
    flushes = [index for index in inside if entries[index].kind == FLUSH]
    epochs = epochs_of(entries, first, last)
    if not epochs:
        return []
    long = [epoch for epoch in epochs if len(epoch) >= LONG] or epochs
    behind = [epoch for epoch in epochs
              if any(index < epoch[0] <= index + BEHIND for index in rotated)]
    cuts, seen = [], set()
    for _ in range(100 * count):
        if len(cuts) >= count:
            break
        where = random.random()
        if flushes and where < 0.2:
            arrived = random.choice(flushes) + 1
        else:
            epoch = random.choice(behind if behind and where < 0.4
                                  else long if where < 0.8 else epochs)
            arrived = 1 + (epoch[-1] if random.random() < 0.5 else random.choice(epoch))
        if arrived not in seen:
            seen.add(arrived)
            cuts += cuts_at(entries, arrived, random)
    return sorted(cuts, key=lambda cut: cut.arrived)


def pieces_of(entry, number, cut):
    """The (from, to) of an entry's bytes that are on the image, counted from its first."""
    if cut.torn is None or cut.torn[0] != number:
        return [(0, entry.length)]
    return [(sector * SECTOR, min((sector + 1) * SECTOR, entry.length)) for sector in cut.torn[1]]


class Builder:
    """Makes images of one log, those of later moments after those of earlier ones."""

    def __init__(self, entries, log, home, size):
        self.entries, self.size, self.applied = entries, size, 0
        self.log = open(log, "rb")
        self.base = os.path.join(home, "base")
        self.file = open(self.base, "w+b", buffering=0)
        self.file.truncate(size)

    def make(self, cut, path):
        """The image of `cut` as a file of its own."""
        if cut.flushed < self.applied:
            raise ValueError("images are made in the order of the log")
        for index in range(self.applied, cut.flushed):
            self.apply(self.file, index, [(0, self.entries[index].length)])
        self.applied = cut.flushed
        subprocess.run(["cp", "--sparse=always", self.base, path], check=True, timeout=120)
        with open(path, "r+b", buffering=0) as image:
            for index in sorted([*cut.kept, *([cut.torn[0]] if cut.torn else [])]):
                self.apply(image, index, pieces_of(self.entries[index], index, cut))

    def apply(self, file, index, pieces):
        entry = self.entries[index]
        if entry.kind == ZEROS:
            for start, stop in pieces:
                punch(file, entry.offset + start, stop - start)
        elif entry.kind == WRITE:
            self.log.seek(entry.at)
            contents = self.log.read(entry.length)
            for start, stop in pieces:
                written = os.pwrite(file.fileno(), contents[start:stop], entry.offset + start)
                if written != stop - start:
                    raise OSError(f"{written} of {stop - start} bytes of an image were written")

    def close(self):
        self.log.close()
        self.file.close()
        os.unlink(self.base)


def punch(file, offset, length):
    """Zeros that take no room."""
    if LIBC.fallocate(file.fileno(), PUNCH, ctypes.c_long(offset), ctypes.c_long(length)):
        raise OSError(ctypes.get_errno(), "fallocate")
