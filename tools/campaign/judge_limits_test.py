#!/usr/bin/env python3
# The judgement of budgets, limits, breakers, preemption, plans and revocation, as judge_test.py.

import unittest

from book import Book
from story import EPOCH, MS, JudgeCase
from world import BUDGET_FIRST, OPEN_MS


class LimitTest(JudgeCase):
    def grant(self, position, amounts, tenant="c", **asked):
        lease = self.story.grant(position, f"h{position}", amounts,
                                 ttl=asked.pop("ttl", 10_000))
        self.story.records[-1].ask.update(tenant=tenant, **asked)
        return lease

    # --- budgets -------------------------------------------------------------------------------

    def budget(self, spent, held, explained=None, limit=BUDGET_FIRST):
        self.story.tell("OBSERVE BUDGET", {
            "spent": spent, "held": held, "limit": limit,
            "explained": held if explained is None else explained}, client="observer")

    def spend(self):
        """One chip for about a second, released."""
        lease = self.grant(10, {"chips": 1}, "p", life=3_000)
        self.story.change("RELEASE", lease, 11, "released", pause=1_000)

    def test_a_budget_that_is_spent_as_the_leases_used_it(self):
        self.spend()
        self.grant(12, {"chips": 2}, "p", life=3_000)
        self.budget(1_003, 6_000)
        self.passes()

    def test_a_settlement_that_is_lost(self):
        self.spend()
        self.budget(0, 0)
        self.breaks("budget")

    def test_a_settlement_that_is_made_twice(self):
        self.spend()
        self.budget(2_006, 0)
        self.breaks("budget")

    def test_what_a_lease_may_have_spent_of_which_nobody_heard(self):
        book = Book()
        for tenant, ask in (("p", {"life": 3_000}), ("p", {}), ("c", {"life": 3_000})):
            book.lapse(self.story.tell(
                "ACQUIRE", {"tenant": tenant, "kinds": {"chip": 2}, **ask}, "unknown"))
        self.assertEqual(book.spent_bounds(), (0, 6_004))

    def test_what_is_held_without_a_lease(self):
        self.budget(0, 3_000, explained=0)
        self.breaks("budget")

    def test_more_than_the_budget(self):
        self.budget(0, BUDGET_FIRST + 1)
        self.breaks("budget")

    def test_what_was_spent_is_forgotten(self):
        self.spend()
        self.budget(1_003, 0)
        self.budget(1_002, 0)
        self.breaks("I1")

    def test_a_limit_that_is_not_the_one_that_was_set(self):
        self.story.tell("BUDGET SET", {"tenant": "p", "kind": "budget", "limit": 90_000})
        self.budget(0, 0)
        self.breaks("I1")

    # --- tenants -------------------------------------------------------------------------------

    def test_more_leases_than_a_tenant_may_have(self):
        leases = [self.grant(10 + count, {"seats": 1}, "t/u") for count in range(5)]
        for count, lease in enumerate(leases):
            self.story.change("CHECK", lease, 20 + count, "held")
        self.breaks("leases")

    def test_more_grants_than_a_tenant_may_have_in_a_time(self):
        for count in range(12):
            lease = self.grant(10 + 2 * count, {"seats": 1}, "t")
            self.story.change("RELEASE", lease, 11 + 2 * count, "released")
        self.breaks("rate")

    def test_as_many_grants_as_the_rate_allows(self):
        for count in range(30):
            lease = self.grant(10 + 2 * count, {"seats": 1}, "t")
            self.story.change("RELEASE", lease, 11 + 2 * count, "released", pause=25)
        self.passes()

    def test_what_is_guaranteed_to_another(self):
        for position in (10, 12):
            lease = self.grant(position, {"beds": 2}, "a")
            self.story.change("CHECK", lease, position + 10, "held")
        self.breaks("guarantee")

    def test_who_has_a_guarantee_may_have_more(self):
        self.grant(10, {"beds": 3}, "a")
        self.grant(11, {"beds": 3}, "g")
        self.passes()

    # --- preemption ----------------------------------------------------------------------------

    def test_a_low_class_gives_way(self):
        lease = self.grant(10, {"spots": 4}, rank=1)
        self.grant(11, {"spots": 1}, rank=3)
        self.story.change("CHECK", lease, 0, outcome="err", code="EXPIRED")
        self.passes()

    def test_a_high_class_gives_way_to_nobody(self):
        lease = self.grant(10, {"spots": 4}, rank=2)
        self.story.change("CHECK", lease, 0, outcome="err", code="EXPIRED")
        self.breaks("I5")

    def test_who_gave_way_and_who_took_are_there_together(self):
        lease = self.grant(10, {"spots": 4}, rank=0)
        self.grant(11, {"spots": 1}, rank=3)
        self.story.change("CHECK", lease, 12, "held")
        self.story.change("CHECK", EPOCH | 11, 13, "held")
        self.breaks("I2")

    # --- breakers ------------------------------------------------------------------------------

    def report(self, lease, position, opened=("f0",)):
        self.story.tell("REPORT", {"lease": lease, "token": lease}, reply={
            "status": "noted", "opened": list(opened), "position": position})

    def reset(self, position, outcome="ok", code=None):
        self.story.tell("BREAKER RESET", {"name": "f0"}, outcome, code,
                        {"position": position} if outcome == "ok" else None)

    def listed(self, *names):
        self.story.tell("OBSERVE BREAKERS", {"open": list(names)}, client="observer")

    def test_breakers_without_fault_pass(self):
        lease = self.grant(10, {"f0": 1}, ttl=100_000)
        self.report(lease, 11)
        self.listed("f0")
        self.grant(12, {"f1": 1})
        self.reset(13)
        self.listed()
        self.grant(14, {"f0": 1})
        self.report(lease, 15)
        self.story.time += OPEN_MS * MS
        self.grant(16, {"f0": 1})
        self.passes()

    def test_a_grant_on_what_a_breaker_holds_back(self):
        self.report(self.grant(10, {"f0": 1}), 11)
        self.grant(12, {"f0": 1})
        self.breaks("breaker")

    def test_a_breaker_that_is_forgotten(self):
        self.report(self.grant(10, {"f0": 1}), 11)
        self.listed()
        self.breaks("I1")

    def test_a_breaker_that_is_said_to_be_closed(self):
        self.report(self.grant(10, {"f0": 1}), 11)
        self.reset(0, "err", "NOTFOUND")
        self.breaks("breaker")

    def test_a_breaker_of_something_else(self):
        self.report(self.grant(10, {"seats": 1}), 11, opened=["seats"])
        self.breaks("breaker")

    # --- plans, ranges, pools, revocation --------------------------------------------------------

    def test_a_plan_that_is_granted_otherwise(self):
        self.grant(10, {"f0": 1}, version=9, planned={"f1": 1})
        self.breaks("plan")

    def test_a_plan_may_be_out_of_date(self):
        self.story.tell("ACQUIRE", {"holder": "h1", "tenant": "c", "kinds": {}, "request": "r1",
                                    "body": "b", "version": 9}, "err", "CONFLICT")
        self.passes()

    def test_more_than_the_most_of_a_range(self):
        self.grant(10, {"seats": 4}, kinds={"seat": 1}, most={"seat": 3})
        self.breaks("I8")

    def test_a_range_is_granted_within_it(self):
        self.grant(10, {"seats": 2}, kinds={"seat": 1}, most={"seat": 3})
        self.passes()

    def test_a_grant_from_a_pool_that_was_not_asked(self):
        self.grant(10, {"spare-seats": 1}, pool="seats")
        self.breaks("I8")

    def test_a_grant_from_two_pools(self):
        self.grant(10, {"spare-seats": 1, "seats": 1}, pool="seats,spare")
        self.breaks("I8")

    def revoke(self, *items, outcome="ok"):
        self.story.tell("REVOKE ALL", {"tag": "c0"}, outcome, reply={
            "status": "revoked", "position": 20, "changed": len(items), "items": list(items)}
            if outcome == "ok" else None)

    def test_revocation_without_fault_passes(self):
        mine, other = self.grant(10, {"seats": 1}, tag="c0"), self.grant(11, {"seats": 1})
        self.revoke(mine)
        self.story.change("CHECK", mine, 0, outcome="err", code="EXPIRED")
        self.story.change("CHECK", other, 21, "held")
        self.passes()

    def test_a_revoked_lease_that_lives(self):
        lease = self.grant(10, {"seats": 1}, tag="c0")
        self.revoke(lease)
        self.story.change("CHECK", lease, 21, "held")
        self.breaks("I1")

    def test_a_lease_that_revocation_left_out(self):
        self.grant(10, {"seats": 1}, tag="c0")
        self.revoke()
        self.breaks("revoke")

    def test_a_lease_that_was_revoked_without_the_tag(self):
        self.revoke(self.grant(10, {"seats": 1}))
        self.breaks("revoke")


if __name__ == "__main__":
    unittest.main()
