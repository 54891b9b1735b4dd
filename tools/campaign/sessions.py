# The part of the book that follows sessions: open, kept alive, closed, and what ends with them.

from facts import GONE, LATER, MS, Session


class SessionBook:
    """Sessions of one campaign; `Book` adds the leases."""

    def fold_session(self, record):
        if record.outcome == "err" and record.code not in GONE | LATER:
            self.fault("refusal", "a well-formed session command was refused as malformed", record)
        if record.op == "SESSION OPEN":
            if record.outcome == "ok":
                self.open_session(record)
            return
        if record in self.closings.get(record.ask["session"], ()):
            self.closings[record.ask["session"]].remove(record)
        session = self.sessions.get(record.ask["session"])
        if session is None:
            self.fault("book", "a session that nobody opened", record)
        elif record.ask.get("stale"):
            if record.outcome == "ok":
                self.fault("fencing", "a token that is not the session's was accepted", record)
        elif record.op == "SESSION KEEPALIVE":
            self.keep_session(session, record)
        else:
            self.close_session(session, record)

    def open_session(self, record):
        session = Session(int(record.reply["session"]), int(record.reply["token"]))
        if session.session in self.sessions or session.session in self.leases:
            self.fault("I4", f"session {session.session} was opened a second time", record)
        self.sessions[session.session] = session
        self.tokens.append((int(record.reply["position"]), session.token, record))
        self.extend_session(session, record)

    def extend_session(self, session, record):
        ttl = int(record.reply["ttl"])
        session.sure = max(session.sure, record.sent + ttl * MS)
        session.latest = record.back + (ttl + 2) * MS
        session.refreshed = record.sent

    def keep_session(self, session, record):
        if record.outcome == "ok":
            if session.closed:
                self.fault("I1", "a closed session was kept alive", record)
            elif session.latest < record.sent and \
                    not any(gap >= session.refreshed for gap in self.gaps[-64:]):
                self.fault("I5", "a session was kept alive after its deadline", record)
            session.maybe_closed = False
            self.extend_session(session, record)
        elif record.outcome == "unknown":
            self.postpone(session, record, record.ask["ttl"])
        elif record.code in GONE:
            if not session.closed and not session.maybe_closed and record.back < session.sure:
                self.fault("I5", "a session ended before its deadline", record)
            self.end_session(session, record.sent)

    def close_session(self, session, record):
        if record.outcome == "unknown":
            self.end_session(session, record.sent, maybe=True)
        elif record.outcome == "ok" or record.code in GONE:
            gone = record.outcome == "err" or record.reply.get("status") == "already ended"
            if gone and not session.closed and not session.maybe_closed \
                    and record.back < session.sure:
                self.fault("I5", "a session ended before its deadline", record)
            self.end_session(session, record.sent)
            if record.outcome == "ok":
                # Another client of the session may hear of an earlier change later.
                for lease in session.leases:
                    self.leases[lease].closed_at = int(record.reply["position"])

    def end_session(self, session, time, maybe=False):
        for lease in session.leases:
            entry = self.leases[lease]
            (self.doubt if maybe else self.finish)(entry, time)
        session.closed, session.maybe_closed = session.closed or not maybe, maybe
