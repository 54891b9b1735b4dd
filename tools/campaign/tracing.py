# The daemon under strace: started under it or watched from a moment on, and what it wrote down.
#
# With -D the daemon stays our own child, so that its exit status and its signals are its own. An
# injected fault is marked in the trace; what is not marked there did not happen.

import os
import re
import signal
import socket
import subprocess
import time

from daemon import Daemon

LINE = re.compile(r"^(\d+) +(.*)$")
ENTRY = re.compile(r"^([a-z_0-9]+)\((.*)$")
RESUMED = re.compile(r"^<\.\.\. ([a-z_0-9]+) resumed>(.*)$")
FAILED = re.compile(r"= -1 ([A-Z0-9]+) ")
PATHS = re.compile(r"<((?:/|socket:|anon_inode:|pipe:)[^>]*)>")
ATTACHING = 10.0  # seconds in which strace must have got hold of a process


class Call:
    """One system call that was traced."""

    __slots__ = ("thread", "name", "text", "path", "error", "injected", "delayed", "entered",
                 "returned")

    def __init__(self, thread, name, text, entered):
        self.thread, self.name, self.text, self.entered = thread, name, text, entered
        found = PATHS.search(text)
        self.path = found.group(1) if found else ""
        self.error, self.injected, self.delayed, self.returned = None, False, False, None

    def finish(self, text, line):
        """Takes the part of the line behind the call's arguments."""
        failed = FAILED.search(text)
        self.error = failed.group(1) if failed else None
        self.injected, self.delayed = "(INJECTED)" in text, "(DELAYED)" in text
        self.returned = line

    @property
    def is_anonymous(self):
        """Whether it asks for memory that no file is behind."""
        return self.name in ("brk", "mprotect") or \
            self.name == "mmap" and "MAP_ANONYMOUS" in self.text


def read_trace(lines):
    """All calls in the order in which they were entered."""
    calls, waiting = [], {}
    for number, line in enumerate(lines):
        found = LINE.match(line)
        if not found:
            continue
        thread, text = found.groups()
        resumed = RESUMED.match(text)
        if resumed:
            call = waiting.pop(thread, None)
            if call:
                call.finish(text, number)
            continue
        entry = ENTRY.match(text)
        if not entry:
            continue
        call = Call(thread, entry.group(1), text, number)
        calls.append(call)
        if text.rstrip().endswith("<unfinished ...>"):
            waiting[thread] = call
        else:
            call.finish(text, number)
    return calls


def counted(calls, home, only_files=False):
    """{call: (before, most)}: how often the first thread made it before the daemon looked at
    `home`, which is the loader's and the runtime's doing, and the most that one thread made.
    Where only files of the ledger were looked at there is no before."""
    most, first, own = {}, None, {} if only_files else None
    for call in calls:
        first = first or call.thread
        if own is None and (call.path.startswith(home) or f'"{home}' in call.text):
            own = dict(most)
        key = (call.name, call.thread)
        most[key] = most.get(key, 0) + 1
    result = {}
    for (name, thread), count in most.items():
        before, highest = result.get(name, (0, 0))
        result[name] = ((own or {}).get((name, first), before), max(highest, count))
    return result


class TracedDaemon(Daemon):
    """A daemon that strace may be laid upon; `shim` is what is preloaded into it."""

    def __init__(self, binary, home, arguments=()):
        super().__init__(binary, home, arguments)
        self.under = None        # what strace is to do to the next start
        self.shim = {}
        self.trace, self.traces = None, 0
        self.tracer, self.pipe = None, None

    def last_words(self):
        """More of them: behind a fatal error comes a long trace."""
        try:
            with open(self.log, errors="replace") as log:
                return "".join(log.readlines()[-60:])
        except OSError:
            return ""

    def spawn(self, socket):
        command = [self.binary, "serve", "--data", self.data, "--socket", socket]
        prefix, keep, environment = [], (), dict(os.environ, **self.shim)
        reading = None
        if self.under is not None:
            reading, writing = os.pipe()
            # -I 2: it may be told to let go. No --seccomp-bpf: its filter would stay behind.
            prefix = ["strace", "-D", "-I", "2", "-f", *self.options()]
            for name, value in self.shim.items():
                prefix += ["-E", f"{name}={value}"]
            keep, environment = (writing,), dict(os.environ)
        with open(self.log, "ab") as log:
            process = subprocess.Popen(
                prefix + command + self.arguments, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, pass_fds=keep, env=environment)
        if reading is not None:
            os.close(writing)
            self.pipe = reading
        return process

    def options(self):
        self.traces += 1
        self.trace = os.path.join(self.home, f"trace-{self.traces}")
        return ["-y", "-s", "0", "-o", self.trace, *self.under]

    def attach(self, what):
        """Lays strace on the running daemon."""
        self.under = what
        self.tracer = subprocess.Popen(
            ["strace", "-f", *self.options(), "-p", str(self.process.pid)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.under = None
        os.set_blocking(self.tracer.stderr.fileno(), False)
        said, limit = b"", time.monotonic() + ATTACHING
        while b"attached" not in said:
            # It ends with the daemon: what it said before that is still to be read then.
            over = self.tracer.poll() is not None or time.monotonic() > limit
            said += self.tracer.stderr.read() or b""
            if over and b"attached" not in said:
                raise OSError(f"strace did not attach: {said.decode(errors='replace')}")
            time.sleep(0.002)

    def detach(self):
        """Ends the faults: strace lets go of a daemon that lives, and its trace is whole."""
        if self.tracer is not None:
            if self.tracer.poll() is None and self.process.poll() is None:
                self.tracer.send_signal(signal.SIGINT)
            try:
                self.tracer.wait(10)
            except subprocess.TimeoutExpired:
                self.tracer.kill()
                self.tracer.wait()
            self.tracer.stderr.close()
            self.tracer = None
        if self.pipe is not None and self.process.poll() is not None:
            self.drain()

    def drain(self):
        """Waits until the strace of a start has ended as well, which closes its end."""
        os.set_blocking(self.pipe, False)
        limit = time.monotonic() + 10
        while time.monotonic() < limit:
            try:
                if os.read(self.pipe, 1) == b"":
                    break
            except BlockingIOError:
                pass
            time.sleep(0.002)
        os.close(self.pipe)
        self.pipe = None

    def release(self):
        """Makes the strace of a start let go of the daemon, which goes on without faults."""
        if self.pipe is None:
            return
        tracer = tracer_of(self.process.pid)
        if tracer:
            os.kill(tracer, signal.SIGINT)
            limit = time.monotonic() + 10
            while tracer_of(self.process.pid) == tracer and time.monotonic() < limit:
                time.sleep(0.002)
        os.close(self.pipe)
        self.pipe = None

    def calls(self):
        """What the last trace says."""
        if self.trace is None or not os.path.exists(self.trace):
            return []
        with open(self.trace, errors="replace") as file:
            return read_trace(file)

    def ended(self, limit):
        """The exit status within `limit` seconds, or nothing."""
        try:
            return self.process.wait(limit)
        except subprocess.TimeoutExpired:
            return None

    def ready_or_ended(self, limit):
        """Whether it answers within `limit` seconds; it may have ended instead, or done neither."""
        limit += time.monotonic()
        while time.monotonic() < limit and self.process.poll() is None:
            with socket.socket(socket.AF_UNIX) as visitor:
                visitor.settimeout(1.0)
                try:
                    visitor.connect(self.socket)
                    visitor.sendall(b"PING\r\n")
                    if visitor.recv(64):
                        return True
                except OSError:  # not yet
                    pass
            time.sleep(0.002)
        return False


def tracer_of(process):
    """The process that traces this one, or 0."""
    try:
        with open(f"/proc/{process}/status") as status:
            for line in status:
                if line.startswith("TracerPid:"):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0
