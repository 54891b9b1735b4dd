# The part of the book that follows what holders do: renew, commit, release, cancel, check.

from facts import ENDED, GONE, MS, subtract


class ChangeBook:
    """Changes of a lease by its holder, and their refusals; `Book` has the leases."""

    def fold_change(self, record):
        entry = self.leases.get(record.ask["lease"])
        if record.ask.get("stale"):
            if record.outcome == "ok" and not self.over(entry, record):
                self.fault("fencing", "a token that is not the lease's was accepted", record)
            return
        if entry is None:
            self.fault("book", "a change of a lease that nobody was granted", record)
        elif record.ask.get("again") and self.fold_again(entry, record):
            pass
        elif record.outcome == "unknown":
            self.fold_unknown_change(entry, record)
        elif record.outcome == "err":
            self.fold_refused_change(entry, record)
        else:
            self.fold_ok_change(entry, record)

    def over(self, entry, record):
        """Whether the answer says that the lease has ended, and it may have."""
        return record.reply.get("status") == "already ended" and self.may_be_over(entry, record)

    def may_be_over(self, entry, record):
        return ENDED in entry.worlds or record.back >= self.sure(entry) or \
            self.closing(entry, record) is not None or \
            (entry.parent is not None and self.may_be_over(entry.parent, record))

    def closing(self, entry, record):
        """When someone told the session to close, if that may have been at work by now."""
        return min((closing.sent for closing in self.closings.get(entry.session, ())
                    if closing.sent < record.back), default=None)

    def found_ended(self, entry, record):
        if not self.may_be_over(entry, record):
            self.fault("I5", "a lease ended before its deadline", record)
        if entry.rank is not None and self.sure(entry) == 0 and record.back < entry.sure:
            self.counts["preempted"] = self.counts.get("preempted", 0) + 1
        self.finish(entry, min(record.sent, self.closing(entry, record) or record.sent))

    def fold_unknown_change(self, entry, record):
        if record.op in ("CHECK", "REPORT"):
            return
        if record.op in ("GROW", "HANDOVER"):
            self.fold_unknown_family(entry, record)
            return
        if record.op in ("RENEW", "COMMIT"):
            self.postpone(entry, record, record.ask["ttl" if record.op == "RENEW" else "longest"])
        if record.op == "RENEW":
            return
        self.close_span(entry, record.sent)
        parts = record.ask.get("parts")
        for state, amounts in entry.live:
            if record.op == "COMMIT" and state == "reserved":
                entry.add_world(("held", parts or amounts))
                # A commit may set a nearer deadline than the reservation's.
                entry.sure = min(entry.sure, record.sent + record.ask["ttl"] * MS)
            elif record.op == "RELEASE" and parts:
                rest = subtract(amounts, parts)
                entry.add_world((state, rest) if rest else ENDED)
            elif record.op != "COMMIT":
                self.doubt(entry, record.sent)

    def fold_refused_change(self, entry, record):
        if self.harmless(record):
            if record.code == "TIMEOUT" and \
                    record.back - record.sent < record.ask.get("wait", 0) * MS:
                self.fault("queue", "a wait timed out before its time", record)
            return
        if record.code not in GONE:
            self.fault("refusal", "a well-formed change was refused as malformed", record)
            return
        self.found_ended(entry, record)

    def fold_ok_change(self, entry, record):
        status = record.reply.get("status")
        if record.op in ("RELEASE", "CANCEL") and status == "already ended":
            self.found_ended(entry, record)
            return
        if record.op == "GROW":
            self.fold_growth(entry, record)
            return
        if record.op == "HANDOVER":
            self.fold_hand_over(entry, record)
            return
        if record.op == "REPORT":
            self.fold_report(entry, record)
            return
        if not entry.live:
            if entry.closed_at is None or int(record.reply["position"]) > entry.closed_at:
                self.fault("I1", f"{record.op} succeeded on a lease that had ended", record)
            return
        if self.overdue(entry, record):
            self.fault("I5", f"{record.op} succeeded after the deadline", record)
        position = record.reply.get("position")
        if record.op in ("RENEW", "CHECK"):
            entry.worlds = entry.live
            if entry.certain is not None:
                entry.see(position, entry.certain)
            if record.op == "RENEW":
                self.set_deadline(entry, record)
        elif record.op == "COMMIT":
            self.fold_commit(entry, record, int(position))
        else:
            self.fold_release(entry, record, int(position))

    def fold_commit(self, entry, record, position):
        reserved = [amounts for state, amounts in entry.live if state == "reserved"]
        if record.reply.get("replayed"):
            reserved = reserved or [amounts for _, amounts in entry.live]
        if not reserved:
            self.fault("reserve", "a reservation was committed a second time", record)
            return
        wanted = record.ask.get("parts") or reserved[0]
        got = record.reply.get("amounts") or wanted
        if got != wanted:
            self.fault("reserve", f"committed {got} instead of {wanted}", record)
        if entry.certain is not None:
            entry.see(position - 1, entry.certain)
        self.close_span(entry, record.sent)
        token = int(record.reply.get("token") or entry.token)
        if token != entry.token:
            self.tokens.append((position, token, record))
            entry.token = token
        entry.worlds = [("held", got)]
        entry.see(position, got)
        entry.sure = 0  # a commit starts the lease's own deadline
        self.set_deadline(entry, record)
        entry.open_span(record.back, got)

    def fold_release(self, entry, record, position):
        before, parts = entry.certain, record.ask.get("parts")
        if before is not None:
            entry.see(position - 1, before)
        self.close_span(entry, record.sent)
        if not parts:
            self.finish(entry, record.sent)
            entry.returned, entry.released = True, record.back
            return
        rests = [subtract(amounts, parts) for _, amounts in entry.live]
        shown = record.reply["amounts"] if record.reply.get("amounts") else {}
        rest = next((rest for rest in rests for outside in self.outside(entry)
                     if subtract(rest, outside) == shown), None)
        if rest is None:
            self.fault("I2", f"a partial release left {shown}, not one of {rests}", record)
            rest = shown
        if rest:
            entry.last = rest
            entry.worlds = [("held", rest)]
            entry.see(position, rest)
            entry.open_span(record.back, rest)
        else:
            self.finish(entry, record.sent)
            entry.returned = True
