# Clients that share one thread: each has one command on the way and notes how long its answer took.
#
# Times include this thread's own delays, so compare them with those of the same clients at another
# moment. A refusal ends the load: refusals measure nothing.

import select
import socket
import time

from harness import Failed, Parser, Refusal, as_map, encode


class Client:
    """Acquires, perhaps renews, releases; then perhaps again."""

    def __init__(self, path, pool, renews):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.parser = Parser()
        self.acquire = encode("ACQUIRE", pool, "slot=1", "TTL", 60_000)
        self.renews, self.step, self.lease, self.began = renews, None, None, 0.0

    @property
    def is_idle(self):
        return self.step is None

    def begin(self):
        self.step = "acquire"
        self.send(self.acquire)

    def send(self, data):
        self.began = time.perf_counter()
        self.socket.sendall(data)

    def proceed(self, samples):
        """Takes in what came; asks for the next step of the same lease."""
        self.parser.feed(self.socket.recv(1 << 16))
        for reply in self.parser.replies():
            now = time.perf_counter()
            if isinstance(reply, Refusal):
                raise Failed(f"{self.step} was refused: {reply}")
            samples.append((self.step, self.began, now))
            if self.step == "acquire":
                fields = as_map(reply)
                self.lease = (fields["lease"], fields["token"])
            follows = {"acquire": "renew" if self.renews else "release", "renew": "release"}
            self.step = follows.get(self.step)
            if self.step:
                self.send(encode(self.step.upper(), *self.lease))


class Load:
    """A number of clients, run for as long as told."""

    def __init__(self, path, pool, clients, renews=False):
        self.clients = {}
        self.poll = select.epoll()
        for _ in range(clients):
            client = Client(path, pool, renews)
            self.clients[client.socket.fileno()] = client
            self.poll.register(client.socket, select.EPOLLIN)
        self.samples = []

    def run(self, is_over, pairs_per_second=None):
        """Runs until `is_over(now)`, then finishes what is on the way.

        At full speed, or with so many pairs begun in a second.
        """
        began, begun, ending = time.perf_counter(), 0, False
        while True:
            now = time.perf_counter()
            ending = ending or is_over(now)
            idle = [client for client in self.clients.values() if client.is_idle]
            if ending and len(idle) == len(self.clients):
                return
            if not ending:
                owed = len(idle)
                if pairs_per_second:
                    owed = int((now - began) * pairs_per_second) - begun
                for client in idle[:max(0, owed)]:
                    client.begin()
                    begun += 1
            self.wait(now, began, begun, pairs_per_second)

    def wait(self, now, began, begun, pairs_per_second):
        limit = 0.01
        if pairs_per_second:
            limit = min(limit, max(0.0, began + (begun + 1) / pairs_per_second - now))
        for descriptor, _ in self.poll.poll(limit):
            self.clients[descriptor].proceed(self.samples)

    def close(self):
        self.poll.close()
        for client in self.clients.values():
            client.socket.close()
