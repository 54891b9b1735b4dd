#!/usr/bin/env python3
# Failed writes and syncs: what is told to be there after one must be on the disk.
#
# A real daemon works on a disk that can be told to fail (recorder.c). Four sorts, in turns: writes
# of commit groups fail, flushes fail, everything fails, everything fails that the last checkpoint
# writes when the daemon is told to end. It must end with 74, with nothing acknowledged any more.
# Then the disk works again, and the daemon is started over the same memory of the kernel, which may
# hold what the disk never got: everything acknowledged must be there. Where a checkpoint failed it
# ends with another, over the pages of the first. Then the power is cut, and behind the next mount
# nothing may be missing of what that start had told: whoever trusts a tail that only memory has
# loses it now.
# Needs root, libfuse3 and gcc. Exit status: 0 clean, 1 a violation (evidence is kept), 2 cannot run
# here.
#
# --canary cached-tail runs a daemon that writes and reads the log through the kernel's memory,
# cached-state one that forgets nothing of the state before it writes (canary.c; ext4 alone shows
# it): 0 if what it told is found missing or damaged, 1 if this campaign does not notice.
#
#   tools/campaign/synced.py --rounds 12 --seed 7 --tenure .build/release/tenure

import argparse
import os
import random
import subprocess
import sys
from collections import Counter

from daemon import Exited
from disk import KINDS, complaint
from history import now
from kept import Shown, compare, expect
from recorder import FAILED, read_log
from recording import Recording
from undertaking import checked, conclude, undertake
from wire import Lost, Refused, Wire

DISK_FAILED, DAMAGED = 74, 65
FAILURES = {"groups": "TGRP", "flushes": "!", "everything": "*", "checkpoints": "*"}
CANARIES = {"cached-tail": "groups", "cached-state": "checkpoints"}
OWN_END = 20.0          # seconds for the daemon to end by itself
EVER = float("inf")


class Failures:
    """The rounds on one file system."""

    def __init__(self, recording, arguments):
        self.recording, self.arguments = recording, arguments
        self.disk, self.daemon, self.crew = recording.disk, recording.daemon, recording.crew
        self.random = random.Random(arguments.seed)
        self.rounds, self.statuses, self.labels = Counter(), Counter(), Counter()
        self.failed, self.anew, self.unanswered, self.lost = 0, 0, 0, 0
        self.idle, self.faults, self.misnamed = 0, [], []

    def run(self, rounds):
        self.recording.begin()
        kinds = [CANARIES[self.arguments.canary]] if self.arguments.canary else list(FAILURES)
        for number in range(rounds):
            self.round(kinds[number % len(kinds)])
            if self.faults:
                return
        status = self.daemon.terminate()
        if status != 0:
            self.faults.append(f"exit status {status} after SIGTERM")
        self.audit()

    def round(self, kind):
        before = self.crew.acknowledged()
        self.crew.start(self.daemon.socket)
        self.daemon.sleep(self.random.uniform(0.2, 1.0))
        if kind == "checkpoints":
            self.faults += self.crew.stop()
        self.recording.recorder.fail(FAILURES[kind])
        try:
            if kind == "checkpoints":
                self.daemon.process.terminate()
            self.must_end()
        finally:
            self.recording.recorder.fail("")
        self.rounds[kind] += 1
        if kind != "checkpoints":
            self.faults += self.crew.stop()
        self.idle += self.crew.acknowledged() == before
        self.unanswered += sum(records[-1].outcome == "unknown"
                               for records in self.crew.records() if records)
        # From its begin: where an entry starts can not be told from the size of a log that grows.
        failed = sum(entry.kind == FAILED
                     for entry in read_log(self.recording.recorder.log, growing=True))
        known, self.failed = self.failed, failed
        if failed == known:
            self.faults.append("nothing was made to fail")
        if self.faults:
            return
        if not self.disk.usable():
            # An error in its journal ends a file system; what memory had is then gone with it.
            self.anew += 1
            self.disk.remount()
        first = self.serve("over the same memory")
        ended = None
        if kind == "checkpoints" and first:
            # What this one writes, memory had from the one that failed.
            ended = self.daemon.terminate()
            if ended != 0:
                self.faults.append(f"exit status {ended} of the checkpoint behind the failed one")
        self.disk.cut(flush=False)
        if ended is None:
            self.daemon.kill()
        self.disk.remount()
        position = self.audit()
        if first and position is not None:
            self.same(first, position, self.serve("behind a power cut", position))

    def must_end(self):
        try:
            status = self.daemon.process.wait(OWN_END)
        except subprocess.TimeoutExpired:
            self.statuses["had to be killed"] += 1
            self.faults.append(f"the daemon did not end within {OWN_END} s of the failure")
            return
        self.statuses[status] += 1
        if status != DISK_FAILED:
            # A violation, but none that keeps the rounds from going on.
            words = self.daemon.last_words().strip().splitlines()[-1:]
            self.misnamed.append(f"the daemon ended with {status}, not {DISK_FAILED}: {words}")

    def serve(self, when, audited=None):
        """Starts the daemon and compares it with what was ever acknowledged; what it shows."""
        try:
            self.daemon.start()
            self.daemon.wait_ready()
            wire = Wire(self.daemon.socket)
            try:
                expected = expect(self.crew.records(), EVER)
                shown = Shown(wire, expected, now, audited)
            finally:
                wire.close()
        except (Exited, Lost, Refused) as error:
            self.faults.append(f"{when}: {error!r}")
            return None
        self.labels[shown.label] += 1
        self.faults += [f"{when}: {sentence}" for sentence in compare(expected, shown)]
        return shown

    def audit(self):
        """Where the log ends on the disk, or None when it is damaged."""
        audit = self.daemon.audit()
        if audit.returncode:
            self.lost += audit.returncode == DAMAGED
            self.faults.append(f"tenure audit verify: exit {audit.returncode}: "
                               f"{(audit.stdout + audit.stderr).strip()}")
            return None
        return self.daemon.audited_position(audit)

    def same(self, first, position, second):
        """What the start over the same memory has told is on the disk."""
        if position < first.position:
            self.lost += 1
            self.faults.append(f"position {first.position} was recovered and told, but the disk "
                               f"has no more than {position}")
        if second is None:
            return
        told, there = ({(lease["lease"], lease["token"], tuple(lease["amounts"].items()))
                        for lease in shown.leases} for shown in (first, second))
        if told != there:
            self.faults.append(f"told and on the disk differ: {sorted(told ^ there)}")


def attempt(arguments, kind, rounds, home):
    """All rounds of one file system: its counts and failures."""
    place = os.path.join(home, kind)
    os.mkdir(place)
    recording = Recording(place, kind, arguments)
    failures = Failures(recording, arguments)
    try:
        failures.run(rounds)
    except (Exited, Lost, Refused) as error:
        failures.faults.append(repr(error))
    except subprocess.CalledProcessError as error:
        failures.faults.append(complaint(error))
    finally:
        recording.end()
    failures.faults += recording.broken + failures.misnamed
    acknowledged = recording.crew.acknowledged()
    facts = {"rounds": dict(failures.rounds), "exit statuses": dict(failures.statuses),
             "recovery labels": dict(failures.labels), "writes and flushes failed": failures.failed,
             "file system mounted anew before the start": failures.anew,
             "acknowledged": acknowledged, "without an answer": failures.unanswered,
             "rounds without an acknowledged operation": failures.idle,
             "told and then missing": failures.lost}
    print(f"\n{kind}")
    for name, value in facts.items():
        shown = ", ".join(f"{key} {count}" for key, count in value.items()) \
            if isinstance(value, dict) else value
        print(f"{name}: {shown}", flush=True)
    if not failures.faults and (not failures.rounds or not acknowledged):
        failures.faults.append("no failure, or nothing acknowledged: nothing was tested")
    return failures


def arguments_of():
    parser = argparse.ArgumentParser(description="Lets a real daemon's disk fail, and checks.")
    parser.add_argument("--tenure", default=os.environ.get("TENURE_BIN"),
                        help="the binary (TENURE_BIN)")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--file-system", choices=[*KINDS, "both"], default="both")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--dir", help="where the images are made; a real file system")
    parser.add_argument("--keep", action="store_true", help="keep log and histories")
    parser.add_argument("--canary", choices=list(CANARIES),
                        help="break this promise; the run must notice")
    return checked(parser)


def attempt_all(arguments, home):
    """The exit status."""
    kinds = KINDS if arguments.file_system == "both" else [arguments.file_system]
    share = -(-arguments.rounds // len(kinds))
    found = {kind: attempt(arguments, kind, share, home) for kind in kinds}
    lines = [f"{kind}: {line}" for kind, one in found.items() for line in one.faults]
    return conclude(arguments, home, "failed syncs", lines, all(one.lost for one in found.values()))


def main():
    arguments = arguments_of()
    return undertake(arguments, f"failed syncs: {arguments.rounds} rounds", attempt_all)


if __name__ == "__main__":
    sys.exit(main())
