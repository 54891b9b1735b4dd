#!/usr/bin/env python3
# The judgement of tickets and waits, as judge_test.py: each forged history breaks one rule.

import unittest

from story import EPOCH, JudgeCase


class WaitingTest(JudgeCase):
    def ask(self, holder="h1", **more):
        return {"holder": holder, "tenant": "c", "kinds": {"seat": 1}, "request": "r1", "body": "b",
                "ttl": 5_000, "queue": 1_000, **more}

    def queue(self, position=10, ticket=None, replayed=0, outcome="ok", **more):
        ticket = ticket or EPOCH | position
        self.story.tell("ACQUIRE", self.ask(**more), outcome, reply={
            "status": "queued", "ticket": ticket, "wait": 1_000, "position": position,
            "replayed": replayed} if outcome == "ok" else None)
        return ticket

    def get(self, ticket, code=None, lease=None, pause=0, position=None):
        reply = {"status": "queued", "ticket": ticket, "wait": 5, "position": position or 11}
        if lease:
            reply = {"status": "granted", "lease": lease, "token": lease, "ttl": 500,
                     "position": position or lease & 0xffff, "replayed": 1,
                     "amounts": {"seats": 1}, "kinds": {"seat": 1}}
        self.story.tell("QUEUE GET", {"ticket": ticket}, "err" if code else "ok", code,
                        None if code else reply, pause)

    def cancel(self, ticket, status="cancelled", outcome="ok", position=12):
        self.story.tell("QUEUE CANCEL", {"ticket": ticket}, outcome,
                        reply={"status": status, "ticket": ticket, "position": position})

    def listed(self, ticket, holder="h1"):
        self.story.tell("OBSERVE TICKET", {"ticket": ticket, "holder": holder, "tenant": "c"},
                        client="observer")

    def test_tickets_without_fault_pass(self):
        first = self.queue()
        self.queue(ticket=first, replayed=1)
        self.get(first)
        self.listed(first)
        self.get(first, lease=EPOCH | 14)
        self.story.observe(EPOCH | 14, "h1")
        self.story.change("RELEASE", EPOCH | 14, 15, "released")
        second = self.queue(20, holder="h2", request="r2")
        self.cancel(second, position=21)
        self.get(second, "TIMEOUT")
        third = self.queue(22, holder="h3", request="r3")
        self.get(third, "TIMEOUT", pause=1_100)
        self.queue(23, holder="h4", request="r4", outcome="unknown")
        self.listed(EPOCH | 23, "h4")
        self.passes()

    def test_a_repetition_may_come_back_before_its_request(self):
        first = self.story.tell("ACQUIRE", self.ask(), reply={
            "status": "queued", "ticket": EPOCH | 10, "wait": 1_000, "position": 10, "replayed": 0})
        again = self.story.tell("ACQUIRE", self.ask(), client="c1", reply={
            "status": "queued", "ticket": EPOCH | 10, "wait": 1_000, "position": 10, "replayed": 1})
        first.back = again.back + 1
        self.passes()
        first.sent = again.back + 1
        self.breaks("I4")

    def test_a_ticket_that_is_gone(self):
        self.get(self.queue(), "NOTFOUND")
        self.breaks("I1")

    def test_a_ticket_that_times_out_before_its_time(self):
        self.get(self.queue(), "TIMEOUT", pause=900)
        self.breaks("queue")

    def test_a_ticket_that_ends_for_another_reason(self):
        self.get(self.queue(), "UNSATISFIABLE")
        self.breaks("queue")

    def test_a_ticket_that_is_granted_twice(self):
        ticket = self.queue()
        self.get(ticket, lease=EPOCH | 14)
        self.get(ticket, lease=EPOCH | 15)
        self.breaks("I7")

    def test_a_ticket_that_is_granted_and_granted_to_its_repeated_request(self):
        self.get(self.queue(), lease=EPOCH | 14)
        self.story.grant(16, "h1", request="r1")
        self.breaks("I7")

    def test_a_request_that_waits_and_is_granted_anew(self):
        self.queue()
        self.story.grant(16, "h1", request="r1")
        self.breaks("I7")

    def test_a_request_that_waits_in_two_places(self):
        self.queue(10)
        self.queue(11)
        self.breaks("I7")

    def test_a_ticket_that_is_given_twice(self):
        self.queue()
        self.queue(ticket=EPOCH | 10, holder="h2", request="r2", position=12)
        self.breaks("I4")

    def test_a_cancelled_ticket_that_is_granted(self):
        ticket = self.queue()
        self.cancel(ticket)
        self.get(ticket, lease=EPOCH | 14)
        self.breaks("queue")

    def test_a_lease_of_a_cancelled_ticket(self):
        self.cancel(self.queue())
        self.story.observe(EPOCH | 14, "h1")
        self.breaks("I1")

    def test_the_id_of_a_cancelled_ticket_is_free_again(self):
        self.cancel(self.queue())
        self.story.grant(14, "h1", request="r1")
        self.story.grant(14, "h1", request="r1", replayed=1)
        self.passes()

    def test_a_lease_from_before_the_cancel_of_its_ticket(self):
        self.cancel(self.queue(), position=16)
        self.story.grant(14, "h1", request="r1", replayed=1)
        self.breaks("queue")

    def test_a_granted_ticket_that_is_cancelled(self):
        ticket = self.queue()
        self.get(ticket, lease=EPOCH | 14)
        self.cancel(ticket, position=15)
        self.breaks("queue")

    def test_a_cancelled_ticket_that_waits_after_a_restart(self):
        ticket = self.queue()
        self.cancel(ticket)
        self.listed(ticket)
        self.breaks("I1")

    def test_a_cancel_of_unknown_outcome_may_not_have_happened(self):
        ticket = self.queue()
        self.cancel(ticket, outcome="unknown")
        self.listed(ticket)
        self.get(ticket, lease=EPOCH | 14)
        self.passes()

    def test_a_ticket_that_nobody_asked_for(self):
        self.listed(EPOCH | 10)
        self.breaks("I9")

    def test_a_grant_before_its_place_in_the_queue(self):
        self.get(self.queue(), lease=EPOCH | 9)
        self.breaks("order")

    def test_a_ticket_that_is_granted_less_than_it_asked_for(self):
        self.get(self.queue(kinds={"seat": 2}), lease=EPOCH | 14)
        self.breaks("I8")

    def test_granted_tickets_count_against_the_capacity(self):
        for count in range(2):
            self.story.grant(30 + count, f"x{count}", {"seats": 3})
        for count in range(2):
            ticket = self.queue(10 + count, holder=f"h{count}", request=f"r{count}")
            self.get(ticket, lease=EPOCH | (40 + count))
            self.story.change("RENEW", EPOCH | (40 + count), 50 + count)
        self.breaks("I2")

    def test_a_wait_that_times_out_before_its_time(self):
        self.story.tell("ACQUIRE", self.ask(wait=50, request=None), "err", "TIMEOUT")
        self.breaks("queue")


if __name__ == "__main__":
    unittest.main()
