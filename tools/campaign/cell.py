# One cell: a ledger is copied, its daemon meets the fault, and what came of it is judged.
#
# The ledger, with the book of what was acknowledged, is copied from a template, so that no cell
# knows of another and each can be run alone. The clients, the book and the comparisons are those of
# the kill campaign. Whatever happens is bounded by time.

import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import time

from daemon import Exited
from matrix import OF_FILES, STARTS
from rules import judge_cell, told
from traced import ENDING, Trial
from wire import Lost, Refused

LOAD = 0.35       # seconds of load under a fault
LOAD_AT_TURN = 0.9
WARM = 40         # acknowledgements before it
WARMING = 5       # seconds for them, and for all clients to connect
UNDER_FAULT = 3.0  # seconds in which a start may serve or end while the fault lasts
AFTER = 0.12      # seconds of load when it is gone
NAMES = ("LOCK", "ledger.json", "ledger.json.new", "creating", "log", "archive", "state",
         "log/spare.tmp", "log/00000000000000000001.seg", "state/data.mdb", "state/lock.mdb")


class Hung(Exception):
    """The daemon neither answered nor ended."""


class CellRun:
    """One cell from its copy to its verdict."""

    def __init__(self, cell, binary, home, seed, templates, shim=None, again=()):
        self.cell, self.home, self.again = cell, home, list(again)
        self.random = random.Random(f"{seed} {cell}")
        self.control = os.path.join(home, "control")
        self.template = templates.get(cell.point)
        os.mkdir(home, 0o700)
        with open(self.control, "wb") as file:
            file.write(bytes(4096))
        if cell.shim_mode:
            shim = dict(shim, SHIM_MODE=cell.shim_mode)
        elif not (shim or {}).get("SHIM_MODE"):
            shim = None
        if shim:
            shim = dict(shim, SHIM_CONTROL=self.control)
        self.trial = Trial(binary, home, self.random.random(), shim)
        self.daemon = self.trial.daemon
        self.faults = []          # (rule, sentence) of the cell's own rules
        self.calls, self.status, self.asked = [], None, False
        self.kills, self.names, self.words = 0, None, ""
        self.served, self.progress, self.statuses = False, 0, []
        self.known, self.losses, self.declared = 0, 0, self.template is not None

    def run(self):
        """The facts of the cell, ready to be told to another process."""
        began = time.monotonic()
        try:
            self.copy()
            self.trial.begin_clients()
            if self.cell.point in STARTS:
                self.at_start()
            else:
                self.while_serving()
            self.afterwards()
        except Hung:
            pass  # it is in the faults
        except (Exited, Lost, Refused, OSError, ValueError, KeyError,
                subprocess.SubprocessError) as error:
            self.faults.append(("campaign", repr(error)))
        finally:
            self.close()
        return self.facts(time.monotonic() - began)

    def copy(self):
        if self.template is None:
            return
        shutil.copytree(self.template["data"], self.daemon.data)
        for name in os.listdir(self.template["histories"]):
            shutil.copy(os.path.join(self.template["histories"], name), self.home)
        self.trial.unpack(self.template["packed"])
        self.known = self.trial.acknowledged()

    def options(self):
        """What strace is told, or nothing where it has no part."""
        options = self.names or self.cell.options()
        if options and self.cell.point in STARTS and self.cell.call in OF_FILES:
            for path in self.paths():
                options = [*options, "-P", path]
        return options

    def paths(self):
        """All files of the ledger, so that what the loader opens and maps does not count."""
        known = [os.path.join(self.daemon.data, name) for name in NAMES]
        found = [os.path.join(folder, name) for folder, _, names in os.walk(self.daemon.data)
                 for name in names]
        return sorted({self.daemon.data, *known, *found})

    def arm(self, armed=1):
        """Lets the shim act, or no longer."""
        with open(self.control, "r+b") as file:
            file.write(struct.pack("iii", armed, self.cell.first, int(self.cell.onward)))

    def acted(self):
        with open(self.control, "rb") as file:
            return struct.unpack("iiiii", file.read(20))[4]

    # --- the fault -----------------------------------------------------------------------------

    def at_start(self):
        self.daemon.under = self.options()
        self.arm()
        self.daemon.start()
        self.daemon.under = None
        ready = self.daemon.ready_or_ended(UNDER_FAULT)
        # In spite of the fault it serves or is at it: without it, it is a daemon as any other.
        self.arm(0)
        self.daemon.release()
        if not ready and self.daemon.process.poll() is None:
            ready = self.daemon.ready_or_ended(ENDING)
        if self.daemon.process.poll() is not None:
            return self.ended(self.daemon.process.returncode)
        if not ready:
            self.hang("it neither serves nor ends, and the fault is gone")
        self.calls = self.daemon.calls()
        self.served, self.trial.fell = True, False
        self.trial.gap(down=False)

    def while_serving(self):
        self.daemon.start()
        self.daemon.wait_ready(ENDING)
        self.trial.gap(down=False)
        self.trial.check()
        self.trial.spell(LOAD_AT_TURN if self.cell.point == "turn" else LOAD, self.begin_fault)
        self.progress = self.trial.acknowledged() - self.progress
        self.losses = self.trial.losses
        status = self.daemon.process.poll()
        if status is None and (self.asked or self.must_end()):
            status = self.daemon.ended(ENDING)
            if status is None:
                self.hang("it was to end and did not")
        self.arm(0)
        self.daemon.detach()
        self.calls = self.daemon.calls()
        if status is None:
            status = self.daemon.process.poll()
        if status is not None:
            return self.ended(status)
        self.served = True

    def begin_fault(self):
        """Lays the fault on the daemon as soon as all clients have come to work."""
        before, limit = self.trial.acknowledged(), time.monotonic() + WARMING
        while (self.trial.acknowledged() < before + WARM or not self.trial.all_connected()) \
                and time.monotonic() < limit and self.daemon.process.poll() is None:
            time.sleep(0.002)
        if self.options():
            self.daemon.attach(self.options())
        self.arm()
        self.progress = self.trial.acknowledged()
        if self.cell.point == "stop":
            self.stop_soon()
        elif self.cell.call == "accept4":
            self.knock()

    def stop_soon(self):
        self.daemon.ended(self.random.uniform(0.02, 0.15))
        if self.daemon.process.poll() is None:
            self.daemon.signal(signal.SIGTERM)
        self.asked = True

    def knock(self):
        """New connections while none may be accepted; those that are served must not notice."""
        for _ in range(4):
            with socket.socket(socket.AF_UNIX) as visitor:
                visitor.settimeout(0.05)
                try:
                    visitor.connect(self.daemon.socket)
                    visitor.sendall(b"PING\r\n")
                    visitor.recv(16)
                except OSError:  # nobody has to answer now
                    pass

    def must_end(self):
        """Whether a sync of the log has failed, which nothing goes on from."""
        return any(call.injected and call.name == "fdatasync" and call.path.endswith(".seg")
                   and call.error for call in self.daemon.calls())

    def ended(self, status):
        self.daemon.detach()
        self.calls = self.daemon.calls()
        self.status, self.words = status, self.daemon.last_words()
        self.trial.down()
        if self.cell.is_kill and status == -signal.SIGKILL:
            self.kills += 1

    # --- what comes after ----------------------------------------------------------------------

    def afterwards(self):
        """A restart works, what was acknowledged is there, and the audit is content."""
        if self.served:
            self.answers()
        # Whether it can be stopped is a question for every one that came up under a fault.
        if self.served and self.cell.point not in STARTS and self.random.random() < 0.5:
            self.daemon.kill()
        elif self.served:
            status = self.daemon.terminate(ENDING)
            # What a fault of an earlier moment has broken may show only now.
            if status is None:
                self.hang("it did not stop when told")
            elif status in (0, 74):
                self.statuses.append(status)
            else:
                self.status, self.words = status, self.daemon.last_words()
        if self.served:
            self.trial.down()
        for cell in self.again:
            self.kill_again(cell)
        self.restart()

    def answers(self):
        """It serves: everything it tells must be so. It may also find out now that it can not."""
        try:
            if not self.declared:
                self.trial.introduce()
                self.declared = True
            self.trial.check()
        except (Lost, Refused):
            status = self.daemon.ended(ENDING)
            if status is None:
                return self.hang("it neither answers nor ends, and the fault is gone")
            self.served = False
            self.ended(status)

    def kill_again(self, cell):
        """Kills the recovery as well; a start that outlives it is killed like any other."""
        self.daemon.under = cell.options()
        self.daemon.start()
        self.daemon.under = None
        if self.daemon.ready_or_ended(ENDING):
            self.daemon.kill()
        elif self.daemon.process.poll() is None:
            self.hang(f"{cell}, a kill in the recovery: it neither served nor ended")
        elif self.daemon.process.returncode == -signal.SIGKILL:
            self.kills += 1
        else:
            self.faults.append(("restart", f"{cell}, a kill in the recovery, ended with "
                                f"{self.daemon.process.returncode}: {self.daemon.last_words()}"))
        self.daemon.detach()

    def restart(self):
        trial = self.trial
        try:
            trial.start_whole()
        except Exited as error:
            self.faults.append(("restart", f"without the fault: {told(str(error))}"))
            return
        if not self.declared:
            trial.introduce()
        trial.check()
        trial.spell(AFTER)
        if self.daemon.process.poll() is not None:
            raise Exited(f"{self.daemon.process.returncode} after the fault: "
                         f"{self.daemon.last_words()}")
        trial.check()
        trial.finish_clients()
        for client in trial.clients:
            wire = client.wire  # which it gives up when it notices
            if wire:
                wire.close()
        status = self.daemon.terminate(ENDING)
        if status != 0:
            self.faults.append(("restart", f"without a fault it stopped with {status}"))
        trial.replay()
        audit = self.daemon.audit()
        if audit.returncode != 0:
            self.faults.append(("audit", f"exit {audit.returncode}: {audit.stdout[-2000:]}"
                                f"{audit.stderr[-500:]}"))

    def hang(self, sentence):
        self.faults.append(("hang", f"{sentence}: {told(self.daemon.last_words())}"))
        if self.daemon.process.poll() is None:
            self.daemon.kill()
        self.daemon.detach()
        self.calls = self.calls or self.daemon.calls()
        raise Hung

    def close(self):
        if self.daemon.process and self.daemon.process.poll() is None:
            self.daemon.kill()
        self.daemon.detach()
        if not self.trial.over:
            self.trial.finish_clients()

    def facts(self, seconds):
        injected = [call for call in self.calls if call.injected or call.delayed]
        reached = len(injected)
        if self.cell.shim_mode:
            reached = self.acted()
        elif self.cell.is_kill:
            reached = int(self.status == -signal.SIGKILL)
        out_of_memory, own = judge_cell(self.cell, self.calls, self.status, self.served,
                                        self.asked, self.progress, self.losses,
                                        self.words)
        book = [f"{rule}: {sentence}" for rule, sentence, _ in self.trial.book.faults]
        faults = [f"{rule}: {sentence}" for rule, sentence in self.faults + own]
        return {
            "cell": str(self.cell), "again": [str(cell) for cell in self.again],
            "reached": reached, "kills": self.kills, "status": self.status,
            "statuses": self.statuses, "served": self.served, "out of memory": out_of_memory,
            "restarts": len(self.trial.starts),
            "acknowledged": self.trial.acknowledged() - self.known,
            "hit": sorted({os.path.basename(call.path) for call in injected})[:4],
            "faults": faults + book + self.trial.broken, "home": self.home,
            "seconds": round(seconds, 2),
        }
