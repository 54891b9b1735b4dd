# The part of the book that follows bookings: kept until their time, then one lease each.
#
# Bookings are made in a pool where nothing but them and leases with a longest life has room, and
# which nobody drains: there each must become its lease, unless the daemon was down for all of its
# time.

from facts import LATER, MS, POSITION_BITS

# Behind a stop there is much to do at once: who is killed so soon after may have begun nothing.
BRIEF = 300 * MS


class Booking:
    """What is known of one booking: its times are known within the time of its answer."""

    def __init__(self, booking, record, amounts):
        self.booking, self.ask, self.amounts = booking, record.ask, amounts
        self.state, self.settled = "booked", None
        self.sent = record.sent
        at, length = record.ask["at"] * MS, record.ask["length"] * MS
        self.starts = (record.sent + at, record.back + at)
        self.ends = (record.sent + at + length, record.back + at + length + 2 * MS)


class DateBook:
    """Bookings of one campaign; `Book` adds the leases that they become."""

    # --- booked --------------------------------------------------------------------------------

    def fold_booking(self, record):
        ask = record.ask
        if record.outcome == "unknown":
            self.pending.setdefault(ask["holder"], record)
        elif record.outcome == "err":
            known = self.booking_of.get(ask["holder"])
            if known and known.state != "ended" and record.code not in LATER:
                self.fault("I7", "a booking that was made is refused when it is repeated", record)
            elif record.code not in {"EXHAUSTED", "QUOTA"} | LATER and not known:
                self.fault("refusal", "a well-formed booking was refused as malformed", record)
            elif ask["holder"] not in self.pending and not known:
                self.refused.add(ask["holder"])
        elif record.reply["status"] == "booked":
            self.fold_booked(record)
        elif ask["holder"] in self.booking_of:
            self.booking_began(self.booking_of[ask["holder"]], record)
        else:
            # Of unknown outcome until now, or until its lease was listed.
            self.bind(ask["holder"], int(record.reply["lease"]), record)

    def fold_booked(self, record):
        """Booked; a booking that ended without a lease has not used its request id up."""
        booking, replayed = int(record.reply["booking"]), bool(record.reply.get("replayed"))
        known = self.booking_of.get(record.ask["holder"])
        if known is not None and (replayed or known.state != "ended"):
            if known.booking != booking:
                self.fault("I7", f"one request is booked as {known.booking} and {booking}", record)
            self.still_booked(known, record)
            return
        if not replayed:
            if booking in self.bookings or booking in self.leases:
                self.fault("I4", f"booking {booking} was given a second time", record)
            if booking & POSITION_BITS != int(record.reply["position"]):
                self.fault("I4", "the booking does not encode its position", record)
        self.check_kinds(record.ask, record.reply["kinds"], record)
        self.enter_booking(booking, record, record.reply["amounts"])

    def enter_booking(self, booking, record, amounts):
        entry = Booking(booking, record, amounts)
        self.bookings[booking] = self.booking_of[record.ask["holder"]] = entry
        self.pending.pop(record.ask["holder"], None)
        self.refused.discard(record.ask["holder"])
        return entry

    def still_booked(self, entry, record):
        if entry.settled and entry.settled.back < record.sent:
            self.fault("booking", "a booking that had ended is still to come", entry.settled,
                       record)
        if record.reply.get("amounts") != entry.amounts:
            self.fault("booking", f"booked {entry.amounts}, now {record.reply.get('amounts')}",
                       record)

    # --- asked about ---------------------------------------------------------------------------

    def fold_booking_asked(self, record):
        """`BOOKING GET` and `BOOKING CANCEL`."""
        entry = self.bookings.get(record.ask["booking"])
        if entry is None:
            self.fault("book", "a booking that nobody was given", record)
        elif record.outcome == "unknown":
            pass
        elif record.outcome == "err":
            self.fold_booking_refused(entry, record)
        elif record.op == "BOOKING GET":
            if record.reply["status"] == "booked":
                self.still_booked(entry, record)
            else:
                self.booking_began(entry, record)
        elif record.reply["status"] == "cancelled":
            if entry.state != "booked":
                self.fault("booking", "a booking that had ended was cancelled", entry.settled,
                           record)
            self.end_booking(entry, record)

    def fold_booking_refused(self, entry, record):
        if record.code in LATER:
            return
        cancelled = any(sent < record.back for sent in self.cancels.get(entry.booking, ()))
        if record.code == "NOTFOUND":
            self.fault("I1", f"acknowledged booking {entry.booking} is gone", record)
        elif entry.state == "granted":
            self.fault("booking", "a booking began and was refused", entry.settled, record)
        elif not (cancelled and record.code == "TIMEOUT") and not self.missed(entry):
            self.fault("booking", "a booking ended without its lease", record)
        self.end_booking(entry, record)

    def missed(self, entry):
        """Whether the daemon was down or stopped for nearly all of the booking's time."""
        return any(down <= entry.starts[1] + BRIEF and up >= entry.ends[0] - BRIEF
                   for down, up in self.downs(BRIEF))

    def downs(self, brief=0):
        """When the daemon did not run, as far as the campaign knows: from, to.

        It counts as down as well between two such times that are no further apart than `brief`.
        """
        since = until = None
        for time, is_down in self.halts:
            if is_down and until is not None and time > until + brief:
                yield since, until
                since = until = None
            if is_down:
                since, until = time if since is None else since, float("inf")
            elif until == float("inf"):
                until = time
        if since is not None:
            yield since, until

    def end_booking(self, entry, record):
        if entry.state != "booked":
            return
        entry.state, entry.settled = "ended", record
        if entry.ask["holder"] not in self.holders:
            self.refused.add(entry.ask["holder"])

    def booking_began(self, entry, record):
        lease, position = int(record.reply["lease"]), int(record.reply["position"])
        if entry.state == "ended":
            self.fault("booking", "a booking that had ended has begun", entry.settled, record)
        if position <= entry.booking & POSITION_BITS:
            self.fault("order", "a booking began before it was made", record)
        if record.back < entry.starts[0]:
            self.fault("booking", "a booking began before its time", record)
        if record.reply["amounts"] != entry.amounts:
            self.fault("booking", f"booked {entry.amounts}, got {record.reply['amounts']}", record)
        self.bind(entry.ask["holder"], lease, record)
        if entry.state == "booked":
            entry.state, entry.settled = "granted", record
            self.counts["booking begun"] = self.counts.get("booking begun", 0) + 1
        self.learn(lease, entry, record)
        self.leases[lease].booked = entry
        self.leases[lease].life_sure, self.leases[lease].life_end = entry.ends

    # --- shown after a restart -----------------------------------------------------------------

    def observe_booking(self, record):
        """A booking that the daemon lists as still to come."""
        ask = record.ask
        entry, holder = self.bookings.get(ask["booking"]), ask["holder"]
        if entry is not None:
            if entry.state != "booked":
                self.fault("I1", "a booking that had ended is still to come", entry.settled, record)
            self.cancels[entry.booking] = [sent for sent in self.cancels.get(entry.booking, ())
                                           if sent > record.sent]
            if entry.ask["holder"] != holder or entry.amounts != ask["amounts"]:
                self.fault("I1", f"booking {entry.booking} is shown as another", record)
            return
        first = self.pending.get(holder)
        if first is None:
            self.fault("I9", "a booking that nobody asked for", record)
            return
        self.enter_booking(ask["booking"], first, ask["amounts"])

    def booked_spans(self):
        """[from, to) in time, in which what was booked is kept or held, with the amounts."""
        for entry in self.bookings.values():
            if entry.state == "ended" or self.missed(entry):
                continue
            end, lease = entry.ends[0], self.leases.get(self.holders.get(entry.ask["holder"]))
            cancels = self.cancels.get(entry.booking, ())
            end = min([end, *cancels] + ([lease.over] if lease and lease.over else []))
            if end > entry.starts[1]:
                yield entry.starts[1], end, entry
