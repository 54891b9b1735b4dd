# How long it takes to take back many leases that fall due at once, and what others feel meanwhile.
#
# Each lease gets the TTL that is left to one common instant. How wide the window of deadlines can
# be is bounded by the clock before sending and after the answer of each block, and is shown.

import math
import multiprocessing
import time

from harness import Failed, Refusal, as_map, encode, fresh, median, percentile, show
from load import Load

BLOCK = 32  # leases that share one reading of the clock
OTHERS = 16


def arguments(parser):
    parser.add_argument("--leases", type=int, default=10_000)
    parser.add_argument("--lead", type=float, help="seconds from the first grant to the deadline")


def others(path, until, results):
    """A process of its own: sixteen clients until `until`."""
    load = Load(path, "others", OTHERS, renews=True)
    try:
        load.run(lambda now: now >= until.value)
        results.put(load.samples)
    except Exception as error:  # nothing measured must not look like nothing slow
        results.put(error)


def declare(daemon):
    wire = daemon.connect()
    for pool in ("due", "others"):
        wire.call("POOL", "SET", pool, "restartGrace", 0)
        wire.call("RESOURCE", "SET", f"{pool}/slots", "POOL", pool, "KIND", "slot",
                  "CAPACITY", 10**12)
    return wire


def grant(wire, leases, lead):
    """All leases; the earliest and the latest instant at which one of them can be due."""
    granted, first, last = [], math.inf, 0.0
    due = time.perf_counter() + lead
    while len(granted) < leases:
        sent = time.perf_counter()
        ttl = round((due - sent) * 1000)
        if ttl < 100:
            raise Failed(f"{len(granted)} leases in {lead} s: raise --lead")
        command = encode("ACQUIRE", "due", "slot=1", "TTL", ttl)
        granted += map(as_map, wire.many([command] * min(BLOCK, leases - len(granted))))
        first = min(first, sent + ttl / 1000)
        last = max(last, time.perf_counter() + ttl / 1000)
    return granted, first, last


def check(wire, sample):
    """How many of the leases a CHECK still takes as valid."""
    wire.send(b"".join(encode("CHECK", one["lease"], one["token"]) for one in sample))
    replies = wire.receive(len(sample))
    return sum(not (isinstance(one, Refusal) and str(one).startswith("EXPIRED")) for one in replies)


def watch(wire, first, last, sample):
    """The instant at which all was taken back, and how many were still valid when none should."""
    held = lambda: wire.map("RESOURCE", "GET", "due/slots")["held"]
    time.sleep(max(0.0, first - 0.2 - time.perf_counter()))
    before = held()
    time.sleep(max(0.0, last - time.perf_counter()))
    valid = check(wire, sample)
    while held():
        if time.perf_counter() > last + 120:
            raise Failed(f"{held()} leases were not reclaimed in 120 s")
        time.sleep(0.0005)
    return time.perf_counter(), before, valid


def spread(samples, start, end):
    """Percentiles in milliseconds of what was under way at some time from start to end."""
    waits = [(done - sent) * 1000 for _, sent, done in samples if done >= start and sent <= end]
    if not waits:
        raise Failed("no other client had an answer in the window")
    return percentile(waits, 50), percentile(waits, 99), max(waits), len(waits)


def once(options):
    with fresh(options) as daemon:
        wire = declare(daemon)
        context = multiprocessing.get_context("fork")
        until, results = context.Value("d", math.inf, lock=False), context.SimpleQueue()
        lead = options.lead or 3 + options.leases / 2000
        granted, first, last = grant(wire, options.leases, lead)
        process = context.Process(target=others, args=(daemon.path, until, results))
        process.start()
        try:
            step = max(1, len(granted) // 100)
            end, before, valid = watch(wire, first, last, granted[::step])
            until.value = end + 0.5
            samples = results.get()
            process.join()
        finally:
            if process.is_alive():
                process.kill()
        if isinstance(samples, Exception):
            raise samples
        info = wire.info()
    if before != options.leases or info["reclaimed"] < options.leases:
        raise Failed(f"{before} were held before, {info['reclaimed']} reclaimed")
    quiet = spread(samples, first - 1.0, first - 0.01)
    during = spread(samples, first, end)
    return {"leases": options.leases, "windowMs": (last - first) * 1000,
            "reclaimMs": (end - first) * 1000, "fromLastDueMs": (end - last) * 1000,
            "validAfterDue": valid, "quietP50ms": quiet[0], "quietP99ms": quiet[1],
            "p50ms": during[0], "p99ms": during[1], "maxMs": during[2], "answers": during[3]}


def run(options):
    if options.leases < 1:
        raise Failed("nothing is measured without a lease")
    rows = [once(options) for _ in range(options.runs)]
    result = {name: median([row[name] for row in rows]) for name in rows[0]}
    result |= {"validAfterDue": max(row["validAfterDue"] for row in rows), "runs": len(rows)}
    show("reclaim of leases due at once", [result], options.json)
    if result["validAfterDue"]:
        raise Failed("a lease was valid after its deadline")
