# Memory of the daemon with many live leases: the most while they are loaded, what stays when the
# last checkpoint is done, and after a restart.

import threading

from harness import Failed, fresh, median, show


LOOK_SECONDS = 0.05


def arguments(parser):
    parser.add_argument("--leases", type=int, nargs="+", default=[100_000, 1_000_000])


def load(daemon, leases):
    """Loads the leases; the most memory that was seen meanwhile."""
    seen, over = [daemon.memory()], threading.Event()

    def look():
        while not over.wait(LOOK_SECONDS):
            seen.append(daemon.memory())

    looking = threading.Thread(target=look)
    looking.start()
    try:
        daemon.fill(leases)
    finally:
        over.set()
        looking.join()
    return {name: max(figures[name] for figures in seen) for name in seen[0]}


def measure(leases, options):
    with fresh(options) as daemon:
        empty = daemon.memory()
        loading = load(daemon, leases) if leases else empty
        daemon.settle()
        loaded = daemon.memory()
        daemon.kill()
        daemon.start()
        restarted = daemon.memory()
        wire = daemon.connect()
        if wire.map("STATUS")["leases"] != leases:
            raise Failed("leases were lost")
    row = {"leases": leases}
    for moment, figures in (("empty", empty), ("loading", loading), ("loaded", loaded),
                            ("restarted", restarted)):
        for name in ("RssAnon", "Pss"):
            row[f"{moment}{name}MiB"] = round(figures[name] / 1024, 1)
    return row


def run(options):
    rows = []
    for leases in options.leases:
        runs = [measure(leases, options) for _ in range(options.runs)]
        rows.append({name: median([run[name] for run in runs]) for name in runs[0]}
                    | {"runs": len(runs)})
    show("memory", rows, options.json)
