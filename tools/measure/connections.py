# Many connections open at once: each asks and gets its own answers.

import time

from harness import Failed, allow_descriptors, as_map, encode, fresh, median, show


def arguments(parser):
    parser.add_argument("--count", type=int, default=1_000)


def everywhere(wires, commands):
    """One command on every connection, all on the way at once; the answers in order."""
    for wire, command in zip(wires, commands):
        wire.send(command)
    return [as_map(wire.receive(1)[0]) for wire in wires]


def once(daemon, count):
    began = time.perf_counter()
    wires = [daemon.connect() for _ in range(count)]
    if len(set(wire.call("CLIENT", "ID") for wire in wires)) != count:
        raise Failed("two connections have one id")
    opened = time.perf_counter()
    info = wires[0].info()
    acquires = [encode("ACQUIRE", "p", "slot=1", "HOLDER", f"h{number}") for number in range(count)]
    grants = everywhere(wires, acquires)
    granted = time.perf_counter()
    if [grant["holder"] for grant in grants] != [b"h%d" % number for number in range(count)]:
        raise Failed("an answer came to the wrong connection")
    releases = [encode("RELEASE", grant["lease"], grant["token"]) for grant in grants]
    if any(reply["status"] != b"released" for reply in everywhere(wires, releases)):
        raise Failed("a lease was not released")
    released = time.perf_counter()
    memory = daemon.memory()
    for wire in wires:
        wire.close()
    if info["connected_clients"] < count:
        raise Failed(f"only {info['connected_clients']} connections are open")
    return {"connected": info["connected_clients"],
            "connectRetries": sum(wire.retries for wire in wires),
            "openMs": (opened - began) * 1000, "acquireAllMs": (granted - opened) * 1000,
            "releaseAllMs": (released - granted) * 1000,
            "RssAnonMiB": round(memory["RssAnon"] / 1024, 1)}


def run(options):
    if options.count < 1:
        raise Failed("nothing is measured without a connection")
    allow_descriptors(options.count + 64)
    rows = []
    with fresh(options) as daemon:
        wire = daemon.connect()
        wire.call("POOL", "SET", "p")
        wire.call("RESOURCE", "SET", "r", "POOL", "p", "KIND", "slot", "CAPACITY", options.count)
        for _ in range(options.runs):
            rows.append(once(daemon, options.count))
            limit = time.monotonic() + 30
            while wire.info()["connected_clients"] > 1:
                if time.monotonic() > limit:
                    raise Failed("closed connections stay open")
                time.sleep(0.01)
    result = {name: median([row[name] for row in rows]) for name in rows[0]}
    show("connections at once", [{"count": options.count, "runs": len(rows)} | result],
         options.json)
