# The part of the book that follows drains: planned ones of one node, and what an operator does to
# another.
#
# One client is the operator of each node, so that its commands have an order. What is granted is
# judged by places in the log: behind a planned drain nothing is granted there that may live into
# it, and between a cordon and its end nothing at all.

from facts import LATER, MS, POSITION_BITS
from world import DRAINED, WATCHED, World

LATE = 1_500 * MS  # a busy machine may let a drain begin so late


class Window:
    """What is known of one planned drain."""

    def __init__(self, window, record, position):
        self.window, self.node, self.position = window, record.ask["node"], position
        self.reason = record.ask["reason"]
        at, length = record.ask["at"] * MS, record.ask["length"] * MS
        self.starts = (record.sent + at, record.back + at)
        self.ends = (record.sent + at + length, record.back + at + length + 2 * MS)
        self.by = None if record.ask.get("by") is None else record.ask["by"] * MS
        self.cancelled = None    # the position of its cancel
        self.doubted = None      # when a cancel of unknown outcome was sent


class Grant:
    """One moment at which a lease got something, and where."""

    def __init__(self, position, back, names, entry):
        self.position, self.back, self.names, self.entry = position, back, names, entry


class DrainBook:
    """Drains of one campaign; `Book` has the leases."""

    def note_grant(self, entry, position, record, amounts, since=None):
        """Remembers that these amounts were granted at this place in the log."""
        since = record.sent if since is None else since
        if entry.born is None:
            entry.born, entry.born_by = since, record.back
        names = {name for name in amounts if World.node_of[name] in WATCHED}
        if names:
            self.grants.append(Grant(position, record.back, names, entry))

    # --- planned drains ------------------------------------------------------------------------

    def begin_drain(self, record):
        """From now on leases on that node may end by it."""
        if record.ask.get("by") is not None:
            due = record.sent + (record.ask.get("at", 0) + record.ask["by"]) * MS
            self.drains.setdefault(record.ask["node"], []).append(due)

    def fold_window(self, record):
        """`NODE DRAIN … AT` and `WINDOW CANCEL`."""
        ask = record.ask
        if record.op == "WINDOW PLAN":
            if record.outcome == "ok":
                self.enter_window(int(record.reply["window"]), record,
                                  int(record.reply["position"]))
            elif record.outcome == "unknown":
                self.planned[ask["reason"]] = record
            elif record.code not in {"CONFLICT"} | LATER:
                self.fault("refusal", "a well-formed drain was refused as malformed", record)
            return
        window = self.windows[ask["window"]]
        if record.outcome == "ok":
            if window.cancelled is not None or record.sent > window.ends[1] + LATE:
                self.fault("window", "a drain that was over was cancelled", record)
            window.cancelled = int(record.reply["position"])
        elif record.outcome == "unknown":
            window.doubted = record.sent
        elif record.code == "NOTFOUND":
            if self.surely_planned(window, record.sent):
                self.fault("I1", f"acknowledged drain {window.window} is gone", record)
        elif record.code not in LATER:
            self.fault("refusal", "a well-formed cancel was refused as malformed", record)

    def enter_window(self, number, record, position):
        if number in self.windows:
            self.fault("I4", f"window {number} was given a second time", record)
        window = self.windows[number] = Window(number, record, position)
        for other in self.windows.values():
            if other is not window and other.node == window.node and other.cancelled is None \
                    and other.doubted is None and other.starts[1] < window.ends[0] \
                    and window.starts[1] < other.ends[0]:
                self.fault("window", f"two drains of one node at one time: {other.window}", record)

    def surely_planned(self, window, time):
        """Whether nothing has called it off, and it is not over."""
        return window.cancelled is None and time < window.ends[0] \
            and not any(sent < time for sent in self.cancels.get(window.window, ()))

    def observe_windows(self, record):
        """The planned drains that the daemon lists."""
        listed = {item["window"]: item["reason"] for item in record.ask["windows"]}
        for number, reason in listed.items():
            window = self.windows.get(number)
            if window is not None:
                if window.cancelled is not None or window.reason != reason:
                    self.fault("I1", f"drain {number} was cancelled, or is another's", record)
                window.doubted = None
                self.cancels[number] = [sent for sent in self.cancels.get(number, ())
                                        if sent > record.sent]
            elif reason in self.planned:
                # Its place in the log is told by its number.
                self.enter_window(number, self.planned.pop(reason), number & POSITION_BITS)
            else:
                self.fault("I9", f"a drain that nobody planned: {number}", record)
        self.planned.clear()
        for number, window in self.windows.items():
            if number in listed or window.cancelled is not None:
                continue
            if window.doubted is not None:
                window.cancelled = window.position  # nobody knows where: it binds nothing
            elif self.surely_planned(window, record.sent):
                self.fault("I1", f"acknowledged drain {number} is gone", record)

    # --- what an operator does to a node ---------------------------------------------------------

    def fold_node(self, record):
        """`NODE CORDON`, `DRAIN BY` and `UNCORDON`."""
        node, state = record.ask["node"], record.ask["state"]
        self.states.setdefault(node, {"active"})
        if record.outcome == "unknown":
            self.states[node] = self.states[node] | {state}
            self.open_node(node, self.shut.get(node, (0, 0))[1])
        elif record.outcome == "ok":
            position = int(record.reply["position"])
            self.states[node] = {state}
            if state == "active":
                self.open_node(node, position)
            else:
                self.shut[node] = (self.shut.get(node, (position, 0))[0], position)
        elif record.code not in LATER:
            self.fault("refusal", "a well-formed change of a node was refused", record)

    def open_node(self, node, position):
        """Nothing is granted there from its closing to `position`; what follows nobody knows."""
        since, _ = self.shut.pop(node, (None, 0))
        if since is not None:
            self.closed.append((node, since, position))

    def observe_node(self, record):
        node, state = record.ask["node"], record.ask["state"]
        possible = self.states.get(node, {"active"})
        if state not in possible:
            self.fault("I1", f"node {node} is {state}, not one of {sorted(possible)}", record)
        self.states[node] = {state}

    # --- what follows for leases -----------------------------------------------------------------

    @staticmethod
    def on_drained(entry):
        """The nodes that are drained now and then on which a lease may have something."""
        return {World.node_of[name] for _, amounts in entry.live for name in amounts} & DRAINED

    def drained_at(self, entry):
        """From when on a drain may have ended this lease; infinite where none is known."""
        nodes = self.on_drained(entry)
        return min((due for node in nodes for due in self.drains.get(node, ())
                    if due >= (entry.born or 0)), default=float("inf"))

    def outlived(self, entry, time):
        """The planned drain that should have taken this lease before `time`, or None."""
        for window in self.windows.values():
            if window.by is None or window.cancelled is not None or window.doubted is not None \
                    or any(sent < time for sent in self.cancels.get(window.window, ())):
                continue
            due = window.starts[1] + window.by + LATE
            held = entry.certain and any(World.node_of[name] == window.node
                                         for name in entry.certain)
            if held and entry.born_by < window.starts[0] and due < time < window.ends[0] + LATE \
                    and not self.disturbed(window.starts[0] - LATE, due):
                return window
        return None

    def disturbed(self, since, until):
        """Whether the daemon was down or stopped at some time between."""
        return any(down < until and up > since for down, up in self.downs())

    def judge_drains(self):
        """K2: nothing was granted that may live into a drain, and nothing on what is closed."""
        closed = self.closed + [(node, since, float("inf"))
                                for node, (since, _) in self.shut.items()]
        for grant in self.grants:
            nodes = {World.node_of[name] for name in grant.names}
            for window in self.windows.values():
                if window.node in nodes and self.lives_into(grant, window):
                    self.fault("K2", f"lease {grant.entry.lease} was granted at {grant.position} "
                               f"and may live into drain {window.window}")
            for node, since, until in closed:
                if node in nodes and since < grant.position < until:
                    self.fault("drain", f"lease {grant.entry.lease} got something of node {node} "
                               f"at {grant.position}, closed from {since} to {until}")

    def lives_into(self, grant, window):
        """Whether a grant behind the plan of a drain, and before its end, may live into it."""
        if grant.position <= window.position or grant.back >= window.ends[0]:
            return False
        if window.cancelled is not None and window.cancelled < grant.position:
            return False
        if window.cancelled == window.position or \
                window.doubted is not None and window.doubted < grant.back:
            return False
        return grant.entry.life_sure > window.starts[1]
