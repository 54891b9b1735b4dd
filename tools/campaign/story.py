# Histories that the tests of the judgement are made of.

import itertools
import unittest

from book import Book
from history import Record
from oracle import judge
from world import World

EPOCH = 1 << 48
MS = 1_000_000


class Story:
    """Records made by hand; time goes on by one millisecond with each step."""

    def __init__(self):
        self.records, self.time, self.serial = [], 1_000 * MS, itertools.count(1)

    def tell(self, op, ask, outcome="ok", code=None, reply=None, pause=0, client="c0"):
        self.time += (1 + pause) * MS
        record = Record(client, next(self.serial), op, ask, self.time)
        self.time += MS
        record.back, record.outcome, record.code, record.reply = self.time, outcome, code, reply
        self.records.append(record)
        return record

    def grant(self, position, holder, amounts=None, op="ACQUIRE", token=None, replayed=0,
              request=None, body="b", ttl=10_000, lease=None, kinds=None):
        amounts = amounts or {"seats": 1}
        summed = {}
        for name, amount in amounts.items():
            kind = World.kind_of[name]
            summed[kind] = summed.get(kind, 0) + amount
        ask = {"holder": holder, "tenant": "c", "kinds": kinds or summed, "request": request,
               "body": body, "ttl": ttl}
        if op == "RESERVE":
            ask["hold"] = ttl
        lease = lease or EPOCH | position
        self.tell(op, ask, reply={
            "lease": lease, "token": token or lease, "position": position, "ttl": ttl,
            "amounts": amounts, "kinds": summed, "replayed": replayed, "status": "granted"})
        return lease

    def change(self, op, lease, position, status="renewed", outcome="ok", code=None, parts=None,
               rest=None, pause=0, ttl=10_000, stale=False):
        ask = {"lease": lease, "token": lease, "parts": parts, "ttl": ttl, "longest": ttl}
        if stale:
            ask["stale"] = True
        reply = {"position": position, "status": status, "ttl": ttl, "amounts": rest or {}}
        if op == "COMMIT":
            reply["token"] = lease
            reply["amounts"] = rest or parts or {"seats": 1}
        self.tell(op, ask, outcome, code, reply if outcome == "ok" else None, pause)

    def observe(self, lease, holder, amounts=None, state="held"):
        self.tell("OBSERVE", {"lease": lease, "token": lease, "holder": holder, "tenant": "c",
                              "state": state, "amounts": amounts or {"seats": 1}},
                  client="observer")

    def rules(self):
        book = Book()
        for record in self.records:
            book.begin(record)
        for record in sorted(self.records, key=lambda record: record.back):
            book.fold(record)
        judge(self.records, book, World)
        return {rule for rule, _, _ in book.faults}


class JudgeCase(unittest.TestCase):
    """A test that tells one story and hears the verdict."""

    def setUp(self):
        self.story = Story()

    def breaks(self, rule):
        self.assertIn(rule, self.story.rules())

    def passes(self):
        self.assertEqual(self.story.rules(), set())
