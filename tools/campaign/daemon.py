# The daemon as a child process: start, the ways to end it, and where its data lies.

import os
import re
import signal
import subprocess
import tempfile
import time

from wire import Lost, Refused, Wire

VOLATILE = {"tmpfs", "ramfs", "devtmpfs", "hugetlbfs"}


def file_system(path):
    """The type of the file system that holds `path`, as the kernel lists it."""
    path = os.path.realpath(path)
    best, kind = "", "unknown"
    with open("/proc/self/mounts") as mounts:
        for line in mounts:
            point, found = line.split()[1:3]
            point = point.encode().decode("unicode_escape")
            inside = path == point or path.startswith(point.rstrip("/") + "/")
            if inside and len(point) >= len(best):
                best, kind = point, found
    return kind


def workplace(wanted):
    """A fresh folder on a real file system: `wanted`, $TMPDIR or .build, the first that is one."""
    candidates = [wanted] if wanted else [os.environ.get("TMPDIR"), ".build"]
    for folder in filter(None, candidates):
        folder = os.path.abspath(folder)
        os.makedirs(folder, exist_ok=True)
        kind = file_system(folder)
        if kind not in VOLATILE:
            return tempfile.mkdtemp(prefix="campaign-", dir=folder), kind
        print(f"{folder} is on {kind}, which keeps nothing: looking elsewhere")
    raise SystemExit("no folder on a real file system; name one with --dir")


class Exited(Exception):
    """The daemon ended without being told to."""


class Daemon:
    """One data directory, and the process that serves it now."""

    def __init__(self, binary, home, arguments=()):
        self.binary, self.arguments = os.path.abspath(binary), list(arguments)
        self.home, self.data = home, os.path.join(home, "data")
        self.log = os.path.join(home, "daemon.log")
        self.process, self.resp = None, 2
        self.environment = {}    # what it gets beside this process's own
        self.socket = os.path.join(home, "sock")
        if len(self.socket) > 100:  # the kernel allows 107 bytes
            self.socket = os.path.join(tempfile.mkdtemp(prefix="tenure-"), "sock")

    def start(self):
        self.started = time.monotonic()
        self.process = self.spawn(self.socket)

    def spawn(self, socket):
        command = [self.binary, "serve", "--data", self.data, "--socket", socket]
        with open(self.log, "ab") as log:
            return subprocess.Popen(command + self.arguments, stdin=subprocess.DEVNULL,
                                    stdout=log, stderr=log,
                                    env={**os.environ, **self.environment})

    def wait_ready(self, limit=60.0):
        """Milliseconds from start to the first answered command."""
        while time.monotonic() < self.started + limit:
            if self.process.poll() is not None:
                raise Exited(f"exit {self.process.returncode} at start: {self.last_words()}")
            wire = None
            try:
                wire = Wire(self.socket, self.resp)
                wire.call("RESOURCE", "LIST", "LIMIT", 1)
                return (time.monotonic() - self.started) * 1000
            except (Lost, Refused):
                time.sleep(0.002)
            finally:
                if wire:
                    wire.close()
        raise Exited(f"no answer within {limit} s of start: {self.last_words()}")

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.process.wait()

    def sleep(self, seconds):
        """Waits; `Exited` when the daemon does not live through it."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return
        raise Exited(f"exit {self.process.returncode} by itself: {self.last_words()}")

    def terminate(self, limit=30.0):
        """The exit status after SIGTERM."""
        self.signal(signal.SIGTERM)
        try:
            return self.process.wait(limit)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def second_writer(self, limit=20.0):
        """The exit status of a second daemon on the same directory, which must not serve."""
        intruder = self.spawn(self.socket + "2")
        try:
            return intruder.wait(limit)
        except subprocess.TimeoutExpired:
            intruder.kill()
            intruder.wait()
            return 0

    def audit(self):
        """`tenure audit verify` on the stopped directory."""
        return subprocess.run([self.binary, "audit", "verify", self.data], text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=600)

    @staticmethod
    def audited_position(audit):
        """Where the log ends, as `audit verify` told."""
        return int(re.search(r"^lastPosition\s+(\d+)$", audit.stdout, re.MULTILINE).group(1))

    def last_words(self):
        try:
            with open(self.log, errors="replace") as log:
                return "".join(log.readlines()[-15:])
        except OSError:
            return ""
