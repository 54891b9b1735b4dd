# What is idle though somebody waits for it, in replays of the openb trace with waiting: the mean of
# --runs seeds for each strategy.
#
# Each seed draws other nodes and tasks, and one run says little: strategies are compared on the
# same draws. Tasks come so often that they ask for about --load percent of the GPUs.

import json
import os
import statistics
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor

from harness import Failed, show

UNSAID = "/unsaid"


def arguments(parser):
    parser.add_argument("--nodes", required=True, help="list of nodes of the trace")
    parser.add_argument("--pods", required=True, help="list of tasks of the trace")
    parser.add_argument("--sample", type=float, default=0.02, help="part of the nodes")
    parser.add_argument("--load", type=float, default=110, help="what is asked for, in percent")
    parser.add_argument("--wait", default="1d", help="how long a task waits at most")
    parser.add_argument("--seed", type=int, default=1, help="that of the first run")
    parser.add_argument("--jobs", type=int, default=1, help="how many replays at once")
    parser.add_argument("--strategies", nargs="+",
                        default=["first-fit" + UNSAID, "first-fit", "fair-price"],
                        help="NAME, or NAME" + UNSAID + " where no task says how long it runs, so "
                             "that nobody passes one who waits")


def replay(options, seed, copies, strategy, *more):
    if strategy.endswith(UNSAID):
        strategy = strategy.removesuffix(UNSAID)
        more += ("--without-lengths",)
    with tempfile.TemporaryDirectory(prefix="measure-", dir=options.dir) as home:
        done = subprocess.run(
            [options.tenure, "replay", "openb", "--nodes", options.nodes, "--pods", options.pods,
             "--nodes-sample", str(options.sample), "--copies", str(copies), "--seed", str(seed),
             "--strategy", strategy, "--data", os.path.join(home, "ledger"), "--json", *more],
            capture_output=True, text=True)
    if done.returncode:
        raise Failed(done.stderr.strip())
    return json.loads(done.stdout)


def offered(report):
    return float(report["offeredGPUPercent"])


def waste(report):
    return float(report["wasteGPUPercent"])


def in_use(report):
    return next(float(kind["meanPercent"]) for kind in report["use"] if kind["kind"] == "gpu")


def measure(options, seed):
    """The reports of one draw, by strategy."""
    copies = max(1, round(options.load / offered(replay(options, seed, 1, "first-fit"))))
    return {strategy: replay(options, seed, copies, strategy, "--wait", options.wait)
            for strategy in options.strategies}


def row(strategy, reports):
    wasted = [waste(report) for report in reports]
    return {"strategy": strategy, "seeds": len(reports),
            "offered %": round(statistics.mean(map(offered, reports)), 1),
            "in use %": round(statistics.mean(map(in_use, reports)), 1),
            "idle though wanted %": round(statistics.mean(wasted), 2),
            "of one seed": f"{min(wasted)} to {max(wasted)}",
            "errors": sum(report["errors"] for report in reports)}


def run(options):
    seeds = range(options.seed, options.seed + options.runs)
    with ThreadPoolExecutor(options.jobs) as pool:
        draws = list(pool.map(lambda seed: measure(options, seed), seeds))
    show(f"devices idle though somebody waits for one, {options.wait} of waiting",
         [row(strategy, [draw[strategy] for draw in draws]) for strategy in options.strategies],
         options.json)
