# Goodput when many times more is asked for than the daemon takes, and what renewals wait then.
#
# In a closed loop what is offered is what is outstanding: --clients connections with --depth
# commands each are enough for the peak; then there are --times as many, by connections first. What
# the daemon turns away is asked again. Then the same once more, while a few other connections renew
# one lease each.

import concurrent.futures

from harness import Failed, allow_descriptors, fresh, median, show

CONNECTIONS = 1_024  # that the bench opens at the most
RENEWING = 8


def arguments(parser):
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--depth", type=int, default=16)
    parser.add_argument("--times", type=int, nargs="+", default=[10, 100])
    parser.add_argument("--seconds", type=int, default=5)


def scales(options):
    """Connections and depth for each offered load, the peak's first."""
    for times in [1, *options.times]:
        clients = min(options.clients * times, CONNECTIONS)
        yield times, clients, -(-options.clients * options.depth * times // clients)


def load(daemon, seconds, clients, depth):
    return daemon.bench("load", "--clients", clients, "--depth", depth, "--duration",
                        f"{seconds}s")


def once(daemon, seconds, clients, depth):
    alone = load(daemon, seconds, clients, depth)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        renewing = pool.submit(daemon.bench, "load", "--mix", "renew", "--clients", RENEWING,
                               "--duration", f"{seconds}s")
        load(daemon, seconds, clients, depth)
        renewals = renewing.result()["microseconds"][0]
    asked = {row["operation"]: row for row in alone["microseconds"]}
    return {"perSecond": float(alone["operationsPerSecond"]), "turnedAway": alone["turnedAway"],
            "acquireP50us": float(asked["acquire"]["p50"]),
            "renewP50us": float(renewals["p50"]), "renewP99us": float(renewals["p99"])}


def run(options):
    allow_descriptors(CONNECTIONS + 64)
    found = {times: [] for times, _, _ in scales(options)}
    with fresh(options) as daemon:
        for _ in range(options.runs):
            for times, clients, depth in scales(options):
                found[times].append(once(daemon, options.seconds, clients, depth))
        if daemon.connect().map("STATUS")["leases"] != 0:
            raise Failed("leases were not given back")
    rows = []
    for times, clients, depth in scales(options):
        shares = [one["perSecond"] / peak["perSecond"]
                  for one, peak in zip(found[times], found[1])]
        rows.append({"times": times, "clients": clients, "depth": depth, "runs": len(shares)}
                    | {name: median([one[name] for one in found[times]]) for name in found[1][0]}
                    | {"ofPeak": median(shares), "ofPeakLowest": min(shares)})
    show("goodput by what is offered", rows, options.json)
