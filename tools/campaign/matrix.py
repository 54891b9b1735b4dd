# The cells of the fault campaign: at which point, in which call, which fault, at which occurrence.
#
# A cell has a name, which is also how it is run alone: `load:fdatasync:EIO:3+` is EIO from the
# third fdatasync of any thread on while clients are at work. Pure: nothing here runs anything.

import random
from dataclasses import dataclass

# Traced from the start, in which the daemon may have to mend something …
STARTS = {
    "create": "nothing is there yet",
    "recover": "a ledger whose daemon was killed under load",
    "torn": "the same, with half a group behind the end of its log",
}
# … and laid upon a daemon that serves.
SERVING = {
    "load": "clients at work",
    "stop": "told to stop under load, with a last checkpoint",
    "turn": "clients at work where a segment is nearly full and a checkpoint nearly due",
}
POINTS = {**STARTS, **SERVING}

WRITE = ("EIO", "ENOSPC", "EDQUOT", "EINTR")
OPEN = ("EIO", "EMFILE", "ENFILE", "ENOMEM", "EINTR")
MADE = ("EMFILE", "ENFILE", "ENOMEM")
NAME = ("EIO", "ENOSPC", "EDQUOT", "ENOMEM")
# What a Linux kernel may answer to each call. A socket can be reset; nothing else that is read with
# read(2) fails but by a signal. What only some file systems do is among them.
ERRORS = {
    "pwrite64": WRITE, "pwritev": WRITE, "pwritev2": WRITE, "writev": WRITE,
    "fdatasync": WRITE, "fsync": WRITE, "ftruncate": ("EIO", "ENOSPC", "EINTR"),
    "fallocate": WRITE, "openat": OPEN, "openat2": OPEN,
    "renameat2": NAME, "renameat": NAME, "rename": NAME, "mkdirat": NAME, "mkdir": NAME,
    "unlinkat": ("EIO", "ENOSPC", "ENOMEM"), "unlink": ("EIO", "ENOSPC", "ENOMEM"),
    "mmap": ("ENOMEM", "EAGAIN"), "pread64": ("EIO", "EINTR", "ENOMEM"),
    "getdents64": ("EIO", "ENOMEM"), "newfstatat": ("EIO", "ENOMEM"), "fstatfs": ("EIO", "EINTR"),
    "fadvise64": ("EIO",), "flock": ("EINTR", "ENOLCK", "ENOMEM"),
    "fcntl": ("ENOLCK", "EINTR", "EMFILE"),
    "accept4": ("EMFILE", "ENFILE", "ENOMEM", "ENOBUFS", "EINTR", "ECONNABORTED"),
    "read": ("EINTR", "ECONNRESET"), "recvmsg": ("EINTR", "ECONNRESET", "ENOMEM"),
    "recvfrom": ("EINTR", "ECONNRESET", "ENOMEM"),
    "write": ("EINTR", "EPIPE"), "sendmsg": ("EINTR", "EPIPE", "ENOBUFS"),
    "sendto": ("EINTR", "EPIPE", "ENOBUFS"),
    "epoll_wait": ("EINTR",), "epoll_pwait": ("EINTR",), "epoll_ctl": ("ENOMEM", "ENOSPC"),
    "epoll_create1": MADE, "epoll_create": MADE, "eventfd2": MADE, "timerfd_create": MADE,
    "signalfd4": MADE, "socket": MADE, "bind": ("ENOMEM", "EADDRINUSE"), "listen": ("EADDRINUSE",),
    "chmod": ("EIO",), "fchmod": ("EIO",), "getrandom": ("EINTR", "EAGAIN"),
    "clone3": ("EAGAIN", "ENOMEM"), "clone": ("EAGAIN", "ENOMEM"),
}
# What a start does for those who connect is looked at while it serves.
CONNECTIONS = {"accept4", "read", "write", "epoll_wait", "epoll_pwait", "recvmsg", "recvfrom",
               "sendmsg", "sendto"}
# At a start only those on files of the ledger: the loader makes them too.
OF_FILES = {"openat", "mmap", "newfstatat", "pread64", "fcntl", "getdents64", "fstatfs"}
KILLED_AT = ("fdatasync", "pwrite64", "openat2", "openat", "renameat2", "unlinkat", "fsync",
             "writev", "pread64", "ftruncate", "mkdirat")
SHORT = ("pwrite64", "write")
# What the preloaded library does: strace would only tell a short write, and would reset timers.
BY_SHIM = {("pwrite64", "SHORT"): "short-pwrite", ("write", "SHORT"): "short-write",
           ("read", "ECONNRESET"): "reset-read", ("write", "EPIPE"): "reset-write"}
SLOW = "fdatasync"
SLOW_MICROSECONDS = 60_000
FAR = 40  # occurrences that are looked at
# What the rules of their own are about, in every run; {log} is the first read of the log.
ALWAYS = ("load:fdatasync:EIO:3", "load:fdatasync:EIO:2+", "recover:pread64:EIO:{log}",
          "torn:pread64:EIO:{log}+", "load:accept4:EMFILE:1+", "load:pwrite64:SHORT:1+",
          "load:fdatasync:SLOW:1+")


@dataclass(frozen=True)
class Cell:
    """One fault at one point."""

    point: str
    call: str
    fault: str       # the name of an error number, KILL, SHORT or SLOW
    first: int       # the occurrence, per thread
    onward: bool     # also every one behind it

    def __str__(self):
        return f"{self.point}:{self.call}:{self.fault}:{self.first}{'+' if self.onward else ''}"

    @staticmethod
    def parse(text):
        """The cell of a name; `ValueError` when it is none."""
        point, call, fault, when = text.split(":")
        if point not in POINTS:
            raise ValueError(f"{text}: no point {point}; there are {', '.join(POINTS)}")
        return Cell(point, call, fault, int(when.removesuffix("+")), when.endswith("+"))

    @property
    def is_kill(self):
        return self.fault == "KILL"

    @property
    def shim_mode(self):
        """What the preloaded library does, where it is not strace's."""
        return BY_SHIM.get((self.call, self.fault))

    def options(self):
        """What strace is told."""
        when = f"{self.first}{'+' if self.onward else ''}"
        if self.shim_mode:
            return None
        if self.is_kill:
            what = f"signal=KILL:when={when}"
        elif self.fault == "SLOW":
            what = f"delay_enter={SLOW_MICROSECONDS}:when={when}"
        else:
            # No kernel interrupts without end.
            few = f"{self.first}..{self.first + 2}" if self.fault == "EINTR" else when
            what = f"error={self.fault}:when={few}"
        return ["-e", f"trace={self.call}", "-e", f"inject={self.call}:{what}"]


def faults_at(point, counts, chooser):
    """Cells of one point, by call; `counts` is {call: (before, most)} of a run without faults."""
    for call in sorted(counts):
        before, most = counts[call]
        last = min(most, before + FAR)
        if last <= before:
            continue
        for error in ERRORS.get(call, ()):
            for onward in (False, True):
                if not (error == "EINTR" and onward):
                    yield Cell(point, call, error, pick(before, last, chooser), onward)


def pick(before, last, chooser):
    """An occurrence behind `before`, the early ones rather than the late."""
    return before + min(chooser.randint(1, last - before) for _ in range(2))


def every_fault(point, counts):
    """The whole matrix of one point."""
    for call in sorted(counts):
        before, most = counts[call]
        for error in ERRORS.get(call, ()):
            for first in range(before + 1, min(most, before + FAR) + 1):
                for onward in (False, True):
                    if not (error == "EINTR" and onward):
                        yield Cell(point, call, error, first, onward)


def choose(counts, firsts, number, seed, everything=False):
    """`number` cells of faults, each call at each point before any comes a second time.

    `firsts` are the occurrences, by point and call, of the first that was on the log.
    """
    chooser = random.Random(f"{seed} faults")
    if everything:
        return [cell for point in counts for cell in every_fault(point, counts[point])]
    chosen = []
    for name in ALWAYS:
        point, call = name.split(":")[:2]
        if point in counts and ("{log}" not in name or (point, call) in firsts):
            chosen.append(Cell.parse(name.format(log=firsts.get((point, call)))))
    chosen = chosen[:number]
    while len(chosen) < number:
        fresh = []
        for point in counts:
            by_call = {}
            for cell in faults_at(point, counts[point], chooser):
                by_call.setdefault(cell.call, []).append(cell)
            fresh += [chooser.choice(cells) for cells in by_call.values()]
            fresh += extra(point, chooser)
        if not fresh:
            raise ValueError("no call was made at any point: there is nothing to choose from")
        chooser.shuffle(fresh)
        chosen += [cell for cell in dict.fromkeys(fresh) if cell not in chosen]
    return chosen[:number]


def extra(point, chooser):
    """Short writes and slow syncs."""
    if point == "create":
        return [Cell(point, "pwrite64", "SHORT", chooser.randint(1, 9), True)]
    if point in STARTS:
        return []  # what recovery writes is a block, past the page cache: whole or not at all
    return [Cell(point, chooser.choice(SHORT), "SHORT", chooser.randint(1, 9), True),
            Cell(point, SLOW, "SLOW", 1, True)]


def choose_kills(counts, number, seed):
    """`number` aligned kills: the first occurrences of each call, at one point after the other."""
    chooser = random.Random(f"{seed} kills")
    columns = []
    for point in counts:
        for call in KILLED_AT:
            before, most = counts[point].get(call, (0, 0))
            column = [Cell(point, call, "KILL", first, False)
                      for first in range(before + 1, min(most, before + FAR) + 1)]
            if column:
                columns.append(column)
    chooser.shuffle(columns)
    # The first occurrence of every column, then the second of each that has one.
    rows = [cell for depth in range(FAR) for cell in
            (column[depth] for column in columns if depth < len(column))]
    return rows[:number]


def plan_again(counts, chooser):
    """Where the recovery from a kill is killed as well: one to three cells, or none."""
    again = []
    for _ in range(chooser.choice([0, 1, 2, 3])):
        call = chooser.choice([name for name in KILLED_AT if name in counts])
        before, most = counts[call]
        if most > before:
            first = pick(before, min(most, before + FAR), chooser)
            again.append(Cell("recover", call, "KILL", first, False))
    return again
