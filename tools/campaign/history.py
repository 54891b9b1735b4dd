# What each client did, written to its own file before a command is sent and after its outcome.
#
# A record is one JSON line with "e":"invoke" or "e":"return"; times are CLOCK_MONOTONIC in
# nanoseconds. `read` pairs them again in the order of return, so that the judgement of a campaign
# can be repeated from the files alone.

import glob
import json
import os
import time


def now():
    return time.monotonic_ns()


class Record:
    """One command: what was asked, when it was sent, when and how it came back."""

    __slots__ = ("client", "seq", "op", "ask", "sent", "back", "outcome", "code", "reply")

    def __init__(self, client, seq, op, ask, sent):
        self.client, self.seq, self.op, self.ask, self.sent = client, seq, op, ask, sent
        self.back, self.outcome, self.code, self.reply = None, "open", None, None

    def __str__(self):
        return (f"{self.client}#{self.seq} {self.op} {json.dumps(self.ask)} sent {self.sent} "
                f"back {self.back} {self.outcome} {self.code or ''} {json.dumps(self.reply)}")


class History:
    """The append-only file of one client."""

    def __init__(self, folder, client):
        self.client, self.seq = client, 0
        self.file = open(os.path.join(folder, f"{client}.history"), "w", buffering=1)

    def invoke(self, op, ask):
        """Written before the command is sent."""
        self.seq += 1
        record = Record(self.client, self.seq, op, ask, now())
        self.line({"e": "invoke", "i": record.seq, "t": record.sent, "op": op, "ask": ask})
        return record

    def finish(self, record, outcome, code=None, reply=None):
        """Written after the outcome: "ok", "err" (a refusal with its code) or "unknown"."""
        record.back, record.outcome, record.code, record.reply = now(), outcome, code, reply
        self.line({"e": "return", "i": record.seq, "t": record.back, "r": outcome,
                   "code": code, "reply": reply})
        return record

    def line(self, fields):
        self.file.write(json.dumps(fields, separators=(",", ":")) + "\n")

    def close(self):
        self.file.close()


def read(folder):
    """All records of all files, in the order in which they came back."""
    records = []
    for path in sorted(glob.glob(os.path.join(folder, "*.history"))):
        client = os.path.basename(path).removesuffix(".history")
        open_records = {}
        with open(path) as file:
            for line in file:
                fields = json.loads(line)
                if fields["e"] == "invoke":
                    open_records[fields["i"]] = Record(
                        client, fields["i"], fields["op"], fields["ask"], fields["t"])
                    continue
                record = open_records.pop(fields["i"])
                record.back, record.outcome = fields["t"], fields["r"]
                record.code, record.reply = fields["code"], fields["reply"]
                records.append(record)
        for record in open_records.values():  # never answered: as good as unknown
            record.back, record.outcome = record.sent, "unknown"
            records.append(record)
    records.sort(key=lambda record: record.back)
    return records
