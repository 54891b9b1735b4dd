# What every figure needs: a daemon of its own, a raw RESP2 connection, percentiles, a table.
#
# Guarantees: only processes started here are signalled, by their id, and none is left behind.
# Folders are made below --dir, which must be a real file system for a figure to mean anything.

import contextlib
import json
import os
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time

BLOCK = 512  # commands sent at once; a connection may have 1,000 outstanding


class Failed(Exception):
    """A figure could not be measured."""


class Refusal(Exception):
    """The daemon said no."""


def encode(*words):
    """One command as bytes."""
    parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts)


class Parser:
    """Replies out of bytes, as they come; refusals are returned, not raised."""

    def __init__(self):
        self.bytes, self.at = b"", 0

    def feed(self, data):
        self.bytes, self.at = self.bytes[self.at:] + data, 0

    def replies(self):
        """Every whole reply that has come."""
        while True:
            start = self.at
            try:
                yield self.value()
            except IndexError:  # the rest has not come yet
                self.at = start
                return

    def value(self):
        end = self.bytes.find(b"\r\n", self.at)
        if end < 0:
            raise IndexError
        sort, text = self.bytes[self.at:self.at + 1], self.bytes[self.at + 1:end]
        self.at = end + 2
        if sort == b"*":
            return [self.value() for _ in range(int(text))]
        if sort == b"$":
            return self.bulk(int(text))
        if sort == b":":
            return int(text)
        return Refusal(text.decode()) if sort == b"-" else text

    def bulk(self, length):
        if length < 0:
            return None
        start, self.at = self.at, self.at + length + 2
        if self.at > len(self.bytes):
            raise IndexError
        return self.bytes[start:start + length]


def as_map(reply):
    """A map of the protocol, which RESP2 gives as a flat array."""
    if isinstance(reply, Refusal):
        raise reply
    return {name.decode(): value for name, value in zip(reply[::2], reply[1::2])}


class Connection:
    """One connection that waits for its answers; many commands may be on the way."""

    def __init__(self, path, timeout=60.0):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.parser, self.retries = Parser(), 0
        try:
            while not self.connected(path):
                self.retries += 1
                time.sleep(0.001)
        except OSError:
            self.socket.close()
            raise

    def connected(self, path):
        """Connects; false when too many others wait to be accepted."""
        try:
            self.socket.connect(path)
        except BlockingIOError:
            return False
        return True

    def send(self, data):
        self.socket.sendall(data)

    def receive(self, count):
        """The next `count` replies."""
        found = []
        while True:
            found += self.parser.replies()
            if len(found) >= count:
                return found
            data = self.socket.recv(1 << 18)
            if not data:
                raise ConnectionError("the daemon closed the connection")
            self.parser.feed(data)

    def call(self, *words):
        """The reply to one command; raises `Refusal`."""
        self.send(encode(*words))
        reply = self.receive(1)[0]
        if isinstance(reply, Refusal):
            raise reply
        return reply

    def map(self, *words):
        return as_map(self.call(*words))

    def many(self, commands):
        """Replies to encoded commands, pipelined; raises the first refusal."""
        replies = []
        for start in range(0, len(commands), BLOCK):
            block = commands[start:start + BLOCK]
            self.send(b"".join(block))
            replies += self.receive(len(block))
        for reply in replies:
            if isinstance(reply, Refusal):
                raise reply
        return replies

    def info(self):
        """INFO, with what is a number as a number."""
        lines = (line.partition(":") for line in self.call("INFO").decode().split("\r\n"))
        return {name: int(value) if value.isdigit() else value for name, _, value in lines if value}

    def close(self):
        self.socket.close()


class Daemon:
    """One data directory, and the process that serves it."""

    def __init__(self, binary, home, arguments=()):
        self.binary, self.home, self.arguments = binary, home, list(arguments)
        self.data, self.path = os.path.join(home, "data"), os.path.join(home, "sock")
        self.process = None

    def start(self, limit=120.0):
        """Milliseconds from exec to the first answered command."""
        command = [self.binary, "serve", "--no-detect", "--data", self.data,
                   "--socket", self.path, *self.arguments]
        with open(os.path.join(self.home, "daemon.log"), "ab") as log:
            began = time.perf_counter()
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log)
        while time.perf_counter() < began + limit:
            try:
                wire = Connection(self.path)
                wire.call("STATUS")
                took = (time.perf_counter() - began) * 1000
                wire.close()
                return took
            except OSError:  # no socket yet, or that of the process before
                if self.process.poll() is not None:
                    raise Failed(f"the daemon ended at start: {self.last_words()}") from None
                time.sleep(0.001)
        raise Failed(f"no answer within {limit} s of start")

    def connect(self):
        return Connection(self.path)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process = None

    def stop(self, limit=60.0):
        """Ends it as an operator would: everything is checkpointed."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(limit)
        self.process = None
        if status != 0:
            raise Failed(f"the daemon stopped with {status}: {self.last_words()}")

    def bench(self, *arguments):
        """What `tenure bench` measured against this daemon."""
        command = [self.binary, "bench", *map(str, arguments), "--socket", self.path, "--json"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed(f"tenure bench {arguments[0]}: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def fill(self, leases, ttl="7d"):
        """Loads leases that stay."""
        granted = self.bench("fill", "--clients", 8, "--depth", 128, "--leases", leases,
                             "--ttl", ttl)
        if granted["leases"] != leases:
            raise Failed(f"{granted['leases']} of {leases} leases were granted")

    def settle(self):
        """Waits until no checkpoint follows another and the log is confirmed."""
        wire, before = self.connect(), None
        while before != (before := wire.info()["checkpoints"]):
            time.sleep(1)
        wire.close()

    def processor_seconds(self):
        """Time on a processor of all its threads, exact to the nanosecond."""
        tasks, total = f"/proc/{self.process.pid}/task", 0
        for task in os.listdir(tasks):
            with open(f"{tasks}/{task}/schedstat") as figures:
                total += int(figures.read().split()[0])
        return total / 1e9

    def memory(self):
        """RssAnon and Pss in KiB."""
        figures = {}
        for name in ("status", "smaps_rollup"):
            with open(f"/proc/{self.process.pid}/{name}") as lines:
                for line in lines:
                    words = line.split()
                    if words[0] in ("RssAnon:", "Pss:"):
                        figures[words[0][:-1]] = int(words[1])
        return figures

    def last_words(self):
        with open(os.path.join(self.home, "daemon.log"), errors="replace") as log:
            return "".join(log.readlines()[-5:])


@contextlib.contextmanager
def fresh(options, *arguments):
    """A started daemon on an empty ledger; both are gone afterwards."""
    os.makedirs(options.dir, exist_ok=True)
    home = tempfile.mkdtemp(prefix="measure-", dir=options.dir)
    daemon = Daemon(os.path.abspath(options.tenure), home, arguments)
    try:
        daemon.start()
        yield daemon
    finally:
        if daemon.process:
            daemon.kill()
        shutil.rmtree(home)


def allow_descriptors(count):
    """Raises the limit of open files for this process and its children."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        raise Failed(f"{count} open files are needed, {hard} are allowed")
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def percentile(values, share):
    """The smallest value that `share` of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-len(ordered) * share // 100) - 1))]


def median(values):
    if not values:
        raise Failed("nothing was measured")
    return statistics.median(values)


def column_medians(rows):
    """Rows of numbers as one row of medians."""
    return {name: median([row[name] for row in rows]) for name in rows[0]} if rows else {}


def cell(value):
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def show(title, rows, as_json):
    """Rows with the same fields, as a table or as JSON."""
    if not rows:
        raise Failed("nothing was measured")
    if as_json:
        print(json.dumps({"figure": title, "rows": rows}))
        return
    names = list(rows[0])
    cells = [[cell(row[name]) for name in names] for row in rows]
    widths = [max(map(len, column)) for column in zip(names, *cells)]
    print(title)
    for line in [names, *cells]:
        print("  " + "  ".join(text.rjust(width) for text, width in zip(line, widths)))
