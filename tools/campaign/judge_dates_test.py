#!/usr/bin/env python3
# The judgement of bookings, as judge_test.py.

import unittest

from story import EPOCH, JudgeCase

AT, LENGTH = 100, 1_000


class BookingTest(JudgeCase):
    def book(self, position=10, holder="h1", rooms=2, outcome="ok", code=None, replayed=0,
             booking=None):
        booking = booking or EPOCH | position
        self.story.tell("BOOK", {
            "holder": holder, "tenant": "c", "request": holder, "kinds": {"room": rooms},
            "at": AT, "length": LENGTH, "body": "b"}, outcome, code, {
            "status": "booked", "booking": booking, "position": position, "replayed": replayed,
            "amounts": {"rooms": rooms}, "kinds": {"room": rooms}} if outcome == "ok" else None)
        return booking

    def get(self, booking, lease=None, code=None, pause=0, rooms=2):
        reply = {"status": "booked", "booking": booking, "position": 11,
                 "amounts": {"rooms": rooms}}
        if lease:
            reply = {"status": "granted", "lease": lease, "token": lease, "ttl": 500,
                     "position": lease & 0xffff, "replayed": 1, "amounts": {"rooms": rooms},
                     "kinds": {"room": rooms}}
        self.story.tell("BOOKING GET", {"booking": booking}, "err" if code else "ok", code,
                        None if code else reply, pause)

    def cancel(self, booking, position=12, outcome="ok"):
        self.story.tell("BOOKING CANCEL", {"booking": booking}, outcome, reply={
            "status": "cancelled", "booking": booking, "position": position})

    def listed(self, booking, holder="h1", rooms=2):
        self.story.tell("OBSERVE BOOKING", {
            "booking": booking, "holder": holder, "amounts": {"rooms": rooms}}, client="observer")

    def test_bookings_without_fault_pass(self):
        first = self.book()
        self.book(booking=first, replayed=1)
        self.listed(first)
        self.get(first)
        self.get(first, lease=EPOCH | 14, pause=AT)
        self.story.change("RENEW", EPOCH | 14, 14, ttl=100)
        second = self.book(20, "h2")
        self.cancel(second, 21)
        self.get(second, code="TIMEOUT")
        self.book(22, "h3", outcome="unknown")
        self.listed(EPOCH | 22, "h3")
        self.get(EPOCH | 22, lease=EPOCH | 24, pause=AT)
        self.book(30, "h4", outcome="err", code="EXHAUSTED")
        self.listed(self.book(31, "h2"), "h2")  # the id of the cancelled one is free
        self.passes()

    def test_a_booking_that_is_gone(self):
        self.get(self.book(), code="NOTFOUND")
        self.breaks("I1")

    def test_a_booking_that_ends_without_its_lease(self):
        for code in ("EXHAUSTED", "QUOTA", "TIMEOUT"):
            self.setUp()
            self.get(self.book(), code=code, pause=AT)
            self.breaks("booking")

    def test_a_booking_whose_time_passes_while_the_daemon_is_down_may_end(self):
        booking = self.book()
        self.story.tell("GAP", {"down": True})
        self.story.tell("GAP", {"down": False}, pause=AT + LENGTH)
        self.get(booking, code="EXPIRED")
        self.passes()

    def test_a_moment_between_two_stops_is_not_enough(self):
        booking = self.book()
        for pause in (AT + 300, 1_000):
            self.story.tell("GAP", {"down": True})
            self.story.tell("GAP", {"down": False}, pause=pause)
        self.get(booking, code="EXPIRED")
        self.passes()

    def test_a_booking_that_ends_though_the_daemon_came_back_in_time(self):
        booking = self.book()
        self.story.tell("GAP", {"down": True})
        self.story.tell("GAP", {"down": False}, pause=AT + LENGTH - 500)
        self.get(booking, code="EXPIRED")
        self.breaks("booking")

    def test_a_booking_that_becomes_two_leases(self):
        booking = self.book()
        self.get(booking, lease=EPOCH | 14, pause=AT)
        self.get(booking, lease=EPOCH | 15)
        self.breaks("I7")

    def test_a_booking_that_begins_before_its_time(self):
        self.get(self.book(), lease=EPOCH | 14)
        self.breaks("booking")

    def test_a_booking_that_gets_less(self):
        self.get(self.book(), lease=EPOCH | 14, pause=AT, rooms=1)
        self.breaks("booking")

    def test_a_booking_that_is_made_twice(self):
        self.book(10)
        self.book(11)
        self.breaks("I7")

    def test_a_cancelled_booking_that_begins(self):
        booking = self.book()
        self.cancel(booking)
        self.get(booking, lease=EPOCH | 14, pause=AT)
        self.breaks("booking")

    def test_a_lease_of_a_cancelled_booking(self):
        self.cancel(self.book())
        self.story.observe(EPOCH | 14, "h1", {"rooms": 2})
        self.breaks("I1")

    def test_a_cancelled_booking_that_is_listed_after_a_restart(self):
        booking = self.book()
        self.cancel(booking)
        self.listed(booking)
        self.breaks("I1")

    def test_a_booking_that_is_listed_with_less(self):
        self.listed(self.book(), rooms=1)
        self.breaks("I1")

    def test_bookings_of_more_than_there_is(self):
        for count in range(4):
            self.book(10 + count, f"h{count}")
        self.breaks("I2")

    def test_a_lease_that_takes_what_is_booked(self):
        for count in range(3):
            self.book(10 + count, f"h{count}")
        self.story.grant(20, "x", {"rooms": 1}, ttl=5_000)
        self.breaks("I2")

    def test_what_a_cancelled_booking_kept_is_free(self):
        for count in range(3):
            booking = self.book(10 + count, f"h{count}")
        self.cancel(booking, 19)
        self.story.grant(20, "x", {"rooms": 2}, ttl=5_000)
        self.passes()

    def test_a_lease_that_outlives_its_booking(self):
        booking = self.book()
        self.get(booking, lease=EPOCH | 14, pause=AT)
        self.story.tell("GAP", {"down": False})  # no grace moves that end
        self.story.change("RENEW", EPOCH | 14, 15, pause=LENGTH)
        self.breaks("I5")

    def test_a_lease_that_outlives_its_longest_life(self):
        lease = self.story.grant(10, "h1")
        self.story.records[-1].ask["life"] = 50
        self.story.change("RENEW", lease, 11, pause=100)
        self.breaks("I5")


if __name__ == "__main__":
    unittest.main()
