#!/usr/bin/env python3
# The campaign's judgement is itself judged: each hand-made history breaks one rule, and the book
# and the sweeps must name that rule; the history without a fault must pass.

import unittest

from story import EPOCH, JudgeCase


class JudgeTest(JudgeCase):
    def test_a_history_without_fault_passes(self):
        tale = self.story
        lease = tale.grant(10, "h1", {"seats": 3}, request="r1")
        tale.grant(10, "h1", {"seats": 3}, request="r1", replayed=1)
        tale.change("RENEW", lease, 12)
        tale.change("RELEASE", lease, 13, "partly released", parts={"seats": 1}, rest={"seats": 2})
        tale.change("RENEW", lease, 0, stale=True, outcome="err", code="FENCED")
        tale.change("RELEASE", lease, 14, "released")
        tale.change("RELEASE", lease, 14, "already ended")
        held = tale.grant(15, "h2", op="RESERVE")
        tale.change("COMMIT", held, 16, "granted")
        tale.grant(17, "h3", {"seats": 6})
        tale.tell("ACQUIRE", {"holder": "h4", "tenant": "c", "kinds": {"seat": 1}, "body": "b",
                              "ttl": 9_000}, "unknown")
        tale.tell("GAP", {})
        self.assertEqual(tale.rules(), set())

    def test_a_repeated_request_id_that_is_granted_again(self):
        self.story.grant(10, "h1", request="r1")
        self.story.grant(11, "h1", request="r1")
        self.breaks("I7")

    def test_a_request_id_that_answers_two_bodies(self):
        lease = self.story.grant(10, "h1", request="r1")
        self.story.grant(10, "h2", request="r1", body="other", replayed=1, lease=lease)
        self.breaks("I7")

    def test_a_conflict_without_a_second_body(self):
        self.story.tell("ACQUIRE", {"holder": "h1", "tenant": "c", "request": "r1", "body": "b",
                                    "kinds": {}}, "err", "CONFLICT")
        self.breaks("I7")

    def test_a_stored_answer_that_is_forgotten(self):
        self.story.grant(10, "h1", request="r1")
        self.story.tell("ACQUIRE", {"holder": "h1", "tenant": "c", "request": "r1", "body": "b",
                                    "kinds": {}}, "err", "EXHAUSTED")
        self.breaks("I7")

    def test_more_than_the_capacity(self):
        self.story.grant(10, "h1", {"seats": 4})
        self.story.grant(11, "h2", {"seats": 4})
        self.breaks("I2")

    def test_more_than_the_capacity_between_two_renewals_in_the_log_only(self):
        # In real time the first lease may have been released when the second was granted.
        first = self.story.grant(10, "h1", {"seats": 4}, ttl=1)
        self.story.grant(12, "h2", {"seats": 4}, ttl=1)
        self.story.records[-1].sent = self.story.records[0].sent
        self.story.change("RENEW", first, 13)
        self.breaks("I2")

    def test_more_than_a_quota(self):
        for position in (10, 11):
            self.story.grant(position, f"h{position}", {"seats": 3})
            self.story.records[-1].ask["tenant"] = "a/y"
        self.breaks("I3")

    def test_a_token_that_was_given_before(self):
        self.story.grant(10, "h1", token=EPOCH | 10)
        self.story.grant(11, "h2", token=EPOCH | 10)
        self.breaks("I4")

    def test_a_position_below_one_acknowledged_before(self):
        self.story.grant(20, "h1")
        self.story.grant(19, "h2")
        self.breaks("order")

    def test_two_changes_in_one_place(self):
        self.story.grant(10, "h1")
        self.story.grant(10, "h2", lease=EPOCH | 10 | 1 << 20)
        self.breaks("order")

    def test_a_released_lease_that_comes_back(self):
        lease = self.story.grant(10, "h1")
        self.story.change("RELEASE", lease, 11, "released")
        self.story.change("RENEW", lease, 12)
        self.breaks("I1")

    def test_a_released_lease_that_is_listed_again(self):
        lease = self.story.grant(10, "h1")
        self.story.change("RELEASE", lease, 11, "released")
        self.story.observe(lease, "h1")
        self.breaks("I1")

    def test_a_partial_release_that_credits_twice(self):
        lease = self.story.grant(10, "h1", {"seats": 3})
        self.story.change("RELEASE", lease, 11, "partly released", parts={"seats": 1},
                          rest={"seats": 1})
        self.breaks("I2")

    def test_a_lease_of_a_request_that_was_refused(self):
        self.story.tell("ACQUIRE", {"holder": "h1", "tenant": "c", "body": "b", "kinds": {}},
                        "err", "EXHAUSTED")
        self.story.observe(EPOCH | 11, "h1")
        self.breaks("I1")

    def test_an_unknown_request_that_holds_two_leases(self):
        self.story.tell("ACQUIRE", {"holder": "h1", "tenant": "c", "body": "b", "ttl": 9_000,
                                    "kinds": {}}, "unknown")
        self.story.observe(EPOCH | 11, "h1")
        self.story.observe(EPOCH | 12, "h1")
        self.breaks("I7")

    def test_a_lease_that_ends_before_its_deadline(self):
        lease = self.story.grant(10, "h1")
        self.story.change("RENEW", lease, 11, outcome="err", code="EXPIRED")
        self.breaks("I5")

    def grant_on_a_session(self):
        tale, session = self.story, EPOCH | 10
        tale.tell("SESSION OPEN", {"ttl": 1_000}, reply={
            "session": session, "token": session, "ttl": 1_000, "position": 10})
        lease = tale.grant(11, "h1")
        tale.records[-1].ask["session"] = session
        return session, lease

    def find_ended_beside_a_close(self, late):
        """One client closes the session, another finds its lease ended in the meantime."""
        session, lease = self.grant_on_a_session()
        self.story.change("CHECK", lease, 0, outcome="err", code="EXPIRED")
        check = self.story.records[-1]
        self.story.tell("SESSION CLOSE", {"session": session}, reply={"position": 12}, client="c1")
        self.story.records[-1].sent = check.back + 1 if late else check.sent - 1

    def test_a_lease_that_ends_while_its_session_is_being_closed(self):
        self.find_ended_beside_a_close(late=False)
        self.assertEqual(self.story.rules(), set())

    def test_a_lease_that_ends_before_its_session_is_closed(self):
        self.find_ended_beside_a_close(late=True)
        self.breaks("I5")

    def release_beside_a_close(self, position):
        """One client hears that the session is closed before another hears of its release."""
        session, lease = self.grant_on_a_session()
        self.story.tell("SESSION CLOSE", {"session": session}, reply={"position": 20}, client="c1")
        self.story.change("RELEASE", lease, position, "released")
        self.story.records[-1].sent = self.story.records[-2].sent

    def test_a_release_that_was_before_the_close_of_its_session(self):
        self.release_beside_a_close(19)
        self.assertEqual(self.story.rules(), set())

    def test_a_release_behind_the_close_of_its_session(self):
        self.release_beside_a_close(21)
        self.breaks("I1")

    def test_a_lease_that_is_renewed_after_its_deadline(self):
        lease = self.story.grant(10, "h1", ttl=20)
        self.story.change("RENEW", lease, 11, pause=100)
        self.breaks("I5")

    def test_a_gap_may_have_given_grace(self):
        lease = self.story.grant(10, "h1", ttl=20)
        self.story.tell("GAP", {})
        self.story.change("RENEW", lease, 11, pause=100)
        self.assertEqual(self.story.rules(), set())

    def test_a_stale_token_that_is_accepted(self):
        lease = self.story.grant(10, "h1")
        self.story.change("RENEW", lease, 11, stale=True)
        self.breaks("fencing")

    def test_a_reservation_that_is_committed_twice(self):
        lease = self.story.grant(10, "h1", op="RESERVE")
        self.story.change("COMMIT", lease, 11, "granted")
        self.story.change("COMMIT", lease, 12, "granted")
        self.breaks("reserve")

    def test_a_gang_that_is_granted_in_part(self):
        self.story.grant(10, "h1", {"seats": 2}, kinds={"seat": 3})
        self.breaks("I8")

    def test_a_session_that_is_kept_alive_after_it_was_closed(self):
        tale, session = self.story, EPOCH | 10
        view = {"session": session, "token": session, "ttl": 1_000, "position": 10}
        tale.tell("SESSION OPEN", {"ttl": 1_000}, reply=view)
        tale.tell("SESSION CLOSE", {"session": session}, reply={"position": 11})
        tale.tell("SESSION KEEPALIVE", {"session": session}, reply=dict(view, position=12))
        self.breaks("I1")


if __name__ == "__main__":
    unittest.main()
