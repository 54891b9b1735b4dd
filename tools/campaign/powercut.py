#!/usr/bin/env python3
# Power cuts below a real daemon under load: its file system is shut down at random moments.
#
# The load, the book and the judgement are those of the kill campaign (rounds.py). A cut takes away
# what the file system has not yet sent to its device, journal included or not, in turns. The daemon
# must then end by itself with 74, and behind the next mount and start everything acknowledged must
# be there. A run without cuts, or in which nothing was acknowledged between them, is a failure.
# Needs root for the mounts. Exit status: 0 clean, 1 a violation (the image and the histories are
# kept), 2 cannot run here.
#
# What was submitted to the device survives a cut of this sort, also without a sync; that a sync is
# missing behind a direct write is for reorder.py to notice. --canary in-memory preloads a daemon
# that neither syncs nor writes directly (canary.c). Acknowledged operations must then turn out as
# lost: 0 if they do, 1 if this campaign does not notice.
#
#   tools/campaign/powercut.py --cuts 200 --seed 7 --tenure .build/release/tenure

import argparse
import json
import os
import subprocess
import sys
from collections import Counter

from building import canary
from daemon import Exited
from disk import KINDS, Disk, complaint
from rounds import Campaign, options, report, verdict
from undertaking import conclude, undertake
from wire import Lost, Refused, as_map
from writers import HOUR, NOTES

DISK_FAILED = 74       # what the daemon ends with when the disk does
OWN_END = 20.0         # seconds for it to end by itself while clients are at work
FILLED = 14 << 20      # bytes of a segment of 16 MiB that are there before the first cut
IDLE_END = 2.0         # the same in recovery, when nothing may be left for it to write


class Cuts(Campaign):
    """Rounds that end with the file system."""

    WAYS = ("under load", "at an answer", "in recovery")

    def __init__(self, arguments, home, disk):
        super().__init__(arguments, home)
        self.disk, self.daemon.data = disk, disk.data
        self.cuts, self.statuses, self.labels = Counter(), Counter(), Counter()
        self.highest, self.answers = 0, 0     # position and number of what was acknowledged
        self.answers_before = []              # for every cut, since the last start
        self.recovering = False

    def fold(self, record):
        super().fold(record)
        if record.outcome == "ok" and record.reply and record.op != "GAP":
            self.answers += record.client != self.history.client
            self.highest = max(self.highest, int(record.reply.get("position") or 0))

    # --- rounds --------------------------------------------------------------------------------

    def strike(self):
        flush = sum(self.cuts.values()) % 2 == 1
        self.cuts["journal flushed" if flush else "nothing flushed"] += 1
        self.disk.cut(flush)

    def ended(self):
        """The daemon finds out by itself; what it ends with is part of the judgement."""
        try:
            status = self.daemon.process.wait(IDLE_END if self.recovering else OWN_END)
        except subprocess.TimeoutExpired:
            self.daemon.kill()
            self.statuses["had to be killed"] += 1
            if not self.recovering:
                self.book.fault("exit", f"the daemon did not end within {OWN_END} s of a cut")
        else:
            self.statuses[status] += 1
            if status != DISK_FAILED:
                self.book.fault("exit", f"the daemon ended with {status} after a cut, not "
                                f"{DISK_FAILED}: {self.daemon.last_words()}")
        self.answers_before.append(self.answers)
        self.answers = 0

    def load(self):
        """One spell of load that ends in a cut."""
        self.resume()
        self.daemon.sleep(self.random.uniform(0.001, 0.5))
        if self.random.random() < 0.5:
            self.end_at_answer("at an answer", otherwise="under load")
        else:
            self.end("under load")
        self.wait_parked()

    def bring_up(self):
        """Mounts and starts, sometimes with another cut meanwhile."""
        while True:
            self.disk.remount()
            self.daemon.start()
            if self.random.random() < 0.2:
                self.daemon.sleep(self.random.uniform(0, 0.25))
                self.recovering = True
                self.end("in recovery")
                self.recovering = False
                continue
            self.starts.append(self.daemon.wait_ready())
            self.gap(down=False)
            return

    def begin_rounds(self):
        super().begin_rounds()
        wire = self.connect()
        self.fill(wire)
        wire.close()
        if self.arguments.canary:
            # What is lost shall be what clients were told, and not that there is a ledger at all.
            self.disk.sync()

    def fill(self, wire):
        """Long records of a pool that nobody else asks, so that a segment ends in the rounds."""
        wire.call("POOL", "SET", "filler")
        wire.call("RESOURCE", "SET", "filler", "POOL", "filler", "KIND", "filler", "CAPACITY", 1)
        while int(wire.client.info("ledger")["logExtentBytes"]) < FILLED:
            for _ in range(20):
                lease = as_map(wire.call("ACQUIRE", "filler", "filler=1", "TTL", HOUR,
                                         "TAG", NOTES))
                wire.call("RELEASE", lease["lease"], lease["token"])

    def segments(self):
        return sum(name.endswith(".seg") for folder in ("log", "archive")
                   for name in os.listdir(os.path.join(self.disk.data, folder)))

    def check(self, leaks=False):
        """First whether the log is as long as was acknowledged: without that, what follows is."""
        wire = self.connect()
        try:
            self.labels[wire.client.info("ledger")["recovery"]] += 1
            position = int(as_map(wire.call("STATUS"))["position"])
        finally:
            wire.close()
        if position < self.highest:
            self.book.fault("I1", f"the log ends at {position}, but {self.highest} was "
                            "acknowledged before the cut")
            return
        super().check(leaks)

    # --- the end -------------------------------------------------------------------------------

    def losses(self):
        return sum(rule == "I1" for rule, _, _ in self.book.faults)

    def failures(self):
        lines = verdict(self, "cut")
        if not lines and not any(self.answers_before):
            lines.append("nothing was acknowledged between two cuts: nothing was tested")
        return lines


def attempt(arguments, kind, cuts, home):
    """All cuts of one file system; its name, counts and failures."""
    place = os.path.join(home, kind)
    os.mkdir(place)
    disk, segments = Disk(place, kind), None
    try:
        disk.make()
        campaign = Cuts(arguments, place, disk)
        if arguments.canary:
            campaign.daemon.environment = canary(place, arguments.canary)
        try:
            campaign.run(cuts)
            segments = campaign.segments()
        except (Exited, Lost, Refused, ValueError, KeyError) as error:
            campaign.broken.append(repr(error))
        except subprocess.CalledProcessError as error:
            campaign.broken.append(complaint(error))
        finally:
            campaign.stop_all()
    finally:
        disk.abandon()
    print(f"\n{kind}")
    return campaign, report(campaign, {
        "cuts": dict(campaign.cuts), "rounds": campaign.ends,
        "exit statuses": dict(campaign.statuses), "recovery labels": dict(campaign.labels),
        "cuts after acknowledged operations":
            f"{sum(map(bool, campaign.answers_before))} of {len(campaign.answers_before)}",
        "highest acknowledged position": campaign.highest, "segments": segments})


def arguments_of():
    parser = argparse.ArgumentParser(description="Cuts a real daemon's disk off, and checks.")
    parser.add_argument("--cuts", type=int, default=200)
    parser.add_argument("--file-system", choices=[*KINDS, "both"], default="both")
    parser.add_argument("--canary", choices=["in-memory"],
                        help="break this promise; the run must notice")
    return options(parser)


def attempt_all(arguments, home):
    """The exit status."""
    kinds = KINDS if arguments.file_system == "both" else [arguments.file_system]
    totals, told, failures, losses = Counter(), {}, [], []
    for number, kind in enumerate(kinds):
        cuts = arguments.cuts * (number + 1) // len(kinds) - arguments.cuts * number // len(kinds)
        campaign, facts = attempt(arguments, kind, cuts, home)
        told[kind] = facts
        failures += [f"{kind}: {line}" for line in campaign.failures()]
        losses.append(campaign.losses())
        totals.update({f"{kind}, {how}": count for how, count in campaign.cuts.items()})
        totals["acknowledged"] += sum(facts["acknowledged"].values())
        totals["without an answer"] += sum(facts["unknown"].values())
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(dict(told, failures=failures, seed=arguments.seed), file, indent=2)
    print("\n" + ", ".join(f"{name}: {count}" for name, count in totals.items())
          + f", lost: {sum(losses)}")
    return conclude(arguments, home, "power cuts", failures, all(losses))


def main():
    arguments = arguments_of()
    return undertake(arguments, f"power cuts: {arguments.cuts}", attempt_all)


if __name__ == "__main__":
    sys.exit(main())
