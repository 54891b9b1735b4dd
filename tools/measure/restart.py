# How long a restart takes after kill -9, with the longest log tail that is allowed.
#
# The tail is filled to nine tenths of what would start a checkpoint: changed rows by grants,
# records by renewals. A run counts only when its recovery replayed that tail. With --due all leases
# fall due while the daemon is down; each run then starts from a copy of the same directory.

import os
import shutil
import subprocess
import time

from harness import Failed, as_map, encode, fresh, median, percentile, show
from load import Load

TRIGGERS = {"contentBytes": 8 << 20, "records": 32_768, "extentBytes": 64 << 20, "rows": 8_191}
POOL = "bench-0"


def arguments(parser):
    parser.add_argument("--leases", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--tail", type=float, default=0.93, help="share of a checkpoint's trigger")
    parser.add_argument("--due", action="store_true", help="all leases fall due meanwhile")
    parser.add_argument("--rate", type=int, default=15_000,
                        help="with --due: leases a second that the load surely reaches")


def tail(wire):
    """Shares of the triggers that have gathered; needs a daemon that was stopped and started."""
    info = wire.info()
    if info["checkpoints"] or info["checkpointsPostponed"]:
        raise Failed("a checkpoint was made while the tail was filled")
    gathered = {"contentBytes": info["logContentBytes"], "rows": info["overlayRows"],
                "records": info["position"] - info["checkpointPosition"],
                "extentBytes": info["logExtentBytes"]}
    return {name: gathered[name] / limit for name, limit in TRIGGERS.items()}


def fill_tail(daemon, share, ttl):
    """Grants until rows are near their trigger, renewals until anything else is."""
    wire, leases = daemon.connect(), []
    acquire = encode("ACQUIRE", POOL, "slot=1", "TTL", ttl)
    while max(tail(wire).values()) < share and tail(wire)["rows"] < share - 0.02:
        leases += [as_map(reply) for reply in wire.many([acquire] * 32)]
    renewals = [encode("RENEW", lease["lease"], lease["token"]) for lease in leases[:256]]
    while max(value for name, value in tail(wire).items() if name != "rows") < share:
        wire.many(renewals)
        if max(tail(wire).values()) >= 1:
            break
    reached = tail(wire)
    wire.close()
    if max(reached.values()) < 0.9:
        raise Failed(f"the tail is too short: {reached}")
    return reached


def prepare(daemon, leases, options):
    """A killed daemon with so many leases and a long tail; the moment all are due by."""
    ttl = (leases // options.rate + 20) * 1000 if options.due else 7 * 86_400_000
    wire = daemon.connect()
    grace = 0 if options.due else 10_000
    wire.call("POOL", "SET", POOL, "restartGrace", grace)
    wire.close()
    began = time.monotonic()
    if leases:
        daemon.fill(leases, f"{ttl}ms")
    daemon.stop()
    daemon.start()
    if not leases:
        wire = daemon.connect()
        wire.call("RESOURCE", "SET", "slots", "POOL", POOL, "KIND", "slot", "CAPACITY", 10**12)
        wire.close()
    reached = fill_tail(daemon, options.tail, ttl)
    wire = daemon.connect()
    live, records = wire.info()["leases"], wire.info()["position"]
    records -= wire.info()["checkpointPosition"]
    daemon.kill()
    if live < leases:
        raise Failed(f"only {live} of {leases} leases live; some fell due early: lower --rate")
    if options.due and time.monotonic() > began + ttl / 1000:
        raise Failed("leases fell due before the kill: lower --rate")
    return reached, records, live, time.monotonic() + ttl / 1000


def once(daemon, options):
    """One start: milliseconds, and what was found."""
    took = daemon.start()
    answered = time.perf_counter()
    wire = daemon.connect()
    row = {"milliseconds": took, "replayed": wire.info()["recoveryReplayedRecords"]}
    if options.due:
        row |= reclaiming(daemon, wire, answered)
    wire.close()
    daemon.kill()
    return row


def reclaiming(daemon, wire, answered):
    """How long until all that was due is taken back, and what others feel meanwhile."""
    held = []

    def is_over(now):
        if held and now < held[-1][0] + 0.02:
            return False
        held.append((now, wire.map("STATUS")["leases"]))
        return held[-1][1] <= 1

    load = Load(daemon.path, POOL, 1)
    load.run(lambda now: is_over(now) or now > answered + 300)
    load.close()
    if held[-1][1] > 1:
        raise Failed(f"{held[-1][1]} leases were not reclaimed in 300 s")
    waits = [(end - start) * 1e3 for _, start, end in load.samples]
    return {"reclaimSeconds": held[-1][0] - answered, "othersP50ms": percentile(waits, 50),
            "othersP99ms": percentile(waits, 99), "othersMaxms": max(waits)}


def copied(daemon, kept):
    """Puts the directory back as it was when the daemon was killed."""
    shutil.rmtree(daemon.data)
    subprocess.run(["cp", "-a", kept, daemon.data], check=True)
    os.sync()
    time.sleep(0.5)


def measure(leases, options):
    with fresh(options) as daemon:
        reached, records, live, due = prepare(daemon, leases, options)
        kept = os.path.join(daemon.home, "kept")
        if options.due:
            os.rename(daemon.data, kept)
            os.mkdir(daemon.data)
            time.sleep(max(0.0, due - time.monotonic()) + 1)
        rows = []
        for _ in range(options.runs):
            if options.due:
                copied(daemon, kept)
            rows.append(once(daemon, options))
            if rows[-1]["replayed"] < records:
                raise Failed(f"replayed {rows[-1]['replayed']} of {records} records")
    times = [row["milliseconds"] for row in rows]
    result = {"leases": leases, "live": live, "tail": records,
              "of": max(reached, key=reached.get), "runs": len(rows), "medianMs": median(times),
              "lowestMs": min(times), "highestMs": max(times)}
    for name in ("reclaimSeconds", "othersP50ms", "othersP99ms", "othersMaxms"):
        if options.due:
            result[name] = median([row[name] for row in rows])
    return result


def run(options):
    rows = [measure(leases, options) for leases in options.leases]
    for row in rows:
        row["ratio"] = row["medianMs"] / rows[0]["medianMs"]
    show("restart, kill -9, all due" if options.due else "restart, kill -9", rows, options.json)
