#!/usr/bin/env python3
# Every order in which a disk may forget: a daemon's disk is recorded, and cut off afterwards.
#
# A real daemon works on a real file system, whose device is a file that writes down every write and
# every flush (recorder.c). Then images are built of what a power cut could have left: all writes up
# to a flush, and of those after it none, all, some, or some with a torn one (images.py). The file
# system mounts each, `tenure audit verify` must be content, a daemon must serve it, and every reply
# that clients had got when the log was that long must be there (kept.py). An image that the file
# system itself can not mount says nothing about the ledger; those are counted apart. No image, or
# no reply checked, is a failure. Nothing after the end of the load is cut.
# Needs root, libfuse3 and gcc. Exit status: 0 clean, 1 a violation (the log, the histories and the
# image are kept), 2 cannot run here.
#
# --canary no-sync records a daemon that syncs nothing, some-syncs one that leaves out every tenth
# (canary.c). Acknowledged replies must then turn out as lost: 0 if they do, 1 if this campaign does
# not notice.
#
#   tools/campaign/reorder.py --images 500 --seed 7 --tenure .build/release/tenure

import argparse
import json
import os
import random
import sys

from daemon import Exited
from disk import KINDS
from images import Builder, choose, rotations
from recorder import read_log
from recording import SIZE, Recording
from trial import Trial
from undertaking import checked, conclude, undertake
from wire import Lost, Refused

CREATION = 0.1         # the share of the images that is cut while the ledger is being made


def attempt(arguments, kind, count, home):
    """All images of one file system: what was counted, and why it failed, as lines."""
    place = os.path.join(home, kind)
    os.mkdir(place)
    chooser = random.Random(arguments.seed)
    recording = Recording(place, kind, arguments)
    try:
        recording.begin()
        recording.work(arguments.operations)
    finally:
        recording.end()
    entries = read_log(recording.recorder.log)
    early = 0 if arguments.canary else int(count * CREATION)
    rotated = rotations(entries, recording.recorder.log)
    cuts = choose(entries, recording.begun, recording.created, early, chooser) \
        + choose(entries, recording.created, recording.last, count - early, chooser, rotated)
    print(f"\n{kind}: {len(cuts)} images of {len(entries)} recorded entries", flush=True)
    trial = Trial(place, kind, arguments.tenure, ["--no-detect"], arguments.jobs)
    builder = Builder(entries, recording.recorder.log, place, SIZE)
    try:
        trial.run(builder, cuts, recording.crew.records(), entries, recording.created)
    finally:
        builder.close()
    facts = {**recording.counts(entries), **trial.counts()}
    for name, value in facts.items():
        shown = ", ".join(f"{key} {number}" for key, number in value.items()) \
            if isinstance(value, dict) else value
        print(f"{name}: {shown}")
    failures = recording.broken + trial.crashed
    for result in trial.results:
        failures += [f"{sentence}\n    image {result.cut}" for sentence in result.faults]
    faulty = [result.cut for result in trial.results if result.faults]
    if faulty and not arguments.canary:
        again = Builder(entries, recording.recorder.log, place, SIZE)
        again.make(faulty[0], os.path.join(place, "violation.image"))
        again.close()
    if not failures and not facts["served"]:
        failures.append("no image was served: nothing was tested")
    if not failures and not facts["acknowledged replies checked"]:
        failures.append("no acknowledged reply was checked: nothing was tested")
    return facts, failures


def arguments_of():
    parser = argparse.ArgumentParser(description="Cuts a recorded disk off, and checks.")
    parser.add_argument("--tenure", default=os.environ.get("TENURE_BIN"),
                        help="the binary (TENURE_BIN)")
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--file-system", choices=[*KINDS, "both"], default="both")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--operations", type=int, default=10_000,
                        help="acknowledged operations to be recorded for each file system")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--dir", help="where the images are made; a real file system")
    parser.add_argument("--json", help="also write the counts there")
    parser.add_argument("--keep", action="store_true", help="keep log and histories")
    parser.add_argument("--canary", choices=["no-sync", "some-syncs"],
                        help="break this promise; the run must notice")
    return checked(parser)


def attempt_all(arguments, home):
    """The exit status."""
    kinds = KINDS if arguments.file_system == "both" else [arguments.file_system]
    share = -(-arguments.images // len(kinds))
    failures, facts, caught = [], {}, []
    for kind in kinds:
        facts[kind], found = attempt(arguments, kind, share, home)
        caught.append(facts[kind]["images that contradict acknowledged replies"])
        failures += [f"{kind}: {line}" for line in found]
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(dict(facts, failures=failures, seed=arguments.seed), file, indent=2)
    print("\nimages: " + ", ".join(f"{kind} {sum(one['images'].values())}, not mounted "
          f"{sum(one['not mounted by the file system'].values())}, replies checked "
          f"{one['acknowledged replies checked']}" for kind, one in facts.items())
          + f"; violations: {len(failures)}")
    return conclude(arguments, home, "reordered writes", failures, all(caught))


def main():
    arguments = arguments_of()
    return undertake(arguments, f"reordered writes: {arguments.images} images", attempt_all,
                     violations=(Exited, Lost, Refused))


if __name__ == "__main__":
    sys.exit(main())
