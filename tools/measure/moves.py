# What plans of moves are worth: a pool is filled past its capacity, some leases end at random, the
# rest moves as `OPTIMIZE` says until no move gains anything, and new tasks come until nothing fits.
#
# The same once more without moves. What is free and of no use is as the pool tells it, in GPUs.
# Tasks and nodes are those of the openb trace; every lease has the tag movable=true.

import csv
import random
import time

from harness import BLOCK, Failed, Refusal, as_map, encode, fresh, median, show


def arguments(parser):
    parser.add_argument("--nodes", required=True, help="list of nodes of the trace")
    parser.add_argument("--pods", required=True, help="list of tasks of the trace")
    parser.add_argument("--sample", type=float, default=0.2, help="part of the nodes")
    parser.add_argument("--ended", type=float, default=0.3, help="part of the leases that end")
    parser.add_argument("--learn", type=float, default=2.0,
                        help="seconds without anything new until a pool has learnt")
    parser.add_argument("--seed", type=int, default=42, help="that of the first run")


def read(path):
    with open(path, newline="") as lines:
        return list(csv.DictReader(lines))


def declare(wire, nodes):
    wire.call("POOL", "SET", "gpus", "ttlDefault", 86_400_000)
    commands = []
    for node in nodes:
        name = node["sn"]
        for kind, amount in (("cpu", f"{node['cpu_milli']}m"),
                             ("memory", f"{node['memory_mib']}Mi")):
            commands.append(encode("RESOURCE", "SET", f"{name}/{kind}", "POOL", "gpus", "KIND",
                                   kind, "CAPACITY", amount, "NODE", name))
        for device in range(int(node["gpu"])):
            commands.append(encode("RESOURCE", "SET", f"{name}/gpu{device}", "POOL", "gpus",
                                   "KIND", "gpu", "CAPACITY", 1, "NODE", name, "LABEL",
                                   f"model={node['model']}"))
    wire.many(commands)


def devices(task):
    """What it asks of GPUs, in thousandths."""
    return int(task["num_gpu"]) * int(task["gpu_milli"])


def acquire(task):
    amounts = (("cpu", int(task["cpu_milli"]), "m"), ("memory", int(task["memory_mib"]), "Mi"),
               ("gpu", devices(task), "m"))
    claim = ",".join(f"{kind}={amount}{unit}" for kind, amount, unit in amounts if amount > 0)
    words = ["ACQUIRE", "gpus", claim, "TAG", "movable=true"]
    if task["gpu_spec"]:
        words += ["SELECT", f"model={task['gpu_spec']}"]
    return encode(*words)


def offer(wire, tasks, thousandths, dice):
    """Random tasks that want so much in all; the leases of those that fit, and what they want."""
    chosen = []
    while thousandths > 0:
        chosen.append(dice.choice(tasks))
        thousandths -= devices(chosen[-1])
    granted = []
    for start in range(0, len(chosen), BLOCK):
        block = chosen[start:start + BLOCK]
        wire.send(b"".join(acquire(task) for task in block))
        for task, reply in zip(block, wire.receive(len(block))):
            if not isinstance(reply, Refusal):
                lease = as_map(reply)
                granted.append((lease["lease"], lease["token"], devices(task)))
            elif not str(reply).startswith("EXHAUSTED"):
                raise reply
    return granted


def learn(wire, quiet):
    """Waits until the pool has learnt from what was asked; that is worked out beside it."""
    known, since = 0, time.monotonic()
    while time.monotonic() < since + quiet:
        if known != (known := wire.map("POOL", "GET", "gpus")["learntVersion"]):
            since = time.monotonic()
        time.sleep(0.1)
    if known == 0:
        raise Failed("the pool has learnt nothing")


def move(wire):
    """Makes moves until no plan has one; how many."""
    count = 0
    while True:
        plan = wire.map("OPTIMIZE", "gpus", "MOVES", 100)
        if not plan["items"]:
            return count
        for item in map(as_map, plan["items"]):
            token = wire.map("LEASE", "GET", item["lease"])["token"]
            grown = wire.map("GROW", item["lease"], token, item["claims"], "NODE", item["to"],
                             "PLAN", plan["version"])
            wire.call("RELEASE", item["lease"], grown["token"], item["parts"])
            count += 1
        left = wire.map("OPTIMIZE", "gpus")
        if left["learntVersion"] != plan["learntVersion"]:
            raise Failed("the pool goes on learning; wait for longer with --learn")
        if left["before"] != plan["after"]:
            raise Failed(f"the plan told {plan['after']}, it became {left['before']}")


def one(options, seed, is_moving):
    dice = random.Random(seed)
    nodes = read(options.nodes)
    nodes = dice.sample(nodes, max(1, round(len(nodes) * options.sample)))
    tasks = read(options.pods)
    capacity = sum(int(node["gpu"]) for node in nodes) * 1000
    with fresh(options) as daemon:
        wire = daemon.connect()
        wire.socket.settimeout(600)
        declare(wire, nodes)
        held = offer(wire, tasks, capacity * 1.3, dice)
        dice.shuffle(held)
        ending = held[:round(len(held) * options.ended)]
        wire.many([encode("RELEASE", lease, token) for lease, token, _ in ending])
        learn(wire, options.learn)
        held = held[len(ending):]
        before = wire.map("OPTIMIZE", "gpus", "MOVES", 1)["before"]
        moves = move(wire) if is_moving else 0
        after = wire.map("OPTIMIZE", "gpus", "MOVES", 1)["before"]
        more = offer(wire, tasks, capacity * 1.3, dice)
        kept = sum(wanted for _, _, wanted in held)
        return {"gpus": capacity / 1000, "taken%": 100 * kept / capacity,
                "uselessBefore": before / 1000, "moves": moves, "uselessAfter": after / 1000,
                "then%": 100 * (kept + sum(wanted for _, _, wanted in more)) / capacity}


def run(options):
    rows = []
    for is_moving in (False, True):
        runs = [one(options, options.seed + number, is_moving) for number in range(options.runs)]
        row = {"pool": "with moves" if is_moving else "as it is", "runs": len(runs)}
        rows.append(row | {name: round(median([one[name] for one in runs]), 1)
                           for name in runs[0]})
    show("GPUs of no use to typical requests, and what is granted then", rows, options.json)
