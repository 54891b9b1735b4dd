# Memory of the daemon with many live leases: after loading them, and after a restart.

from harness import Failed, fresh, show


def arguments(parser):
    parser.add_argument("--leases", type=int, nargs="+", default=[100_000, 1_000_000])


def measure(leases, options):
    with fresh(options) as daemon:
        empty = daemon.memory()
        if leases:
            daemon.fill(leases)
        loaded = daemon.memory()
        daemon.kill()
        daemon.start()
        restarted = daemon.memory()
        wire = daemon.connect()
        if wire.map("STATUS")["leases"] != leases:
            raise Failed("leases were lost")
    row = {"leases": leases}
    for moment, figures in (("empty", empty), ("loaded", loaded), ("restarted", restarted)):
        for name in ("RssAnon", "Pss"):
            row[f"{moment}{name}MiB"] = round(figures[name] / 1024, 1)
    return row


def run(options):
    rows = [measure(leases, options) for leases in options.leases]
    show("memory", rows, options.json)
