# What the campaign contends for: small pools, seven tenants, quotas on several levels.
#
# Everything is written down here as plain numbers in base units; the daemon is told once, and must
# tell the same after every restart.

GI = 1 << 30
LOCK_DELAY_MS = 60
RESTART_GRACE_MS = 300

POOLS = {
    "compute": ["restartGrace", RESTART_GRACE_MS],
    "gpus": ["restartGrace", RESTART_GRACE_MS, "lockDelay", LOCK_DELAY_MS],
    "seats": ["restartGrace", RESTART_GRACE_MS],
    "dates": ["restartGrace", RESTART_GRACE_MS], "yard": ["restartGrace", RESTART_GRACE_MS],
    "spare": ["restartGrace", RESTART_GRACE_MS], "priced": ["restartGrace", RESTART_GRACE_MS],
    "beds": ["restartGrace", RESTART_GRACE_MS],
    "spot": ["restartGrace", RESTART_GRACE_MS, "preemptionGap", 2],
    "frail": ["restartGrace", RESTART_GRACE_MS, "breakerFailures", 2, "breakerOpen", 30_000],
}

# name: (pool, kind, capacity in base units, node)
RESOURCES = {
    "n0-cpu": ("compute", "cpu", 4_000, "n0"), "n0-memory": ("compute", "memory", 8 * GI, "n0"),
    "n1-cpu": ("compute", "cpu", 4_000, "n1"), "n1-memory": ("compute", "memory", 8 * GI, "n1"),
    "n2-cpu": ("compute", "cpu", 2_000, "n2"), "n2-memory": ("compute", "memory", 2 * GI, "n2"),
    "gpu-0": ("gpus", "gpu", 1_000, "g0"), "gpu-1": ("gpus", "gpu", 1_000, "g0"),
    "gpu-2": ("gpus", "gpu", 1_000, "g0"), "gpu-3": ("gpus", "gpu", 1_000, "g0"),
    "seats": ("seats", "seat", 7, "office"),
    "rooms": ("dates", "room", 6, "house"),
    "y0-slots": ("yard", "slot", 4, "y0"), "y1-slots": ("yard", "slot", 4, "y1"),
    "spare-seats": ("spare", "seat", 3, "attic"),
    "chips": ("priced", "chip", 6, "lab"),
    "beds": ("beds", "bed", 6, "ward"),
    "spots": ("spot", "spot", 4, "corner"),
    "f0": ("frail", "part", 3, "f0"), "f1": ("frail", "part", 3, "f1"),
}

# A unit for an hour at this price costs one thousandth for each millisecond.
COSTS = {"chips": 3_600}
BUDGET = "p"                    # the tenant that has one
BUDGET_WINDOW = 316_224_000_000
BUDGET_FIRST = 60_000           # in thousandths; it is raised from time to time
RATE = ("t", 40, 8)             # grants of a tenant per second, and at once
MOST_LEASES_OF = {"t": 4}
GUARANTEES = {("g", "bed"): 3}
RANKS = ["low", "normal", "high", "critical"]
SAFE = 2                        # the lowest class that gives way to nobody, with a gap of 2
FRAIL = {"f0", "f1"}            # resources whose breakers open
OPEN_MS = 30_000

# Nodes that are drained, and the client that does it: y0 by plan, y1 at once.
DRAINED = {"y0", "y1"}
WATCHED = DRAINED | FRAIL       # nodes where every grant is remembered
OPERATORS = {0: "y0", 1: "y1", 2: "settings"}

# Those whose rate is limited may be turned away though they waited: they do not wait, nor book.
PATIENT = ["a", "a/x", "a/x/deep", "a/y", "b", "b/z", "c"]
TENANTS = PATIENT + ["t", "t/u"]

QUOTAS = {
    ("a", "cpu"): 5_000, ("a/x", "cpu"): 3_000, ("a", "seat"): 4, ("b", "memory"): 5 * GI,
    ("b/z", "gpu"): 2_000, ("a/x/deep", "memory"): 2 * GI, ("g", "bed"): 5,
}

# (pool, claims, base units by kind)
CLAIMS = [
    ("compute", "cpu=500m,memory=1Gi", {"cpu": 500, "memory": GI}),
    ("compute", "cpu=1", {"cpu": 1_000}),
    ("compute", "2*cpu=1,memory=512Mi", {"cpu": 2_000, "memory": GI}),
    ("compute", "cpu=1,memory=2Gi+cpu=500m", {"cpu": 1_500, "memory": 2 * GI}),
    ("compute", "memory=3Gi", {"memory": 3 * GI}),
    ("gpus", "gpu=1", {"gpu": 1_000}),
    ("gpus", "gpu=500m", {"gpu": 500}),
    ("gpus", "gpu=2", {"gpu": 2_000}),
    ("seats", "seat=1", {"seat": 1}),
    ("seats", "seat=2", {"seat": 2}),
    ("seats", "seat=3", {"seat": 3}),
    ("dates", "room=1", {"room": 1}),
    ("dates", "room=2", {"room": 2}),
    ("yard", "slot=1", {"slot": 1}),
    ("yard", "slot=3", {"slot": 3}),
    ("beds", "bed=1", {"bed": 1}),
    ("spot", "spot=1", {"spot": 1}), ("spot", "spot=2", {"spot": 2}),
    ("frail", "part=1", {"part": 1}), ("frail", "part=1", {"part": 1}),
    ("priced", "chip=1", {"chip": 1}), ("priced", "chip=2", {"chip": 2}),
]

# The most of a range whose least is in the third place, and pools in an order.
RANGES = [("seats", "seat=1..3", {"seat": 1}, {"seat": 3}),
          ("gpus", "gpu=1..2", {"gpu": 1_000}, {"gpu": 2_000}),
          ("seats,spare", "seat=1..4", {"seat": 1}, {"seat": 4})]
SEVERAL = [("seats,spare", "seat=2", {"seat": 2}), ("spare,seats", "seat=3", {"seat": 3}),
           ("gpus,seats,spare", "seat=1", {"seat": 1})]
# Who asks for what only some ask for.
TENANTS_OF = {"beds": ["g", "g", "a", "b", "c"], "priced": ["p", "p/q"]}

INFEASIBLE = [
    ("gpus", "gpu=9", {"gpu": 9_000}), ("seats", "seat=8", {"seat": 8}),
    ("compute", "cpu=64", {"cpu": 64_000}), ("gpus", "gpu=1500m", {"gpu": 1_500}),
]


class World:
    """The same facts in the form that the sweeps look them up in."""

    node_of = {name: facts[3] for name, facts in RESOURCES.items()}
    pool_of = {name: facts[0] for name, facts in RESOURCES.items()}
    priced = set(COSTS)
    kind_of = {name: facts[1] for name, facts in RESOURCES.items()}
    capacities = {name: facts[2] for name, facts in RESOURCES.items()}
    quotas = dict(QUOTAS)
    most_leases = dict(MOST_LEASES_OF)
    # The most that all others may have of a kind.
    guarantees = {(tenant, kind): sum(facts[2] for facts in RESOURCES.values() if facts[1] == kind)
                  - amount for (tenant, kind), amount in GUARANTEES.items()}


def quantity(kind, amount):
    """An amount of base units as it is written in a command."""
    return f"{amount}m" if kind in ("cpu", "gpu") else str(amount)


def parts_words(amounts):
    """{resource: amount} as the `parts` argument."""
    return ",".join(f"{name}={quantity(World.kind_of[name], amount)}"
                    for name, amount in sorted(amounts.items()))


def declare(wire):
    """Tells a fresh ledger everything above."""
    for name, settings in POOLS.items():
        wire.call("POOL", "SET", name, *settings)
    for name, (pool, kind, capacity, node) in RESOURCES.items():
        wire.call("RESOURCE", "SET", name, "POOL", pool, "KIND", kind,
                  "CAPACITY", quantity(kind, capacity), "NODE", node, "COST", COSTS.get(name, 0))
    for (tenant, kind), limit in QUOTAS.items():
        wire.call("QUOTA", "SET", tenant, kind, "LIMIT", quantity(kind, limit))
    for (tenant, kind), amount in GUARANTEES.items():
        wire.call("QUOTA", "SET", tenant, kind, "GUARANTEE", quantity(kind, amount), "LEND", 0)
    wire.call("BUDGET", "SET", BUDGET, "LIMIT", BUDGET_FIRST // 1_000, "WINDOW", BUDGET_WINDOW)
    for tenant, most in MOST_LEASES_OF.items():
        wire.call("TENANT", "SET", tenant, "LEASES", most, "RATE", RATE[1], "BURST", RATE[2])
