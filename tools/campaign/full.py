#!/usr/bin/env python3
# The full disk: a real daemon on a small real file system that somebody else fills.
#
# What must hold: below the low-water mark only what frees is served, above it everything again;
# filled to the last byte the daemon goes on from what it has set aside, waits for room, goes on
# when there is some and else ends with 74; a start on the full disk serves or ends with 74; and
# after all of it everything that was acknowledged is there and the audit is content.
# Needs root for the mount, ext4 on a loop device or else tmpfs. Exit status: 0 clean, 1 a
# violation, 2 cannot run here.
#
#   tools/campaign/full.py --tenure .build/release/tenure

import argparse
import os
import shutil
import subprocess
import sys
import threading
import time

from daemon import Daemon, Exited, workplace
from wire import Lost, Refused, Wire, as_map

MIB = 1 << 20
SIZE = 288 * MIB
LOW_WATER = 96 * MIB
LEASES = 64
CLIENTS = 4
TTL = 3_600_000


class Violation(Exception):
    """Something that was promised does not hold."""


def require(truth, sentence):
    if not truth:
        raise Violation(sentence)
    print(f"  holds: {sentence}")


class SmallDisk:
    """A file system of its own, and the file that fills it."""

    def __init__(self, home):
        self.place, self.image = os.path.join(home, "disk"), os.path.join(home, "image")
        os.mkdir(self.place)
        self.kind = self.mount()
        self.options = ["--allow-unsafe-file-system"] if self.kind == "tmpfs" else []
        os.chmod(self.place, 0o700)
        self.filler = os.path.join(self.place, "filler")

    def mount(self):
        if shutil.which("mkfs.ext4"):
            with open(self.image, "wb") as image:
                image.truncate(SIZE)
            for command in (["mkfs.ext4", "-q", "-m", "0", self.image],
                            ["mount", "-o", "loop", self.image, self.place]):
                if subprocess.run(command, capture_output=True).returncode:
                    break
            else:
                return "ext4"
        command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", self.place]
        made = subprocess.run(command, capture_output=True, text=True)
        if made.returncode:
            os.rmdir(self.place)
            raise OSError(made.stderr.strip())
        return "tmpfs"

    def unmount(self):
        subprocess.run(["umount", self.place], check=False)

    def free(self):
        facts = os.statvfs(self.place)
        return facts.f_bavail * facts.f_frsize

    def fill(self, leaving):
        """Writes until no more than `leaving` bytes are free."""
        with open(self.filler, "ab", buffering=0) as file:
            while (room := self.free() - leaving) > 0:
                try:
                    file.write(bytes(min(room, MIB)))
                except OSError:  # full: what is left is less than a block
                    break
            os.fsync(file.fileno())

    def make_room(self):
        if os.path.exists(self.filler):
            os.unlink(self.filler)


class Client(threading.Thread):
    """Renews one lease after the other, as fast as it is answered, until it may not."""

    def __init__(self, daemon, leases, over):
        super().__init__(daemon=True)
        self.wire, self.leases, self.over = Wire(daemon.socket, timeout=60), leases, over
        self.count, self.longest, self.refusal, self.lost = 0, 0.0, None, False

    def run(self):
        while not self.over.is_set():
            lease, token = self.leases[self.count % len(self.leases)]
            begun = time.monotonic()
            try:
                self.wire.call("RENEW", lease, token, "TTL", TTL)
                self.count += 1
            except Lost:
                self.lost = True
                return
            except Refused as refusal:
                self.refusal = refusal
                return
            finally:
                self.longest = max(self.longest, time.monotonic() - begun)


class Campaign:
    def __init__(self, binary, home, disk):
        self.disk = disk
        self.daemon = Daemon(binary, home, ["--no-detect"] + disk.options)
        self.daemon.data = os.path.join(disk.place, "data")
        self.held, self.released = [], []
        self.number = 0

    def start(self):
        self.daemon.start()
        self.daemon.wait_ready()
        self.wire = Wire(self.daemon.socket, timeout=60)

    def info(self, name):
        return int(self.wire.client.info("ledger")[name])

    def acquire(self):
        self.number += 1
        reply = as_map(self.wire.call("ACQUIRE", "main", "cpu=1", "HOLDER", f"h{self.number}",
                                      "TTL", TTL))
        self.held.append((reply["lease"], reply["token"]))

    def release(self):
        lease, token = self.held.pop()
        self.wire.call("RELEASE", lease, token)
        self.released.append((lease, token))

    def outcome(self, *words):
        try:
            self.wire.call(*words)
        except Refused as refusal:
            return refusal.code
        return "OK"

    def until(self, wanted, limit=5.0):
        """Whether READONLY is `wanted` within some seconds."""
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            if self.info("readOnly") == wanted:
                return True
            time.sleep(0.1)
        return False

    # --- the scenes ----------------------------------------------------------------------------

    def below_the_mark(self):
        print(f"below the mark: {LOW_WATER // MIB} MiB")
        self.disk.fill(leaving=LOW_WATER - 8 * MIB)
        require(self.until(1), "the daemon sees that the disk is nearly full")
        code = self.outcome("ACQUIRE", "main", "cpu=1", "TTL", TTL)
        require(code == "READONLY", "ACQUIRE is refused READONLY")
        require(self.outcome("POOL", "SET", "other") == "READONLY", "POOL SET too")
        code = self.outcome("PLAN", "main", "cpu=1")
        require(code == "OK", "PLAN, which changes nothing, is answered")
        lease, token = self.held[0]
        require(self.outcome("RENEW", lease, token) == "OK", "RENEW is served")
        self.release()
        require(self.info("readOnly") == 1, "RELEASE is served")
        self.disk.make_room()
        require(self.until(0), "the daemon sees that there is room again")
        self.acquire()
        print("  holds: ACQUIRE is granted again, without a restart")

    def load(self, over):
        clients = [Client(self.daemon, self.held[number::CLIENTS], over)
                   for number in range(CLIENTS)]
        for client in clients:
            client.start()
        return clients

    def filled_and_emptied(self):
        print("filled to the last byte, with room again while the writer waits")
        over = threading.Event()
        self.disk.fill(leaving=0)
        reserve = self.info("logReserveBytes")
        clients = self.load(over)
        deadline = time.monotonic() + 240
        last, moved = -1, time.monotonic()
        while time.monotonic() < deadline and time.monotonic() < moved + 2:
            count = sum(client.count for client in clients)
            if count != last:
                last, moved = count, time.monotonic()
            time.sleep(0.1)
            self.daemon.sleep(0)
        require(last > 1_000, f"{last} renewals were served from the reserve of "
                f"{reserve} bytes")
        require(time.monotonic() < deadline, "then the writer waits")
        self.disk.make_room()
        time.sleep(3)
        after = sum(client.count for client in clients)
        require(after > last, "with room again it goes on by itself")
        over.set()
        for client in clients:
            client.join()
        require(not any(client.lost or client.refusal for client in clients),
                "nobody was cut off or refused meanwhile")

    def filled(self):
        print("filled to the last byte, for good")
        for _ in range(8):
            self.release()
        self.disk.fill(leaving=0)
        over = threading.Event()
        clients = self.load(over)
        try:
            status = self.daemon.process.wait(300)
        except subprocess.TimeoutExpired:
            raise Violation("the daemon neither went on nor ended") from None
        over.set()
        for client in clients:
            client.join()
        require(status == 74, f"the daemon ended with {status}, which is 74")
        require("no room" in self.daemon.last_words(), "its last words name the reason")

    def start_on_full_disk(self):
        print("a start on the full disk")
        self.disk.fill(leaving=0)
        self.daemon.start()
        try:
            self.daemon.wait_ready()
        except Exited:
            status = self.daemon.process.returncode
            require(status == 74, f"it ended with {status}, which is 74")
            require("room" in self.daemon.last_words(), "and says that there is no room")
        else:
            self.wire = Wire(self.daemon.socket, timeout=60)
            require(self.until(1), "it serves, and sees that the disk is full")
            self.check()
            self.daemon.kill()

    def check(self):
        for lease, token in self.held:
            if self.outcome("CHECK", lease, token) != "OK":
                raise Violation(f"lease {lease} is not held any more")
        for lease, token in self.released:
            if self.outcome("CHECK", lease, token) == "OK":
                raise Violation(f"lease {lease} is held although it was released")
        print(f"  holds: {len(self.held)} leases are held and {len(self.released)} are gone, "
              "as acknowledged")

    def run(self):
        self.start()
        self.wire.call("POOL", "SET", "main")
        self.wire.call("RESOURCE", "SET", "cpus", "POOL", "main", "KIND", "cpu",
                       "CAPACITY", LEASES * 2)
        for _ in range(LEASES):
            self.acquire()
        self.below_the_mark()
        self.filled_and_emptied()
        self.filled()
        self.start_on_full_disk()
        print("with room again")
        self.disk.make_room()
        self.start()
        self.check()
        self.acquire()
        require(self.daemon.terminate() == 0, "it stops when told")
        audit = self.daemon.audit()
        require(audit.returncode == 0, "the audit is content")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tenure", required=True, help="the binary")
    parser.add_argument("--dir", help="where to work; a real file system")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        print("skipped: a file system of its own needs root")
        return 2
    home, _ = workplace(arguments.dir)
    try:
        disk = SmallDisk(home)
    except OSError as error:
        print(f"skipped: no file system can be mounted here: {error}")
        shutil.rmtree(home)
        return 2
    print(f"{SIZE // MIB} MiB of {disk.kind}")
    campaign = Campaign(arguments.tenure, home, disk)
    try:
        campaign.run()
        print("clean")
        return 0
    except (Violation, Exited, Lost, Refused) as error:
        print(f"VIOLATION: {error}\n{campaign.daemon.last_words()}")
        return 1
    finally:
        if campaign.daemon.process and campaign.daemon.process.poll() is None:
            campaign.daemon.kill()
        disk.unmount()
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
