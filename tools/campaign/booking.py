# What a client does with dates: books, books the same again, asks, cancels.

import world

MOST_BOOKINGS = 2


class BookingVerbs:
    """The verbs of bookings; `Client` has the connection."""

    def book_words(self, fields):
        return ["BOOK", "dates", fields["claims"], "AT", fields["at"], "FOR", fields["length"],
                "TENANT", fields["tenant"], "HOLDER", fields["holder"],
                "REQUEST", fields["request"]]

    def book_room(self):
        if len(self.bookings) >= MOST_BOOKINGS:
            return self.poll_booking()
        self.count += 1
        rooms = self.random.randint(1, 3)
        fields = {"pool": "dates", "claims": f"room={rooms}", "kinds": {"room": rooms},
                  "tenant": self.random.choice(world.PATIENT),
                  "holder": f"{self.name}-{self.count}", "request": f"b-{self.name}-{self.count}",
                  "at": self.random.randint(50, 1_200), "length": self.random.randint(400, 3_000)}
        fields["body"] = f"{fields['claims']} {fields['holder']}"
        self.last_booking = fields
        return self.send_booking(fields)

    def book_again(self):
        """The last booking once more: the same answer, or what became of it."""
        return bool(self.last_booking) and \
            self.send_booking(dict(self.last_booking, verb="BOOK again"))

    def send_booking(self, fields):
        record = self.ask("BOOK", fields, self.book_words(fields))
        if record.outcome == "ok":
            self.campaign.hand_over(fields["holder"], int(
                record.reply.get("booking") or record.reply["lease"]))
        return True

    def ask_booking(self, verb):
        booking = self.random.choice(self.bookings)
        return self.ask(f"BOOKING {verb}", {"booking": booking}, ["BOOKING", verb, booking])

    def poll_booking(self):
        if not self.bookings:
            return False
        record = self.ask_booking("GET")
        if record.outcome == "ok" and record.reply.get("lease"):
            self.campaign.hand_over(self.book.bookings[record.ask["booking"]].ask["holder"],
                                    int(record.reply["lease"]))
        return True

    def cancel_booking(self):
        if not self.bookings:
            return False
        self.ask_booking("CANCEL")
        return True
