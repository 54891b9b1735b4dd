#!/usr/bin/env python3
# Kills at chosen system calls in what copies, shortens, mends and moves a ledger.
#
# `snapshot`, `prune` (beside a daemon, too), `compact`, `repair`, `backup`, `restore`, `bundle` and
# `unbundle` are run under strace on copies of one ledger and killed at the n-th of one call. What
# must hold after each: the ledger verifies and has every lease; what was being made is there whole,
# or not under its name; the same command, run again, ends well, and then all of it holds again.
# A kill that was never met is counted as not reached. Exit status: 0 clean, 1 a violation (evidence
# is kept), 2 cannot run here.
#
#   tools/campaign/lifecycle.py --kills 100 --seed 7 --tenure .build/release/tenure
#   tools/campaign/lifecycle.py --cell prune:unlinkat:2 --tenure .build/release/tenure

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter

from daemon import Daemon, Exited, workplace
from tracing import counted, read_trace
from wire import Lost, Refused

CALLS = ("openat2", "mkdir", "mkdirat", "write", "pwrite64", "pwritev", "fsync", "fdatasync",
         "msync", "ftruncate", "fallocate", "rename", "renameat", "renameat2", "unlink",
         "unlinkat", "rmdir", "sendto", "flock", "fcntl")
LEASES = 300
SEGMENTS = 2       # that must be retired
LOAD = 4           # seconds of load at a time, until they are
LIMIT = 300        # seconds that one command may take
DAMAGED = 41       # bytes that are changed where a repair is tried


class Violation(Exception):
    """Something that must hold does not."""


class Scenario:
    """One command on a ledger, with what it makes."""

    def __init__(self, name, words, made=None, served=False, damaged=False):
        self.name, self.words, self.made = name, words, made
        self.served, self.damaged = served, damaged


# {data} is the ledger, {made} what is made; {copy} and {bundle} were made of the same ledger.
SCENARIOS = {one.name: one for one in (
    Scenario("snapshot", ["snapshot", "--data", "{data}"]),
    Scenario("prune", ["prune", "--data", "{data}", "--keep", "0s"]),
    Scenario("prune-served", ["prune", "--data", "{data}", "--socket", "{socket}", "--keep", "0s"],
             served=True),
    Scenario("compact", ["compact", "--data", "{data}"]),
    Scenario("repair", ["repair", "--data", "{data}", "--yes"], damaged=True),
    Scenario("repair-from", ["repair", "--data", "{data}", "--from", "{copy}", "--yes"],
             damaged=True),
    Scenario("backup", ["backup", "--data", "{data}", "{made}"], made="ledger"),
    Scenario("restore", ["restore", "{copy}", "--data", "{made}"], made="ledger"),
    Scenario("bundle", ["audit", "bundle", "{data}", "{made}"], made="bundle"),
    Scenario("unbundle", ["audit", "unbundle", "{bundle}", "{made}"], made="ledger"),
)}


class Cell:
    """A kill at one call of one command."""

    def __init__(self, scenario, call, number):
        self.scenario, self.call, self.number = SCENARIOS[scenario], call, number

    def __str__(self):
        return f"{self.scenario.name}:{self.call}:{self.number}"

    @staticmethod
    def parse(text):
        scenario, call, number = text.split(":")
        if scenario not in SCENARIOS or call not in CALLS:
            raise ValueError(text)
        return Cell(scenario, call, int(number))


class Ground:
    """The ledger that all cells copy, and what is in it."""

    def __init__(self, binary, home):
        self.binary, self.home = os.path.abspath(binary), home
        self.data = os.path.join(home, "template")
        self.copy, self.bundle = os.path.join(home, "copy"), os.path.join(home, "bundle")
        self.leases = set()

    def run(self, *words, limit=LIMIT):
        return subprocess.run([self.binary, *words], stdin=subprocess.DEVNULL, text=True,
                              capture_output=True, timeout=limit)

    def need(self, *words):
        """Runs a command that must end well."""
        done = self.run(*words)
        if done.returncode:
            raise Violation(f"tenure {' '.join(words)}: exit {done.returncode}: "
                            f"{(done.stdout + done.stderr).strip()[-2000:]}")
        return done.stdout

    def make(self):
        daemon = Daemon(self.binary, self.home)
        daemon.data = self.data
        for turn in range(60):
            daemon.start()
            daemon.wait_ready()
            self.need("bench", "load", "--clients", "16", "--depth", "16", "--duration",
                      f"{LOAD}s", "--socket", daemon.socket)
            if turn == 0:
                self.need("bench", "fill", "--leases", str(LEASES), "--ttl", "7d", "--socket",
                          daemon.socket)
            if daemon.terminate() != 0:
                raise Violation(f"the daemon did not end well: {daemon.last_words()}")
            if sum(name.endswith(".seg") for name in os.listdir(f"{self.data}/archive")) \
                    >= SEGMENTS:
                break
        self.leases = self.held(self.data)
        if len(self.leases) != LEASES:
            raise Violation(f"{len(self.leases)} leases of {LEASES} are there")
        self.need("backup", "--data", self.data, self.copy)
        self.need("audit", "bundle", self.data, self.bundle)

    def held(self, data):
        """Leases with their tokens, as the log of a stopped ledger says."""
        answer = json.loads(self.need("audit", "as-of", data, "end", "--json", "LEASE", "LIST",
                                      "LIMIT", "1000"))
        rows = answer["items"]
        return {(row["lease"], row["token"]) for row in rows}


class CellRun:
    """One cell: a copy, a kill, a look, and the same command again."""

    def __init__(self, ground, cell, home):
        self.ground, self.scenario, self.cell, self.home = ground, cell.scenario, cell, home
        os.mkdir(home, 0o700)
        self.data, self.made = os.path.join(home, "data"), os.path.join(home, "made")
        self.trace = os.path.join(home, "trace")
        self.daemon = Daemon(ground.binary, home)
        self.words = [word.format(data=self.data, made=self.made, copy=ground.copy,
                                  bundle=ground.bundle, socket=self.daemon.socket)
                      for word in self.scenario.words]

    def prepare(self):
        shutil.copytree(self.ground.data, self.data)
        if self.scenario.damaged:
            self.damage()
            if self.ground.run("audit", "verify", self.data).returncode != 65:
                raise Violation("there is nothing to repair")
        if self.scenario.served:
            self.daemon.start()
            self.daemon.wait_ready()

    def damage(self):
        """Changes bytes below the stored state, in the segment that is written."""
        name = sorted(name for name in os.listdir(f"{self.data}/log") if name.endswith(".seg"))[-1]
        with open(f"{self.data}/log/{name}", "r+b") as file:
            file.seek(4096 + 512)
            bytes_ = file.read(DAMAGED)
            file.seek(4096 + 512)
            file.write(bytes(byte ^ 0x5a for byte in bytes_))

    def traced(self, inject=()):
        """The exit status under strace; the trace lies beside."""
        command = ["strace", "-f", "-y", "-s", "0", "-o", self.trace, "-e",
                   "trace=" + ",".join(CALLS), *inject, self.ground.binary, *self.words]
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True, timeout=LIMIT)

    def counts(self):
        """How often the command makes each call, without a kill."""
        try:
            self.prepare()
            done = self.traced()
            if done.returncode:
                raise Violation(f"{self.scenario.name}: exit {done.returncode}: {done.stderr}")
            with open(self.trace, errors="replace") as file:
                return counted(read_trace(file), self.home)
        finally:
            self.close()

    def run(self):
        """Whether the kill was met; raises what does not hold."""
        try:
            self.prepare()
            kill = f"inject={self.cell.call}:signal=KILL:when={self.cell.number}"
            met = self.traced(["-e", kill]).returncode == -9 or self.killed()
            if met:
                self.look("after the kill", again=False)
                self.again()
            self.look("after the command was run again" if met else "without a kill", again=True)
            return met
        finally:
            self.close()

    def killed(self):
        """Whether the kill met a child of the command, which then ended in its own way."""
        with open(self.trace, errors="replace") as file:
            return any("+++ killed by SIGKILL" in line for line in file)

    def again(self):
        """The same command once more, which may say what has to be removed first."""
        for _ in range(2):
            done = self.ground.run(*self.words)
            if done.returncode == 0:
                return
            left = [place for place in (self.made, self.made + ".new") if os.path.exists(place)]
            if not left or self.scenario.made is None or done.returncode != 73:
                break
            for place in left:
                shutil.rmtree(place) if os.path.isdir(place) else os.unlink(place)
        raise Violation(f"run again it ends with {done.returncode}: {done.stderr.strip()}")

    def look(self, when, again):
        try:
            if self.scenario.served:
                self.daemon.sleep(0.01)
                self.daemon.kill()
            self.holds(self.data, mended=again or not self.scenario.damaged)
            if self.scenario.made and os.path.exists(self.made):
                self.whole(again)
            elif self.scenario.made and again:
                raise Violation(f"'{self.made}' is not there")
            if self.scenario.served and not again:
                self.daemon.start()
                self.daemon.wait_ready()
        except (Violation, Exited) as error:
            raise Violation(f"{when}: {error}") from None

    def holds(self, data, mended):
        """The ledger verifies and has all leases; before it is mended, its damage is told."""
        verified = self.ground.run("audit", "verify", data)
        if not mended:
            if verified.returncode not in (0, 65):
                raise Violation(f"audit verify: exit {verified.returncode}: {verified.stderr}")
            return
        if self.scenario.damaged:
            return self.serves(data)
        if verified.returncode:
            raise Violation(f"audit verify: exit {verified.returncode}: "
                            f"{verified.stdout[-1500:]} {verified.stderr}")
        if self.ground.held(data) != self.ground.leases:
            raise Violation(f"'{data}' has other leases")

    def serves(self, data):
        """A daemon begins on it, and has every lease."""
        self.daemon.data = data
        self.daemon.start()
        self.daemon.wait_ready()
        answer = json.loads(self.ground.need("lease", "list", "--socket", self.daemon.socket,
                                             "--json", "--limit", "1000"))
        rows = answer["items"]
        held = {(row["lease"], row["token"]) for row in rows}
        self.daemon.kill()
        if {lease for lease, _ in held} != {lease for lease, _ in self.ground.leases}:
            raise Violation(f"the daemon has {len(held)} leases of {len(self.ground.leases)}")

    def whole(self, again):
        """What has its name is all there; a directory is a ledger when it has ledger.json."""
        if self.scenario.made == "bundle":
            place = os.path.join(self.home, "unbundled")
            self.ground.need("audit", "unbundle", self.made, place)
            self.holds(place, mended=True)
            shutil.rmtree(place)
        elif again or os.path.exists(os.path.join(self.made, "ledger.json")):
            self.holds(self.made, mended=True)

    def close(self):
        if self.daemon.process and self.daemon.process.poll() is None:
            self.daemon.kill()


def choose(ground, wanted, dice, home):
    """As many kills of each scenario, spread over its calls."""
    cells = []
    for name in SCENARIOS:
        place = os.path.join(home, f"count-{name}")
        counts = CellRun(ground, Cell(name, CALLS[0], 0), place).counts()
        shutil.rmtree(place)
        all_of = {call: range(before + 1, most + 1) for call, (before, most) in counts.items()
                  if call in CALLS and most > before}
        print(f"  {name}: " + ", ".join(f"{call} {len(some)}" for call, some in all_of.items()),
              flush=True)
        # Rare calls first: a rename matters as much as a thousand writes.
        spread = [Cell(name, call, dice.choice(some)) for call, some in all_of.items()]
        dice.shuffle(spread)
        while len(spread) < wanted:
            call = dice.choice(list(all_of))
            spread.append(Cell(name, call, dice.choice(all_of[call])))
        cells += spread
    dice.shuffle(cells)
    return cells


def main():
    parser = argparse.ArgumentParser(description="Kills lifecycle commands at chosen calls.")
    parser.add_argument("--kills", type=int, default=40, help="about so many, over all commands")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tenure", required=True, help="the program, better a release build")
    parser.add_argument("--dir", help="where ledgers are made; a real file system")
    parser.add_argument("--cell", action="append", type=Cell.parse, help="command:call:number")
    arguments = parser.parse_args()
    if not shutil.which("strace"):
        print("strace is not installed")
        return 2
    home, kind = workplace(arguments.dir)
    ground, dice = Ground(arguments.tenure, home), random.Random(arguments.seed)
    began, met, failed = time.monotonic(), Counter(), []
    try:
        ground.make()
        print(f"{len(ground.leases)} leases, {kind}", flush=True)
        cells = arguments.cell or choose(ground, -(-arguments.kills // len(SCENARIOS)), dice, home)
        for number, cell in enumerate(cells):
            place = os.path.join(home, f"cell-{number}")
            try:
                met[cell.scenario.name, CellRun(ground, cell, place).run()] += 1
            except (Violation, Exited, Lost, Refused, OSError, ValueError, KeyError,
                    subprocess.SubprocessError) as error:
                print(f"  {cell}: {error!r}; evidence in {place}", flush=True)
                failed.append(cell)
                continue
            shutil.rmtree(place)
    except (Violation, Exited) as error:
        print(f"lifecycle: {error}")
        return 1
    finally:
        if not failed:
            shutil.rmtree(home)
    for name in SCENARIOS:
        print(f"  {name:13} killed {met[name, True]}, not reached {met[name, False]}")
    kills = sum(count for (_, was), count in met.items() if was)
    print(f"{kills} kills, {len(failed)} violations, {time.monotonic() - began:.0f} s")
    return 1 if failed or not kills else 0


if __name__ == "__main__":
    sys.exit(main())
