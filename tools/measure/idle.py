# CPU of the daemon: with live leases and nothing to do, and at a steady pace of pairs.

import time

from harness import Failed, fresh, median, percentile, show
from load import Load

CLIENTS = 32


def arguments(parser):
    parser.add_argument("--leases", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement")
    parser.add_argument("--pairs", type=int, default=1_000, help="acquires and releases a second")


def share(daemon, work):
    """Percent of one core that the daemon used while `work` ran."""
    used, began = daemon.processor_seconds(), time.perf_counter()
    work()
    elapsed = time.perf_counter() - began
    return (daemon.processor_seconds() - used) / elapsed * 100, elapsed


def paced(daemon, options):
    load = Load(daemon.path, "bench-0", CLIENTS)
    end = time.perf_counter() + options.seconds
    used, elapsed = share(daemon, lambda: load.run(lambda now: now >= end, options.pairs))
    load.close()
    waits = [(done - sent) * 1000 for step, sent, done in load.samples if step == "acquire"]
    pace = len(waits) / elapsed
    if pace < options.pairs * 0.95:
        raise Failed(f"only {pace:.0f} pairs/s were reached")
    return used, pace, percentile(waits, 50)


def run(options):
    with fresh(options) as daemon:
        daemon.fill(options.leases)
        daemon.settle()
        time.sleep(1)
        rests = [share(daemon, lambda: time.sleep(options.seconds))[0]
                 for _ in range(options.runs)]
        works = [paced(daemon, options) for _ in range(options.runs)]
        wire = daemon.connect()
        if wire.map("STATUS")["leases"] < options.leases:
            raise Failed("leases were lost")
    row = {"leases": options.leases, "seconds": options.seconds, "runs": options.runs,
           "idlePercent": median(rests), "idleMost": max(rests),
           "pairsPerSecond": median([pace for _, pace, _ in works]),
           "pairsPercent": median([used for used, _, _ in works]),
           "pairsMost": max(used for used, _, _ in works),
           "acquireP50ms": median([wait for _, _, wait in works])}
    show("CPU, in percent of one core", [row], options.json)
