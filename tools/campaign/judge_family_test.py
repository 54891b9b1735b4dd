#!/usr/bin/env python3
# The judgement of growth, hand-over and sub-leases, as judge_test.py.

import unittest

from story import EPOCH, JudgeCase


class FamilyTest(JudgeCase):
    # --- growth --------------------------------------------------------------------------------

    def grow(self, lease, position, amounts, outcome="ok", code=None, replayed=0, again=False,
             token=None, by=1, asked=None):
        ask = {"lease": lease, "token": asked or lease, "kinds": {"seat": by}, "request": "g1"}
        if again:
            ask["again"] = True
        self.story.tell("GROW", ask, outcome, code, {
            "status": "grown", "lease": lease, "token": token or EPOCH | position,
            "position": position, "ttl": 9_000, "replayed": replayed, "amounts": amounts,
            "kinds": {"seat": 1}} if outcome == "ok" else None)

    def check(self, lease, position, token=None, code=None, stale=False):
        ask = {"lease": lease, "token": token or lease}
        if stale:
            ask["stale"] = True
        self.story.tell("CHECK", ask, "err" if code else "ok", code,
                        None if code else {"status": "held", "position": position, "ttl": 9_000})

    def show(self, lease, amounts, token=None, holder="h1"):
        self.story.tell("OBSERVE", {
            "lease": lease, "token": token or lease, "holder": holder, "tenant": "c",
            "state": "held", "amounts": amounts}, client="observer")

    def test_growth_without_fault_passes(self):
        lease = self.story.grant(10, "h1", {"seats": 2})
        self.grow(lease, 12, {"seats": 3})
        self.grow(lease, 12, {"seats": 3}, replayed=1, again=True)
        self.check(lease, 0, code="FENCED", stale=True)
        self.check(lease, 13, token=EPOCH | 12)
        self.show(lease, {"seats": 3}, token=EPOCH | 12)
        self.passes()

    def test_a_growth_that_is_not_there_after_a_restart(self):
        lease = self.story.grant(10, "h1", {"seats": 2})
        self.grow(lease, 12, {"seats": 3})
        self.show(lease, {"seats": 2}, token=EPOCH | 12)
        self.breaks("I1")

    def test_a_growth_with_the_old_token(self):
        lease = self.story.grant(10, "h1")
        self.grow(lease, 12, {"seats": 2}, token=lease)
        self.breaks("I4")

    def test_the_token_from_before_a_growth(self):
        lease = self.story.grant(10, "h1")
        self.grow(lease, 12, {"seats": 2})
        self.check(lease, 13, stale=True)
        self.breaks("fencing")

    def test_a_growth_by_another_amount(self):
        lease = self.story.grant(10, "h1")
        self.grow(lease, 12, {"seats": 3})
        self.breaks("I8")

    def test_a_growth_that_is_made_twice(self):
        lease = self.story.grant(10, "h1")
        self.grow(lease, 12, {"seats": 2})
        self.grow(lease, 13, {"seats": 3}, again=True)
        self.breaks("I7")

    def test_a_growth_that_is_forgotten(self):
        lease = self.story.grant(10, "h1")
        self.grow(lease, 12, {"seats": 2})
        self.grow(lease, 0, {}, "err", "FENCED", again=True)
        self.breaks("I7")

    def test_a_growth_beyond_the_capacity(self):
        self.story.grant(10, "h1", {"seats": 5})
        lease = self.story.grant(11, "h2", {"seats": 2})
        self.grow(lease, 12, {"seats": 3})
        self.check(EPOCH | 10, 13)
        self.breaks("I2")

    def test_a_growth_of_unknown_outcome_is_there_or_not(self):
        for holder, position, grew in (("h1", 10, True), ("h2", 20, False)):
            lease = self.story.grant(position, holder)
            self.grow(lease, 0, {}, "unknown")
            token = EPOCH | position + 2
            self.show(lease, {"seats": 2 if grew else 1}, token if grew else lease, holder)
            self.grow(lease, position + 2, {"seats": 2}, replayed=int(grew), again=True)
            self.check(lease, position + 3, token)
        self.passes()

    def test_half_a_growth_of_unknown_outcome(self):
        lease = self.story.grant(10, "h1")
        self.grow(lease, 0, {}, "unknown", by=3)
        self.show(lease, {"seats": 2}, token=EPOCH | 12)
        self.breaks("I8")

    def test_what_grew_without_a_new_token(self):
        lease = self.story.grant(10, "h1")
        self.grow(lease, 0, {}, "unknown")
        self.show(lease, {"seats": 2})
        self.breaks("I1")

    # --- hand-over -----------------------------------------------------------------------------

    def pass_on(self, lease, position, outcome="ok", token=None, holder="h9", replayed=0,
                again=False, code=None):
        ask = {"lease": lease, "token": lease, "holder": holder, "ttl": 5_000, "request": "m"}
        if again:
            ask["again"] = True
        self.story.tell("HANDOVER", ask, outcome, code, {
            "status": "handed over", "lease": lease, "token": token or EPOCH | position,
            "position": position, "ttl": 5_000, "replayed": replayed, "amounts": {"seats": 1}}
            if outcome == "ok" else None)

    def test_hand_over_without_fault_passes(self):
        lease = self.story.grant(10, "h1")
        self.pass_on(lease, 12)
        self.check(lease, 0, code="FENCED", stale=True)
        self.check(lease, 13, token=EPOCH | 12)
        other = self.story.grant(20, "h2")
        self.pass_on(other, 0, "unknown", holder="h8")
        self.show(other, {"seats": 1}, token=EPOCH | 22, holder="h8")
        self.passes()

    def test_a_hand_over_is_told_again(self):
        lease = self.story.grant(10, "h1")
        self.pass_on(lease, 0, "unknown")
        self.show(lease, {"seats": 1}, token=EPOCH | 12, holder="h9")
        self.pass_on(lease, 12, replayed=1, again=True)
        self.passes()

    def test_a_hand_over_that_is_made_twice(self):
        lease = self.story.grant(10, "h1")
        self.pass_on(lease, 12)
        self.pass_on(lease, 13, again=True)
        self.breaks("I7")

    def test_a_hand_over_that_is_forgotten(self):
        lease = self.story.grant(10, "h1")
        self.pass_on(lease, 12)
        self.pass_on(lease, 0, "err", code="FENCED", again=True)
        self.breaks("I7")

    def test_the_old_holder_is_let_in(self):
        lease = self.story.grant(10, "h1")
        self.pass_on(lease, 12)
        self.check(lease, 13, stale=True)
        self.breaks("fencing")

    def test_a_hand_over_that_keeps_the_token(self):
        lease = self.story.grant(10, "h1")
        self.pass_on(lease, 12, token=lease)
        self.breaks("I4")

    def test_a_new_holder_with_the_old_token(self):
        lease = self.story.grant(10, "h1")
        self.pass_on(lease, 12, "unknown")
        self.show(lease, {"seats": 1}, holder="h9")
        self.breaks("fencing")

    def test_a_lease_that_ends_when_it_is_handed_over(self):
        lease = self.story.grant(10, "h1")
        self.pass_on(lease, 12)
        self.check(lease, 0, token=EPOCH | 12, code="EXPIRED")
        self.breaks("I5")

    def test_who_took_a_lease_over_holds_another(self):
        lease = self.story.grant(10, "h1")
        self.pass_on(lease, 12)
        self.story.observe(EPOCH | 14, "h9")
        self.breaks("I7")

    # --- sub-leases ----------------------------------------------------------------------------

    def carve(self, parent, position, amount=1, got=None, ttl=8_000, holder="kid",
              outcome="ok"):
        lease = EPOCH | position
        self.story.tell("SUBLEASE", {
            "lease": parent, "token": parent, "parts": {"seats": amount}, "tenant": "c",
            "holder": holder, "ttl": ttl, "kinds": {"seat": amount}}, outcome, reply={
            "status": "granted", "lease": lease, "token": lease, "position": position, "ttl": ttl,
            "replayed": 0, "amounts": {"seats": got or amount}} if outcome == "ok" else None)
        return lease

    def test_sub_leases_without_fault_pass(self):
        parent = self.story.grant(10, "h1", {"seats": 5})
        child = self.carve(parent, 11, 2)
        other = self.carve(parent, 12, 1, holder="kid2")
        self.story.change("RELEASE", parent, 13, "partly released", parts={"seats": 1},
                          rest={"seats": 1})
        self.story.change("RELEASE", child, 14, "released")
        self.grow(parent, 15, {"seats": 4})
        self.show(parent, {"seats": 5}, token=EPOCH | 15)
        self.story.tell("RELEASE", {"lease": parent, "token": EPOCH | 15, "parts": None},
                        reply={"status": "released", "position": 16, "amounts": {}})
        self.story.change("CHECK", other, 0, outcome="err", code="EXPIRED")
        self.passes()

    def test_a_sub_lease_of_more_than_was_asked_for(self):
        self.carve(self.story.grant(10, "h1", {"seats": 5}), 11, 1, got=2)
        self.breaks("I8")

    def test_a_sub_lease_that_outlives_its_parent(self):
        parent = self.story.grant(10, "h1", {"seats": 5})
        child = self.carve(parent, 11)
        self.story.change("RELEASE", parent, 12, "released")
        self.story.change("RENEW", child, 13)
        self.breaks("I1")

    def test_a_sub_lease_that_is_renewed_after_the_deadline_of_its_parent(self):
        parent = self.story.grant(10, "h1", {"seats": 5}, ttl=50)
        child = self.carve(parent, 11, ttl=9_000)
        self.story.change("RENEW", child, 13, pause=100)
        self.breaks("I5")

    def test_a_sub_lease_lives_on_when_its_parent_is_renewed(self):
        parent = self.story.grant(10, "h1", {"seats": 5}, ttl=50)
        child = self.carve(parent, 11, ttl=9_000)
        self.story.records[-1].reply["ttl"] = 40  # the sooner of the two deadlines
        self.story.change("RENEW", parent, 12)
        self.story.change("CHECK", child, 13, "held", pause=100)
        self.passes()

    def test_a_sub_lease_that_ends_before_its_parent_and_its_deadline(self):
        child = self.carve(self.story.grant(10, "h1", {"seats": 5}), 11)
        self.story.change("CHECK", child, 0, outcome="err", code="EXPIRED")
        self.breaks("I5")

    def test_sub_leases_of_more_than_the_parent_has(self):
        parent = self.story.grant(10, "h1", {"seats": 3})
        for count in (0, 1):
            child = self.carve(parent, 11 + count, 2, holder=f"kid{count}")
            self.story.change("RENEW", child, 20 + count)
        self.breaks("parent")

    def test_what_is_carved_out_can_not_be_released(self):
        parent = self.story.grant(10, "h1", {"seats": 3})
        self.carve(parent, 11, 2)
        self.story.change("RELEASE", parent, 12, "partly released", parts={"seats": 1},
                          rest={"seats": 2})
        self.breaks("I2")

    def test_a_sub_lease_counts_once_against_the_capacity(self):
        parent = self.story.grant(10, "h1", {"seats": 7})
        child = self.carve(parent, 11, 2)
        self.story.change("RENEW", child, 12)
        self.story.change("RENEW", parent, 13)
        self.passes()

    def test_a_sub_lease_of_unknown_outcome_is_the_one_that_is_shown(self):
        parent = self.story.grant(10, "h1", {"seats": 3})
        self.carve(parent, 11, 2, outcome="unknown")
        self.show(EPOCH | 11, {"seats": 1}, holder="kid")
        self.breaks("I8")


if __name__ == "__main__":
    unittest.main()
