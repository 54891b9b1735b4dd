# What a decision costs as a pool grows: one client, one place for each resource.
#
# An acquire waits for the disk, which hides the decision; PLAN decides the same and writes nothing.
# 'full' is a pool with 99 of 100 places taken whole, first places first. 'rare' asks for a label
# that the last place alone carries: no index helps, and no promise covers it.

import os
import time

from harness import Failed, as_map, column_medians, encode, fresh, percentile, show

CAPACITY = 10


def arguments(parser):
    parser.add_argument("--resources", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--commands", type=int, default=500, help="of each sort in each run")


def declare(wire, resources):
    wire.call("POOL", "SET", "p", "ttlDefault", 86_400_000)
    words = ["POOL", "p", "KIND", "slot", "CAPACITY", CAPACITY]
    commands = [encode("RESOURCE", "SET", f"n{number}/s", "NODE", f"n{number}", *words)
                for number in range(resources - 1)]
    last = ["RESOURCE", "SET", "last/s", "NODE", "last", "LABEL", "rare=yes"]
    commands.append(encode(*last, *words))
    wire.many(commands)
    if wire.map("STATUS")["resources"] != resources:
        raise Failed("resources are missing")


def timed(wire, command):
    """Microseconds of one command, and its answer."""
    began = time.perf_counter()
    wire.send(command)
    reply = as_map(wire.receive(1)[0])
    return (time.perf_counter() - began) * 1e6, reply


def waits(wire, strategy, count):
    """p50 and p99 of acquire, release and plan in microseconds."""
    acquire = encode("ACQUIRE", "p", "slot=1", "STRATEGY", strategy)
    plan = encode("PLAN", "p", "slot=1", "STRATEGY", strategy)
    rare = encode("PLAN", "p", "slot=1", "STRATEGY", strategy, "SELECT", "rare=yes")
    found = {"acquire": [], "release": [], "plan": [], "rare": []}
    timed(wire, acquire)  # the first best-fit request makes the order
    for _ in range(count):
        took, lease = timed(wire, acquire)
        found["acquire"].append(took)
        found["release"].append(timed(wire, encode("RELEASE", lease["lease"], lease["token"]))[0])
    time.sleep(0.2)  # until the log is quiet: then a plan waits for no sync
    for _ in range(count):
        found["plan"].append(timed(wire, plan)[0])
    for _ in range(max(20, count // 10)):
        found["rare"].append(timed(wire, rare)[0])
    row = {f"{name}P{share}us": percentile(values, share) for name, values in found.items()
           for share in (50, 99) if name != "rare"}
    return row | {"rareP50us": percentile(found["rare"], 50)}


def measure(resources, options):
    rows = []
    with fresh(options) as daemon:
        wire = daemon.connect()
        declare(wire, resources)
        for fill in ("empty", "full"):
            if fill == "full":
                whole = encode("ACQUIRE", "p", f"slot={CAPACITY}", "STRATEGY", "first-fit")
                wire.many([whole] * (resources * 99 // 100 - 2))
            for strategy in ("first-fit", "best-fit"):
                os.sync()
                daemon.settle()
                runs = [waits(wire, strategy, options.commands) for _ in range(options.runs)]
                rows.append({"resources": resources, "pool": fill, "strategy": strategy}
                            | column_medians(runs))
    return rows


def run(options):
    if min(options.resources) < 100 or options.commands < 1:
        raise Failed("at least 100 resources and a command are needed")
    rows = [row for resources in options.resources for row in measure(resources, options)]
    smallest = {(row["pool"], row["strategy"]): row for row in reversed(rows)
                if row["resources"] == options.resources[0]}
    for row in rows:
        base = smallest[row["pool"], row["strategy"]]
        row["acquireRatio"] = row["acquireP50us"] / base["acquireP50us"]
        row["planRatio"] = row["planP50us"] / base["planP50us"]
    show("decision against the number of resources", rows, options.json)
