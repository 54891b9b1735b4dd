# What an operator does: two of the clients drain a node each, one by plan and one at once, and a
# third has the budget and the breakers.

import world

class OperatorVerbs:
    """Cordons and drains; `Client` has the connection."""

    def operate(self, node):
        """Something to what this client is the operator of."""
        if node == "settings":
            self.change_settings()
        elif node == "y0":
            self.plan_window(node)
        else:
            self.change_node(node)

    def change_settings(self):
        """Raises the budget, or closes a breaker."""
        if self.random.random() < 0.5:
            limit = max(self.book.settings[world.BUDGET, "budget"]) + \
                1_000 * self.random.randint(1, 30)
            self.ask("BUDGET SET", {"tenant": world.BUDGET, "kind": "budget", "limit": limit},
                     ["BUDGET", "SET", world.BUDGET, "LIMIT", limit // 1_000])
        else:
            name = self.random.choice(sorted(world.FRAIL))
            self.ask("BREAKER RESET", {"name": name}, ["BREAKER", "RESET", "RESOURCE", name])

    def plan_window(self, node):
        self.windows = [number for number in self.windows
                        if self.book.windows[number].cancelled is None]
        if self.windows and self.random.random() < 0.5:
            window = self.random.choice(self.windows)
            record = self.ask("WINDOW CANCEL", {"window": window}, ["WINDOW", "CANCEL", window])
            if record.outcome == "ok" or record.code == "NOTFOUND":
                self.windows.remove(window)
            return
        self.count += 1
        length = self.random.randint(150, 1_500)
        fields = {"node": node, "at": self.random.randint(30, 1_200), "length": length,
                  "by": self.random.choice([None, self.random.randint(20, length - 20)]),
                  "reason": f"w-{self.name}-{self.count}"}
        words = ["NODE", "DRAIN", node, "AT", fields["at"], "FOR", length,
                 "REASON", fields["reason"]]
        if fields["by"] is not None:
            words += ["BY", fields["by"]]
        record = self.ask("WINDOW PLAN", fields, words)
        if record.outcome == "ok":
            self.windows.append(int(record.reply["window"]))

    def change_node(self, node):
        """Mostly opens what is closed, so that something is granted there."""
        closed = "active" not in self.book.states.get(node, {"active"})
        verb = self.random.choices(["UNCORDON", "CORDON", "DRAIN"], [8 if closed else 1, 2, 2])[0]
        fields = {"node": node, "state": {"UNCORDON": "active", "CORDON": "cordoned",
                                          "DRAIN": "draining"}[verb]}
        words = ["NODE", verb, node]
        if verb == "DRAIN" and self.random.random() < 0.7:
            fields["by"] = self.random.randint(20, 600)
            words += ["BY", fields["by"]]
        self.ask(f"NODE {verb}", fields, words)
