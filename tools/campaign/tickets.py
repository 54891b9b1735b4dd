# The part of the book that follows tickets: queued, granted once, ended at their time or cancelled.
#
# A ticket's lease is granted when nobody asks. The book learns of it from `QUEUE GET`, from the
# repeated request, or from what the daemon lists after a restart; all of them must tell of one
# lease. A ticket that has neither a lease nor an end must still wait.

from facts import LATER, MS, POSITION_BITS


class Ticket:
    """What is known of one durable place in the queue."""

    def __init__(self, ticket, record):
        self.ticket, self.ask, self.first = ticket, record.ask, record
        self.state = "waiting"
        self.sent = record.sent    # it was queued after that
        self.sure = 0              # waits at least until then, unless granted or cancelled
        self.latest = 0            # and not much longer
        self.settled = None        # the record that told its end

    def overtook(self, record):
        """Whether it is known from a repetition that came back before `record`, the request."""
        reply = self.first.reply or {}
        return bool(reply.get("replayed")) and record.sent < self.first.back

    def extend(self, record, wait):
        """Whoever repeats the request may wait for longer, never for less."""
        self.sure = max(self.sure, record.sent + wait * MS)
        self.latest = max(self.latest, record.back + (wait + 2) * MS)


class TicketBook:
    """Tickets of one campaign; `Book` adds the leases that they become."""

    def surely_waits(self, entry, time):
        """Whether it had not ended at `time`, by itself or by a client, unless it was granted."""
        return entry.state == "waiting" and time < entry.sure and \
            not any(sent < time for sent in self.cancels.get(entry.ticket, ()))

    # --- queued --------------------------------------------------------------------------------

    def fold_queued(self, record, key):
        """The answer `queued`: a new place, or the one that this request has."""
        ticket, replayed = int(record.reply["ticket"]), bool(record.reply.get("replayed"))
        entry, line = self.tickets.get(ticket), self.lines.get(key)
        if not replayed:
            overtaken = entry is not None and entry.overtook(record)
            if (entry is not None and not overtaken) or ticket in self.leases:
                self.fault("I4", f"ticket {ticket} was given a second time", record)
            if ticket & POSITION_BITS != int(record.reply["position"]):
                self.fault("I4", "the ticket does not encode the position of its queueing", record)
            if line is not None and self.surely_waits(line, record.back) \
                    and not (overtaken and line is entry):
                self.fault("I7", f"a request that waits as {line.ticket} was queued anew", record)
        elif line is not None and line.ticket != ticket \
                and self.surely_waits(line, record.back):
            self.fault("I7", f"one request waits as {line.ticket} and as {ticket}", record)
        elif entry is not None and entry.settled and entry.settled.back < record.sent:
            self.fault("I7", "a ticket that had ended waits again", entry.settled, record)
        self.enter_ticket(ticket, record, int(record.reply["wait"]), key)

    def enter_ticket(self, ticket, record, wait, key):
        entry = self.tickets.setdefault(ticket, Ticket(ticket, record))
        entry.extend(record, wait)
        self.ticket_of[record.ask["holder"]] = entry
        if key:
            self.lines[key] = entry
        self.pending.pop(record.ask["holder"], None)
        self.refused.discard(record.ask["holder"])
        return entry

    # --- asked about ---------------------------------------------------------------------------

    def fold_ticket(self, record):
        """`QUEUE GET` and `QUEUE CANCEL`."""
        entry = self.tickets.get(record.ask["ticket"])
        if entry is None:
            self.fault("book", "a ticket that nobody was given", record)
        elif record.outcome == "unknown":
            pass  # the cancel counts as at work until the daemon shows the ticket again
        elif record.outcome == "err":
            self.fold_ticket_refused(entry, record)
        elif record.op == "QUEUE CANCEL":
            self.fold_ticket_cancelled(entry, record)
        elif record.reply["status"] == "queued":
            if entry.settled and entry.settled.back < record.sent:
                self.fault("queue", "a ticket that had ended waits again", entry.settled, record)
        else:
            self.ticket_granted(entry, record)

    def fold_ticket_refused(self, entry, record):
        if record.code in LATER:
            return
        if record.code == "NOTFOUND":
            self.fault("I1", f"acknowledged ticket {entry.ticket} is gone", record)
        elif record.code != "TIMEOUT":
            self.fault("queue", f"ticket {entry.ticket} ended as {record.code}", record)
        elif entry.state == "granted":
            self.fault("queue", "a ticket was granted and timed out", entry.settled, record)
        elif self.surely_waits(entry, record.back):
            self.fault("queue", "a ticket timed out before its time", record)
        self.end_ticket(entry, record)

    def fold_ticket_cancelled(self, entry, record):
        if record.reply["status"] != "cancelled":
            return  # it had ended: QUEUE GET tells how
        if entry.state != "waiting":
            self.fault("queue", "a ticket that had ended was cancelled", entry.settled, record)
        self.end_ticket(entry, record)

    def end_ticket(self, entry, record):
        if entry.state != "waiting":
            return
        entry.state, entry.settled = "ended", record
        holder = entry.ask["holder"]
        if self.ticket_of.get(holder) is entry and holder not in self.holders:
            self.refused.add(holder)

    def ticket_repeated(self, entry, record):
        """The request of a ticket, sent again, is answered with the lease that it became."""
        told = entry.settled.reply if entry.settled else None
        if entry.state == "ended" and int(record.reply["position"]) > \
                int((told or {}).get("position") or 0):
            return  # its id was free again, and somebody's repetition was granted since
        self.ticket_granted(entry, record)

    def ticket_granted(self, entry, record):
        """A ticket turned out to be granted; the book may know the lease already."""
        lease, reply = int(record.reply["lease"]), record.reply
        if entry.state == "ended":
            self.fault("queue", "a ticket that had ended was granted", entry.settled, record)
        if int(reply["position"]) <= entry.ticket & POSITION_BITS:
            self.fault("order", "a ticket was granted before it was queued", record)
        self.bind(entry.ask["holder"], lease, record)
        if entry.state == "waiting":
            entry.state, entry.settled = "granted", record
            self.counts["ticket granted"] = self.counts.get("ticket granted", 0) + 1
        self.learn(lease, entry, record)

    def learn(self, lease, asked, record):
        """A lease that was granted while nobody asked, from the stored answer."""
        if lease in self.leases:
            return
        ask, reply = asked.ask, record.reply
        self.check_kinds(ask, reply["kinds"], record)
        self.check_pools(ask, reply["amounts"], record)
        token, position = int(reply["token"]), int(reply["position"])
        self.tokens.append((position, token, record))
        entry = self.enter(lease, token, ask, "held", reply["amounts"])
        self.set_deadline(entry, record)
        self.set_life(entry, ask, record, asked.sent)
        self.note_grant(entry, position, record, reply["amounts"], asked.sent)
        # The stored answer knows no grace: a gap since the grant may have given some.
        entry.refreshed = asked.sent
        entry.see(position, reply["amounts"])
        if int(reply["ttl"]):
            entry.open_span(record.back, reply["amounts"])
        else:
            entry.sure = 0  # it may have been over for long

    # --- shown after a restart -----------------------------------------------------------------

    def observe_ticket(self, record):
        """A ticket that the daemon lists as waiting."""
        ask = record.ask
        entry, holder = self.tickets.get(ask["ticket"]), ask["holder"]
        if entry is not None:
            if entry.state != "waiting":
                self.fault("I1", "a ticket that had ended waits again", entry.settled, record)
            # Whatever was sent before, it was not done.
            self.cancels[entry.ticket] = [sent for sent in self.cancels.get(entry.ticket, ())
                                          if sent > record.sent]
            if entry.ask["holder"] != holder or entry.ask["tenant"] != ask["tenant"]:
                self.fault("I1", f"ticket {entry.ticket} is shown as another's", record)
            return
        first = self.pending.get(holder)
        if first is None:
            self.fault("I9", "a ticket that nobody asked for", record)
            return
        key = (first.ask["tenant"], first.ask["request"])
        self.enter_ticket(ask["ticket"], first, first.ask.get("queue") or first.ask["wait"], key)
