# One image after the other: mounted, audited, served, and compared with what must be there.

import os
import subprocess
import threading
from collections import Counter

from daemon import Daemon, Exited
from disk import Disk, complaint
from history import now
from kept import Shown, compare, expect
from wire import Lost, Refused, Wire


class Bench:
    """A place where images are tried, by one thread at a time."""

    def __init__(self, home, number, kind, binary, arguments):
        self.home = os.path.join(home, f"bench-{number}")
        os.mkdir(self.home)
        self.kind = kind
        self.image = os.path.join(self.home, "image")
        self.daemon = Daemon(binary, self.home, arguments)

    def attempt(self, result):
        """Fills in what became of the image of `result`."""
        disk = Disk(self.home, self.kind, self.image)
        self.daemon.data = disk.data
        try:
            try:
                disk.mount()
            except subprocess.CalledProcessError as error:
                result.unmountable = complaint(error)
                return
            result.served = self.serve(result)
        except (Exited, Lost, Refused, ValueError, KeyError) as error:
            result.faults.append(f"{error!r}")
        finally:
            if self.daemon.process and self.daemon.process.poll() is None:
                self.daemon.kill()
            disk.unmount()
            os.unlink(self.image)

    def serve(self, result):
        position = None
        if result.expected is not None:
            audit = self.daemon.audit()
            result.audit = audit.returncode
            if audit.returncode:
                result.faults.append(f"tenure audit verify: exit {audit.returncode}: "
                                     f"{(audit.stdout + audit.stderr).strip()}")
            else:
                position = self.daemon.audited_position(audit)
        self.daemon.start()
        self.daemon.wait_ready()
        wire = Wire(self.daemon.socket)
        try:
            if result.expected is None:
                result.label = wire.client.info("ledger")["recovery"]
                return True
            shown = Shown(wire, result.expected, now, position)
            result.label = shown.label
            missing = compare(result.expected, shown)
            result.lost = bool(missing)
            result.faults += missing
            return True
        finally:
            wire.close()


class Result:
    """What was found on one image."""

    def __init__(self, cut, expected):
        self.cut, self.expected = cut, expected
        self.unmountable, self.audit, self.label = None, None, None
        self.served, self.lost, self.faults = False, False, []


class Trial:
    """All images of one recording."""

    def __init__(self, home, kind, binary, arguments, jobs):
        self.free = [Bench(home, number, kind, binary, arguments) for number in range(jobs)]
        self.turn = threading.Condition()
        self.threads, self.results, self.crashed = [], [], []

    def run(self, builder, cuts, clients, entries, created):
        """Makes and tries every image; before length `created` there was not yet a ledger."""
        try:
            for number, cut in enumerate(cuts):
                if self.crashed or any(result.faults for result in self.results):
                    break
                if number and number % 50 == 0:
                    print(f"  {number} of {len(cuts)} images", flush=True)
                length = entries[cut.arrived - 1].end
                result = Result(cut, expect(clients, length) if length >= created else None)
                bench = self.take()
                builder.make(cut, bench.image)
                thread = threading.Thread(target=self.attempt, args=(bench, result), daemon=True)
                self.threads.append(thread)
                thread.start()
        finally:
            for thread in self.threads:  # each takes its own mount away
                thread.join()
        self.results.sort(key=lambda result: result.cut.arrived)

    def take(self):
        with self.turn:
            self.turn.wait_for(lambda: self.free)
            return self.free.pop()

    def attempt(self, bench, result):
        try:
            bench.attempt(result)
        except BaseException as error:  # a fault of the campaign must not look like a clean image
            self.crashed.append(f"{error!r} {getattr(error, 'stderr', '')}")
            raise
        finally:
            with self.turn:
                self.results.append(result)
                self.free.append(bench)
                self.turn.notify_all()

    def counts(self):
        """What there was, as dictionaries for people."""
        results = [result for result in self.results if not result.unmountable]
        checked = [result.expected for result in results if result.served and result.expected]
        return {
            "images": dict(Counter(result.cut.mode for result in self.results)),
            "not mounted by the file system": dict(Counter(
                result.cut.mode for result in self.results if result.unmountable)),
            "served": sum(result.served for result in results),
            "of them before the ledger was complete":
                sum(result.served and result.expected is None for result in results),
            "audit exit codes": dict(Counter(
                result.audit for result in results if result.audit is not None)),
            "recovery labels": dict(Counter(result.label for result in results if result.label)),
            "acknowledged replies checked": sum(expected.answers for expected in checked),
            "most on one image": max((expected.answers for expected in checked), default=0),
            "open changes allowed": sum(expected.open for expected in checked),
            "images that contradict acknowledged replies": sum(result.lost for result in results),
        }
