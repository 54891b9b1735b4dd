# The promised waits: 64 clients as fast as they are answered, beside many live leases.

from harness import Failed, fresh, median, show

PROMISED_US = {"acquire": 5_000, "release": 3_000}


def arguments(parser):
    parser.add_argument("--leases", type=int, default=100_000)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=int, default=5)


def run(options):
    found = {name: [] for name in PROMISED_US}
    with fresh(options) as daemon:
        daemon.fill(options.leases)
        daemon.settle()
        for _ in range(options.runs):
            load = daemon.bench("load", "--clients", options.clients, "--duration",
                                f"{options.seconds}s")
            for row in load["microseconds"]:
                found[row["operation"]].append(
                    {name: float(row[name]) for name in ("perSecond", "p50", "p99")})
        wire = daemon.connect()
        if wire.map("STATUS")["leases"] < options.leases:
            raise Failed("leases were lost")
    rows = []
    for name, promised in PROMISED_US.items():
        p99 = [one["p99"] for one in found[name]]
        rows.append({"operation": name, "leases": options.leases, "clients": options.clients,
                     "runs": len(p99),
                     "perSecond": median([one["perSecond"] for one in found[name]]),
                     "p50us": median([one["p50"] for one in found[name]]), "p99us": median(p99),
                     "p99Lowest": min(p99), "p99Highest": max(p99), "promisedUs": promised,
                     "kept": "yes" if median(p99) <= promised else "NO"})
    show("p99 under load, in microseconds", rows, options.json)
