# What an operator does: two of the clients drain a node each, one by plan and one at once.


class OperatorVerbs:
    """Cordons and drains; `Client` has the connection."""

    def operate(self, node):
        """Something to the node that is this client's."""
        return self.plan_window(node) if node == "y0" else self.change_node(node)

    def plan_window(self, node):
        self.windows = [number for number in self.windows
                        if self.book.windows[number].cancelled is None]
        if self.windows and self.random.random() < 0.3:
            window = self.random.choice(self.windows)
            record = self.ask("WINDOW CANCEL", {"window": window}, ["WINDOW", "CANCEL", window])
            if record.outcome == "ok" or record.code == "NOTFOUND":
                self.windows.remove(window)
            return True
        self.count += 1
        length = self.random.randint(150, 1_500)
        fields = {"node": node, "at": self.random.randint(30, 800), "length": length,
                  "by": self.random.choice([None, self.random.randint(20, length - 20)]),
                  "reason": f"w-{self.name}-{self.count}"}
        words = ["NODE", "DRAIN", node, "AT", fields["at"], "FOR", length,
                 "REASON", fields["reason"]]
        if fields["by"] is not None:
            words += ["BY", fields["by"]]
        record = self.ask("WINDOW PLAN", fields, words)
        if record.outcome == "ok":
            self.windows.append(int(record.reply["window"]))
        return True

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
        return True
