#!/usr/bin/env python3
# The judgement of drains, planned and at once, as judge_test.py.

import unittest

from story import EPOCH, MS, JudgeCase

AT, LENGTH, BY = 100, 4_000, 50
THERE, ELSEWHERE = {"y0-slots": 1}, {"seats": 1}


class DrainTest(JudgeCase):
    def plan(self, position=20, outcome="ok", by=BY, at=AT):
        self.story.tell("WINDOW PLAN", {
            "node": "y0", "at": at, "length": LENGTH, "by": by, "reason": f"w{position}"}, outcome,
            reply={"status": "planned", "window": EPOCH | position, "position": position,
                   "changed": 1} if outcome == "ok" else None)
        return EPOCH | position

    def cancel(self, window, position=30, outcome="ok", code=None):
        self.story.tell("WINDOW CANCEL", {"window": window}, outcome, code, {
            "status": "cancelled", "window": window, "position": position}
            if outcome == "ok" else None)

    def grant(self, position, amounts=None, life=None, ttl=9_000):
        lease = self.story.grant(position, f"h{position}", amounts or THERE, ttl=ttl)
        self.story.records[-1].ask["life"] = life
        return lease

    def listed(self, *windows):
        self.story.tell("OBSERVE WINDOWS", {"windows": [
            {"window": window, "reason": f"w{window & 0xff}"} for window in windows]},
            client="observer")

    def node(self, verb, position, outcome="ok", by=None, resources=1):
        state = {"UNCORDON": "active", "CORDON": "cordoned", "DRAIN": "draining"}[verb]
        self.story.tell(f"NODE {verb}", {"node": "y1", "state": state, "by": by}, outcome,
                        reply={"status": "ok", "changed": resources, "position": position}
                        if outcome == "ok" else None)

    def shown(self, state):
        self.story.tell("OBSERVE NODE", {"node": "y1", "state": state}, client="observer")

    # --- planned -------------------------------------------------------------------------------

    def test_planned_drains_without_fault_pass(self):
        before = self.grant(10)
        window = self.plan()
        self.listed(window)
        self.grant(21, life=40)            # gone before it begins
        self.grant(22, ELSEWHERE)
        self.story.change("CHECK", before, 0, outcome="err", code="EXPIRED", pause=AT + BY)
        self.cancel(window)
        self.grant(31)
        self.listed()
        self.passes()

    def test_a_grant_that_may_live_into_a_drain(self):
        self.plan()
        self.grant(21)
        self.breaks("K2")

    def test_a_grant_whose_longest_life_ends_in_a_drain(self):
        self.plan()
        self.grant(21, life=AT + 20)
        self.breaks("K2")

    def test_a_grant_while_it_drains(self):
        self.plan()
        self.story.time += 200 * MS
        self.grant(21, life=10)
        self.breaks("K2")

    def test_growth_whose_life_ends_before_a_drain(self):
        lease = self.grant(10, life=90)
        self.plan()
        self.grow(lease)
        self.passes()

    def test_growth_into_a_drain(self):
        lease = self.grant(10)
        self.plan()
        self.grow(lease)
        self.breaks("K2")

    def grow(self, lease):
        self.story.tell("GROW", {"lease": lease, "token": lease, "kinds": {"slot": 1},
                                 "request": "g"}, reply={
            "status": "grown", "lease": lease, "token": EPOCH | 25, "position": 25, "ttl": 500,
            "replayed": 0, "amounts": {"y0-slots": 2}, "kinds": {}})

    def test_a_lease_that_outlives_the_end_of_a_drain(self):
        lease = self.grant(10)
        self.plan()
        self.story.change("RENEW", lease, 21, pause=AT + BY + 1_600)
        self.breaks("I5")

    def test_a_lease_that_ends_before_the_drain_may_have_begun(self):
        lease = self.grant(10)
        self.plan()
        self.story.change("CHECK", lease, 0, outcome="err", code="EXPIRED", pause=AT - 20)
        self.breaks("I5")

    def test_a_drain_without_an_end_takes_nothing_back(self):
        lease = self.grant(10)
        self.plan(by=None)
        self.story.change("CHECK", lease, 0, outcome="err", code="EXPIRED", pause=AT + 500)
        self.breaks("I5")

    def test_a_planned_drain_that_is_gone_after_a_restart(self):
        self.plan()
        self.listed()
        self.breaks("I1")

    def test_a_planned_drain_that_is_gone_when_it_is_cancelled(self):
        self.cancel(self.plan(), outcome="err", code="NOTFOUND")
        self.breaks("I1")

    def test_a_cancelled_drain_that_is_listed(self):
        window = self.plan()
        self.cancel(window)
        self.listed(window)
        self.breaks("I1")

    def test_a_drain_that_nobody_planned(self):
        self.listed(EPOCH | 9)
        self.breaks("I9")

    def test_two_drains_of_one_node_at_one_time(self):
        self.plan(20)
        self.plan(21)
        self.breaks("window")

    def test_a_plan_of_unknown_outcome_that_is_listed_binds(self):
        self.plan(20, "unknown", at=500)
        self.listed(EPOCH | 20)
        self.grant(21)
        self.breaks("K2")

    # --- at once -------------------------------------------------------------------------------

    def test_cordons_without_fault_pass(self):
        lease = self.grant(10, {"y1-slots": 1})
        self.node("CORDON", 12)
        self.shown("cordoned")
        self.grant(13)
        self.node("DRAIN", 14, by=30)
        self.story.change("CHECK", lease, 0, outcome="err", code="EXPIRED", pause=40)
        self.node("UNCORDON", 15)
        self.grant(16, {"y1-slots": 1})
        self.node("CORDON", 0, "unknown")
        self.shown("active")
        self.passes()

    def test_a_grant_on_a_node_that_is_cordoned(self):
        self.node("CORDON", 12)
        self.grant(13, {"y1-slots": 1})
        self.node("DRAIN", 14)
        self.breaks("drain")

    def test_a_cordon_that_is_forgotten(self):
        self.node("CORDON", 12)
        self.shown("active")
        self.breaks("I1")

    def test_a_lease_lives_on_when_a_drain_is_called_off(self):
        lease = self.grant(10, {"y1-slots": 1})
        self.node("DRAIN", 12, by=30)
        self.story.change("RENEW", lease, 13, ttl=20)
        self.story.records[-1].ask["ttl"] = 9_000  # told is what the drain leaves
        self.node("UNCORDON", 14)
        self.story.change("CHECK", lease, 15, "held", pause=60)
        self.passes()

    def test_a_lease_that_ends_before_the_end_of_a_drain(self):
        lease = self.grant(10, {"y1-slots": 1})
        self.node("DRAIN", 14, by=500)
        self.story.change("CHECK", lease, 0, outcome="err", code="EXPIRED", pause=40)
        self.breaks("I5")


if __name__ == "__main__":
    unittest.main()
