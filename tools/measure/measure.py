#!/usr/bin/env python3
# Measures what the documentation promises: one subcommand for each figure.
#
# Every subcommand starts daemons of its own on fresh ledgers below --dir and prints a table, or
# JSON with --json; times are medians of --runs. Use a quiet machine and a real disk. Exit status:
# 0 when something was measured, 1 when not, or when an answer was wrong.
#
#   tools/measure/measure.py restart --leases 100000 1000000 --tenure .build/release/tenure

import argparse
import signal
import sys

import connections
import decision
import idle
import memory
import moves
import overload
import promises
import reclaim
import restart
import waste
from harness import Failed, Refusal

FIGURES = {"restart": restart, "reclaim": reclaim, "memory": memory, "decision": decision,
           "idle": idle, "connections": connections, "promises": promises, "moves": moves,
           "overload": overload, "waste": waste}


def options():
    parser = argparse.ArgumentParser(description="Measures what the documentation promises.")
    figures = parser.add_subparsers(dest="figure", required=True)
    for name, module in FIGURES.items():
        figure = figures.add_parser(name)
        figure.add_argument("--tenure", default=".build/release/tenure", help="the binary")
        figure.add_argument("--dir", default="/var/tmp", help="where ledgers are made")
        figure.add_argument("--json", action="store_true")
        figure.add_argument("--runs", type=int, default=5)
        module.arguments(figure)
    return parser.parse_args()


def main():
    chosen = options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # daemons are ended on the way out
    try:
        if chosen.runs < 1:
            raise Failed("nothing is measured without a run")
        FIGURES[chosen.figure].run(chosen)
    except (Failed, Refusal, OSError) as error:
        print(f"{chosen.figure}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
