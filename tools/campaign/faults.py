#!/usr/bin/env python3
# The fault campaign: the real daemon meets failing, slow, short and deadly system calls.
#
# Each cell is one fault, in one call, at one occurrence: while a ledger is made, recovered, served,
# stopped, or where a segment is full and a checkpoint due. strace injects it; short writes come
# from a library that is preloaded. The daemon must go on or end with a named code, in time, and
# after a restart everything acknowledged must be there; the clients, the model and the judgement
# are the kill campaign's. Aligned kills end the daemon at a chosen call, and its recovery too.
# A cell whose fault was never met is counted as not reached. Exit status: 0 clean, 1 a violation
# (evidence is kept), 2 cannot run here.
#
#   tools/campaign/faults.py --faults 40 --seed 7 --tenure .build/debug/tenure
#   tools/campaign/faults.py --cell load:fdatasync:EIO:3 --seed 7 --tenure .build/debug/tenure
#   tools/campaign/faults.py --canary swallow-sync --tenure .build/debug/tenure

import argparse
import concurrent.futures
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter

import matrix
from cell import CellRun
from daemon import Exited, workplace
from matrix import Cell
from rules import on_log, signal_name
from templates import Template, tear
from tracing import counted
from wire import Lost, Refused

# A library that lies, the cells in which it does, and the rule that must find it.
CANARIES = {
    "swallow-sync": (["load:fdatasync:EIO:3", "load:fdatasync:EIO:2+"], "L4"),
    "retry-sync": (["load:fdatasync:EIO:3", "load:fdatasync:EIO:5"], "L4"),
    "swallow-write": (["load:pwrite64:EIO:3+", "load:pwrite64:EIO:5+"], "restart"),
    "swallow-read": (["recover:pread64:EIO:{log}+", "torn:pread64:EIO:{log}+"], "T5"),
    "late-write": (["load:pwrite64:KILL:9", "load:pwrite64:KILL:17", "load:pwrite64:KILL:30",
                    "load:pwrite64:KILL:40", "load:pwrite64:KILL:50"], "I1"),
    "trap": (["load:fdatasync:EIO:3"], "trap"),
    "spin": (["load:fdatasync:EIO:3"], "hang"),
}
CALIBRATING = 0.35  # seconds of load in a run without faults
LIMIT = 240         # seconds that one cell may take altogether


class Ground:
    """What all cells stand on: the shim, the templates, and what the daemon does without faults."""

    def __init__(self, arguments, home):
        self.binary, self.home, self.seed = arguments.tenure, home, arguments.seed
        self.shim = {"LD_PRELOAD": os.path.join(home, "shim.so")}
        self.templates, self.counts, self.firsts = {"create": None}, {}, {}

    def compile(self):
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "shim.c")
        subprocess.run(["cc", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o",
                        self.shim["LD_PRELOAD"], source, "-ldl"], check=True)

    def build(self, points):
        """The templates that these points need."""
        chooser = random.Random(f"{self.seed} templates")
        if set(points) - {"create", "turn"}:
            live = Template(self.binary, os.path.join(self.home, "live"), chooser.random()).build()
            for point in ("recover", "load", "stop"):
                self.templates[point] = live
            if "torn" in points:
                self.templates["torn"] = tear(live, os.path.join(self.home, "torn"), self.seed)
        if "turn" in points:
            turn = Template(self.binary, os.path.join(self.home, "turn"), chooser.random())
            self.templates["turn"] = turn.build(turn=True)

    def calibrate(self, point):
        """Counts the calls of a run in which nothing is injected."""
        found, seen = {}, Counter()
        names = {*matrix.ERRORS, *matrix.KILLED_AT}
        files = matrix.OF_FILES if point in matrix.STARTS else set()
        for part in filter(None, (names & files, names - files)):
            watch = Watch(point, self.binary, os.path.join(self.home, f"quiet-{point}"), self.seed,
                          self.templates)
            watch.watch(sorted(part))
            found |= counted(watch.calls, watch.daemon.data, bool(part & files))
            for call in watch.calls:
                seen[call.name, call.thread] += 1
                if on_log(call):
                    self.firsts.setdefault((point, call.name), seen[call.name, call.thread])
            shutil.rmtree(watch.home)
        if point in matrix.SERVING:
            found = {name: (0, most) for name, (_, most) in found.items()}
        else:
            found = {name: count for name, count in found.items()
                     if name not in matrix.CONNECTIONS}
        self.counts[point] = found


class Watch(CellRun):
    """A cell without a fault, of which every call is written down."""

    def __init__(self, point, binary, home, seed, templates):
        super().__init__(Cell(point, "none", "none", 1, False), binary, home, seed, templates)

    def watch(self, names):
        self.cell = Cell(self.cell.point, names[0], "none", 1, False)
        # A call that this machine does not have is nothing to look at.
        self.names = ["-e", "trace=" + ",".join("?" + name for name in names)]
        facts = self.run()
        if facts["faults"]:
            raise OSError(f"{self.cell.point} without a fault is not clean: {facts['faults'][:3]}")


class Tally:
    """What came of the cells."""

    def __init__(self):
        self.cells, self.kills, self.restarts, self.acknowledged = 0, 0, 0, 0
        self.reached, self.missed, self.exits = Counter(), Counter(), Counter()
        self.bad, self.memory, self.served, self.injected = [], 0, 0, 0
        self.kinds = Counter()

    def take(self, facts):
        cell = Cell.parse(facts["cell"])
        self.cells += 1
        label = f"{cell.call} {cell.fault}"
        (self.reached if facts["reached"] else self.missed)[label] += 1
        self.injected += facts["reached"]
        self.kills += facts["kills"]
        self.restarts += facts["restarts"]
        self.acknowledged += facts["acknowledged"]
        self.memory += facts["out of memory"]
        self.served += facts["served"]
        for status in [facts["status"], *facts["statuses"]]:
            if status is not None:
                self.exits[signal_name(status) if status < 0 else str(status)] += 1
        for fault in facts["faults"]:
            self.kinds[fault.split(":")[0]] += 1
        if facts["faults"]:
            self.bad.append(facts)

    def report(self):
        def told(counter):
            return ", ".join(f"{name} {count}" for name, count in sorted(counter.items())) or "none"
        reached = sum(self.reached.values())
        losses = sum(count for rule, count in self.kinds.items() if rule[:1] == "I")
        print(f"cells: {self.cells}, of which {reached} met their fault and "
              f"{sum(self.missed.values())} did not reach it")
        print(f"reached: {told(self.reached)}")
        print(f"not reached: {told(self.missed)}")
        print(f"injected altogether: {self.injected}; aligned kills: {self.kills}")
        print(f"served on: {self.served}; exit codes: {told(self.exits)}")
        print(f"died before serving, or for want of memory, by a library: {self.memory}")
        print(f"restarts: {self.restarts}; acknowledged: {self.acknowledged}")
        print(f"losses and grants that must not be: {losses}, hangs: {self.kinds['hang']}, "
              f"traps: {self.kinds['trap']}; violations by rule: {told(self.kinds)}")


def run_cell(task):
    """One cell in a process of its own."""
    cell, again, number, binary, home, seed, templates, shim = task
    folder = os.path.join(home, f"cell-{number}")
    return CellRun(cell, binary, folder, seed, templates, shim, again).run()


def run_cells(ground, cells, jobs, keep, canary=None):
    """All cells, so many at a time."""
    tally = Tally()
    tasks = []
    for number, cell in enumerate(cells):
        chooser = random.Random(f"{ground.seed} {cell} again")
        again = matrix.plan_again(ground.counts.get("recover", {}), chooser) \
            if cell.is_kill and cell.point != "create" and not canary else []
        shim = dict(ground.shim, SHIM_MODE=canary) if canary else dict(ground.shim)
        tasks.append((cell, again, number, ground.binary, ground.home, ground.seed,
                      ground.templates, shim))
    context = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(jobs, mp_context=context) as pool:
        waiting = [pool.submit(run_cell, task) for task in tasks]
        for done, future in enumerate(waiting, 1):
            facts = future.result(timeout=LIMIT * len(tasks))
            tally.take(facts)
            for fault in facts["faults"][:4]:
                print(f"VIOLATION {facts['cell']} {fault[:600]}", flush=True)
            if not facts["faults"] and not keep:
                shutil.rmtree(facts["home"])
            if done % 20 == 0:
                print(f"  {done} of {len(tasks)} cells", flush=True)
    return tally


def options():
    parser = argparse.ArgumentParser(description="Lays failing system calls on a real daemon.")
    parser.add_argument("--tenure", default=os.environ.get("TENURE_BIN"),
                        help="the binary (TENURE_BIN)")
    parser.add_argument("--faults", type=int, default=40, help="cells of faults")
    parser.add_argument("--kills", type=int, default=None,
                        help="cells of aligned kills; a quarter of --faults")
    parser.add_argument("--all", action="store_true", help="the whole matrix of faults")
    parser.add_argument("--point", action="append", choices=list(matrix.POINTS),
                        help="only there; may be repeated")
    parser.add_argument("--call", action="append", help="only in this call; may be repeated")
    parser.add_argument("--cell", action="append", help="only this cell; may be repeated")
    parser.add_argument("--canary", choices=list(CANARIES),
                        help="preload a library that lies; 0 when the campaign finds it")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--jobs", type=int, default=2, help="cells at a time")
    parser.add_argument("--dir", help="where to work; a real file system")
    parser.add_argument("--keep", action="store_true", help="keep the data of all cells")
    arguments = parser.parse_args()
    if not arguments.tenure or not os.access(arguments.tenure, os.X_OK):
        parser.exit(2, "name the tenure binary with --tenure or TENURE_BIN\n")
    arguments.tenure = os.path.abspath(arguments.tenure)
    if arguments.seed is None:
        arguments.seed = random.SystemRandom().randrange(1 << 32)
    if arguments.kills is None:
        arguments.kills = arguments.faults // 4
    return arguments


def missing_here():
    """Why this machine can not run it, or nothing."""
    for tool in ("strace", "cc"):
        if not shutil.which(tool):
            return f"there is no {tool}"
    probe = subprocess.run(["strace", "-e", "inject=getppid:error=EIO", "-o", "/dev/null", "true"],
                           capture_output=True, text=True)
    return f"strace can not trace: {probe.stderr.strip()}" if probe.returncode else None


def plan(ground, arguments):
    """The cells of this run."""
    points = arguments.point or list(matrix.POINTS)
    if arguments.cell:
        cells = [Cell.parse(name) for name in arguments.cell]
        points = list(dict.fromkeys(cell.point for cell in cells))
    if arguments.canary:
        points = list(dict.fromkeys(name.split(":")[0] for name in CANARIES[arguments.canary][0]))
    ground.build({*points, "recover"})
    if arguments.canary or not arguments.cell:
        for point in dict.fromkeys([*points, "recover"]):
            ground.calibrate(point)
    elif any(cell.is_kill for cell in cells):
        ground.calibrate("recover")
    if arguments.canary:
        return [Cell.parse(name.format(log=ground.firsts.get(tuple(name.split(":")[:2]))))
                for name in CANARIES[arguments.canary][0]]
    if arguments.cell:
        return cells
    counts = {point: {call: count for call, count in ground.counts[point].items()
                      if not arguments.call or call in arguments.call} for point in points}
    for point in points:
        print(f"calls at {point}: " + ", ".join(
            f"{name} {most - before}" for name, (before, most) in sorted(counts[point].items())
            if most > before))
        never = [name for name in matrix.ERRORS if name not in counts[point]]
        print(f"  never made there: {', '.join(never)}")
    return matrix.choose(counts, ground.firsts, arguments.faults, arguments.seed, arguments.all) \
        + matrix.choose_kills(counts, arguments.kills, arguments.seed)


def verdict(tally, arguments, home):
    if arguments.canary:
        rule = CANARIES[arguments.canary][1]
        if tally.kinds[rule]:
            print(f"canary {arguments.canary}: found by {rule}, {tally.kinds[rule]} times")
            return 0
        print(f"canary {arguments.canary}: NOT found by {rule}; evidence in {home}")
        return 1
    if tally.bad:
        print(f"{len(tally.bad)} cells violate a rule; evidence in {home}; "
              f"seed {arguments.seed}")
        for facts in tally.bad[:40]:
            print(f"  {facts['home']}: faults.py --cell {facts['cell']} --seed {arguments.seed}")
        return 1
    if not sum(tally.reached.values()):
        print("no fault was met: nothing was tested")
        return 1
    print("fault campaign: no violation")
    return 0


def main():
    arguments = options()
    why = missing_here()
    if why:
        print(f"skipped: {why}")
        return 2
    os.environ["SWIFT_BACKTRACE"] = "enable=no"
    home, kind = workplace(arguments.dir)
    print(f"fault campaign: seed {arguments.seed}, data in {home} ({kind})", flush=True)
    ground = Ground(arguments, home)
    began = time.monotonic()
    try:
        ground.compile()
        cells = plan(ground, arguments)
    except (OSError, Exited, Lost, Refused, ValueError, subprocess.SubprocessError) as error:
        print(f"VIOLATION without a fault: {error}; evidence in {home}")
        return 1
    print(f"{len(cells)} cells after {time.monotonic() - began:.0f} s of preparation", flush=True)
    tally = run_cells(ground, cells, arguments.jobs, arguments.keep, arguments.canary)
    tally.report()
    status = verdict(tally, arguments, home)
    if status == 0 and not arguments.keep:
        shutil.rmtree(home)
    return status


if __name__ == "__main__":
    sys.exit(main())
