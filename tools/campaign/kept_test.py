#!/usr/bin/env python3
# What must be on an image, and its comparison: each forged image breaks one promise.

import unittest

from history import Record
from kept import MS, compare, expect

HOUR = 3_600_000


class Image:
    """What a daemon would show, made by hand."""

    def __init__(self, position, leases, limits=None, answers=None, ended=None):
        self.position, self.leases = position, leases
        self.limits, self.answers, self.ended = limits or {}, answers or {}, ended or {}
        held = sum(sum(lease["amounts"].values()) for lease in leases)
        self.held = {"c0": (held, 8)}


def lease(number, token, holder, amount, until=9 * HOUR * MS):
    return {"lease": number, "token": token, "state": "held", "holder": holder,
            "amounts": {"c0": amount}, "until": until}


class KeptTest(unittest.TestCase):
    """One client: a grant answered at length 10, growth at 20, a quota at 30, its end at 40."""

    def setUp(self):
        self.records = []
        self.told("ACQUIRE", {"holder": "w0-1", "request": "r1", "amount": 1, "ttl": 6 * HOUR},
                  10, {"lease": 7, "token": 7, "amounts": {"c0": 1}})
        self.told("RENEW", {"lease": 7, "ttl": 9 * HOUR}, 15, {"lease": 7})
        self.told("GROW", {"lease": 7, "more": 2}, 20,
                  {"lease": 7, "token": 9, "amounts": {"c0": 3}})
        self.told("QUOTA SET", {"tenant": "s", "limit": 5}, 30, {})
        self.told("RELEASE", {"lease": 7}, 40, {"lease": 7})

    def told(self, op, fields, length, reply):
        """A record whose command was sent when the log was 4 bytes shorter."""
        record = Record("w0", len(self.records), op, {**fields, "from": length - 4}, 0)
        record.outcome, record.reply = "ok", {"position": length // 10, "to": length, **reply}
        self.records.append(record)

    def faults(self, length, image):
        return compare(expect([self.records], length), image)

    def passes(self, length, image):
        self.assertEqual(self.faults(length, image), [])

    def breaks(self, words, length, image):
        faults = self.faults(length, image)
        self.assertTrue(any(words in fault for fault in faults), faults)

    grown = lease(7, 9, "w0-1", 3)

    def test_what_was_told_at_each_length_passes(self):
        self.passes(5, Image(0, []))
        self.passes(10, Image(1, [lease(7, 7, "w0-1", 1)], answers={"r1": 7}))
        self.passes(20, Image(2, [self.grown]))
        self.passes(30, Image(3, [self.grown], {"s": 5}))
        self.passes(40, Image(4, [], {"s": 5}, ended={7: "ended"}))

    def test_what_was_on_the_way_may_be_there_or_not(self):
        for granted in ([], [lease(7, 7, "w0-1", 1)]):
            self.passes(6, Image(0, granted))
        for amount, token in ((1, 7), (3, 9), (3, 11)):
            self.passes(17, Image(1, [lease(7, token, "w0-1", amount)]))
        self.passes(26, Image(2, [self.grown], {"s": 5}))
        for left in ([self.grown], []):
            self.passes(36, Image(3, left, {"s": 5}))

    def test_what_was_sent_later_is_not_there(self):
        self.breaks("nobody asked", 5, Image(0, [lease(7, 7, "w0-1", 1)]))
        self.breaks("should be one of", 12, Image(1, [self.grown]))

    def test_a_log_that_is_too_short(self):
        self.breaks("the log ends at 1", 20, Image(1, [self.grown]))

    def test_a_lease_that_is_gone(self):
        self.breaks("is gone", 20, Image(2, []))

    def test_growth_that_is_gone_or_has_another_token(self):
        self.breaks("should be one of", 20, Image(2, [lease(7, 7, "w0-1", 1)]))
        self.breaks("should be one of", 20, Image(2, [lease(7, 8, "w0-1", 3)]))

    def test_a_renewal_that_is_gone(self):
        self.breaks("was renewed", 20, Image(2, [lease(7, 9, "w0-1", 3, 6 * HOUR * MS)]))

    def test_a_release_that_is_gone(self):
        self.breaks("should be one of", 40, Image(4, [self.grown], {"s": 5}))
        self.breaks("was released", 40, Image(4, [], {"s": 5}, ended={7: "held"}))

    def test_a_quota_that_is_gone(self):
        self.breaks("the quota", 30, Image(3, [self.grown]))
        self.breaks("the quota", 30, Image(3, [self.grown], {"s": 6}))

    def test_a_stored_answer_that_is_gone_or_another(self):
        for answer in ("NOTFOUND", 8):
            self.breaks("stored answer", 20, Image(2, [self.grown], answers={"r1": answer}))

    def test_one_request_that_was_granted_twice(self):
        self.breaks("granted twice", 20, Image(2, [self.grown, lease(8, 12, "w0-1", 1)]))

    def test_sums_that_are_not_those_of_the_leases(self):
        image = Image(2, [self.grown])
        image.held["c0"] = (2, 8)
        self.breaks("c0 holds 2", 20, image)
        image.held["c0"] = (3, 2)
        self.breaks("c0 holds 3 of 2", 20, image)

    def test_a_client_whose_last_command_was_never_answered(self):
        self.records[-1].outcome = "unknown"
        for left in ([self.grown], []):
            self.passes(float("inf"), Image(3, left, {"s": 5}))
        self.breaks("should be one of", float("inf"),
                    Image(3, [lease(7, 7, "w0-1", 1)], {"s": 5}))

    def test_a_refusal_changes_nothing(self):
        self.records[-1].outcome = "err"
        self.passes(40, Image(3, [self.grown], {"s": 5}))


if __name__ == "__main__":
    unittest.main()
