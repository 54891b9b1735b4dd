#!/usr/bin/env python3
# The kill campaign: a real daemon under a mixed load is killed at random moments, again and again.
#
# Eight clients contend for small pools with every verb of allocation through the stock Redis
# client. After every restart and at the end everything that was acknowledged must be there, nothing
# may be granted twice or beyond capacity, and the order of the log must be that of real time. The
# model and the judgement are the campaign's own and share nothing with the daemon. A run without
# kills, or in which a verb was never acknowledged, is a failure. Exit status: 0 clean, 1 a
# violation (evidence is kept), 2 cannot run.
#
#   tools/campaign/kill.py --kills 200 --seed 7 --tenure .build/release/tenure

import argparse
import json
import shutil
import signal
import sys
import time

from daemon import Exited, workplace
from rounds import Campaign, options, report, verdict
from wire import Lost, Refused


class Kills(Campaign):
    """Rounds that end with the process."""

    WAYS = ("under load", "at an answer", "stopped", "in recovery")

    def __init__(self, arguments, home):
        super().__init__(arguments, home)
        self.stops = 0

    def strike(self):
        self.daemon.signal(signal.SIGKILL)

    def ended(self):
        self.daemon.process.wait()

    def begin_rounds(self):
        super().begin_rounds()
        if self.daemon.second_writer() == 0:
            self.book.fault("writer", "a second daemon served the same directory")

    def load(self):
        """One spell of load that ends in a kill."""
        self.resume()
        self.daemon.sleep(self.random.uniform(0.001, 0.5))
        if self.random.random() < 0.12:
            self.gap(down=True)
            self.daemon.signal(signal.SIGSTOP)
            self.stops += 1
            time.sleep(self.random.uniform(0.02, 1.2))
            if self.random.random() < 0.5:
                self.end("stopped")
                return self.wait_parked()
            self.daemon.signal(signal.SIGCONT)
            self.gap(down=False)
            self.daemon.sleep(self.random.uniform(0.01, 0.2))
        if self.random.random() < 0.5:
            self.end_at_answer("at an answer", otherwise="under load")
        else:
            self.end("under load")
        self.wait_parked()

    def bring_up(self):
        """Starts the daemon, sometimes killing it once more while it recovers."""
        while True:
            self.daemon.start()
            if self.random.random() < 0.2:
                self.daemon.sleep(self.random.uniform(0, 0.06))
                self.end("in recovery")
                continue
            self.starts.append(self.daemon.wait_ready())
            self.gap(down=False)
            return


def main():
    parser = argparse.ArgumentParser(description="Kills a real daemon and checks what it kept.")
    parser.add_argument("--kills", type=int, default=200)
    arguments = options(parser)
    home, kind = workplace(arguments.dir)
    print(f"kill campaign: {arguments.kills} kills, seed {arguments.seed}, data in {home} ({kind})",
          flush=True)
    campaign = Kills(arguments, home)
    began = time.monotonic()
    try:
        campaign.run(arguments.kills)
    except (Exited, Lost, Refused, ValueError, KeyError) as error:
        campaign.broken.append(repr(error))
    finally:
        campaign.stop_all()
    facts = report(campaign, {"kills": campaign.ends, "stops": campaign.stops,
                              "seconds": round(time.monotonic() - began, 1)})
    failures = verdict(campaign, "kill")
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(dict(facts, failures=failures, seed=arguments.seed), file, indent=2)
    for line in failures[:20]:
        print(f"VIOLATION {line}")
    if failures:
        print(f"{len(failures)} violations; evidence in {home}; seed {arguments.seed}")
        return 1
    print("kill campaign: no violation")
    if not arguments.keep:
        shutil.rmtree(home)
    return 0


if __name__ == "__main__":
    sys.exit(main())
