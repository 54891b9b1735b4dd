# What campaigns that bring file systems of their own share: how they begin, end, and say so.

import os
import random
import shutil
import signal
import sys
import time

from building import CannotBuild
from daemon import workplace
from disk import CannotMount


def checked(parser):
    """The arguments, with a binary that can be run and a seed."""
    arguments = parser.parse_args()
    if not arguments.tenure or not os.access(arguments.tenure, os.X_OK):
        parser.exit(2, "name the tenure binary with --tenure or TENURE_BIN\n")
    if arguments.seed is None:
        arguments.seed = random.SystemRandom().randrange(1 << 32)
    return arguments


def conclude(arguments, home, name, failures, caught):
    """Says what came of it; the exit status."""
    for line in failures[:20]:
        print(f"{'CAUGHT' if arguments.canary else 'VIOLATION'} {line}")
    if arguments.canary:
        print(f"canary {arguments.canary}: {'caught' if caught else 'NOT CAUGHT'}")
        return 0 if caught else 1
    if failures:
        print(f"{len(failures)} violations; evidence in {home}; seed {arguments.seed}")
        return 1
    print(f"{name}: no violation")
    return 0


def undertake(arguments, headline, attempt_all, violations=()):
    """Runs a campaign in a place of its own, which stays where something was wrong; the status."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # through every `finally`
    home, on = workplace(arguments.dir)
    print(f"{headline}, seed {arguments.seed}, in {home} ({on})", flush=True)
    began, status = time.monotonic(), 1
    try:
        status = attempt_all(arguments, home)
    except (CannotMount, CannotBuild) as error:
        print(f"skipped: {error}")
        status = 2
    except violations as error:
        print(f"VIOLATION: {error!r}; evidence in {home}; seed {arguments.seed}")
    print(f"seconds: {time.monotonic() - began:.0f}")
    if status != 1 and not arguments.keep:
        shutil.rmtree(home)
    return status
