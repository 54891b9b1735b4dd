# The recorder as a child process, and its log as a list of entries.
#
# recorder.c tells what the log looks like. An entry is known by its index; `end` is the length of
# the log with it, so that "recorded at length L" covers the entries with `end` ≤ L.

import os
import struct
import subprocess
import time

import building
from disk import CannotMount

WRITE, FLUSH, ZEROS, FAILED = 1, 2, 3, 4
HEADER = struct.Struct("=QQQ")


class Recorder:
    """A disk of `size` bytes at `disk`, and the log of what is done to it."""

    def __init__(self, home, size):
        self.home = home
        self.image, self.log = os.path.join(home, "recorded"), os.path.join(home, "disk.log")
        self.place = os.path.join(home, "recorder-files")
        self.disk, self.switch = (os.path.join(self.place, name) for name in ("disk", "fail"))
        os.mkdir(self.place)
        with open(self.image, "wb") as image:
            image.truncate(size)
        self.process = None

    def start(self, limit=10.0):
        program = building.recorder(self.home)
        with open(os.path.join(self.home, "recorder.log"), "ab") as words:
            self.process = subprocess.Popen(
                [program, self.image, self.log, self.place], stdin=subprocess.DEVNULL,
                stdout=words, stderr=words)
        deadline = time.monotonic() + limit
        while not os.path.exists(self.disk):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                with open(os.path.join(self.home, "recorder.log"), errors="replace") as words:
                    raise CannotMount(f"the recorder: {words.read().strip()}")
            time.sleep(0.01)

    def length(self):
        return os.stat(self.log).st_size

    def fail(self, text):
        """From now on writes that contain `text` fail; "*", "!" and "" as in recorder.c."""
        with open(self.switch, "w") as switch:
            switch.write(text)

    def stop(self):
        """Unmounts it; what was mounted from it is gone already."""
        if self.process is None:
            return
        if self.process.poll() is None:
            subprocess.run(["umount", "--lazy", self.place], capture_output=True, check=False)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None


class Entry:
    """One entry of the log."""

    __slots__ = ("kind", "offset", "length", "at", "end")

    def __init__(self, kind, offset, length, at):
        self.kind, self.offset, self.length, self.at = kind, offset, length, at
        self.end = at + (length if kind == WRITE else 0)


def read_log(path, growing=False):
    """All entries; `ValueError` where one is cut off or of no known kind.

    Of a log that is `growing` the last entry may not be there whole, and is left out.
    """
    entries, size = [], os.stat(path).st_size
    with open(path, "rb", buffering=1 << 20) as log:
        while head := log.read(HEADER.size):
            if growing and len(head) < HEADER.size:
                break
            if len(head) < HEADER.size:
                raise ValueError(f"the log ends within an entry at {log.tell()}")
            entry = Entry(*HEADER.unpack(head), log.tell())
            if growing and entry.kind == WRITE and entry.end > size:
                break
            if entry.kind not in (WRITE, FLUSH, ZEROS, FAILED) or entry.end > size:
                raise ValueError(f"no entry at {entry.at - HEADER.size}: kind {entry.kind}")
            entries.append(entry)
            log.seek(entry.end)
    return entries
