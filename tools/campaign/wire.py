# One connection to the daemon through the stock Redis client, and replies as plain maps.
#
# Guarantees: a command is sent at most once (the client's own retries are off), and every outcome
# is one of three: a reply, a refusal with its code, or `Lost` (sent, but nobody knows).
# Works with redis-py 4.3 (RESP2) and later ones (RESP2 and RESP3).

import sys

try:
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry
except ModuleNotFoundError:
    sys.exit(f"{sys.executable} has no `redis`, the stock client; Debian's is in python3-redis, "
             "for /usr/bin/python3")

CODES = {
    "ERR", "NOPERM", "IDTOOOLD", "CONFLICT", "NOTFOUND", "FENCED", "EXPIRED", "UNSATISFIABLE",
    "QUOTA", "EXHAUSTED", "TIMEOUT", "DEADLOCK", "BUSY", "READONLY", "CIRCUITOPEN", "UNKNOWN",
}


class Refused(Exception):
    """The daemon said no; `code` is the first word of its line."""

    def __init__(self, code, message):
        super().__init__(f"{code} {message}")
        self.code = code


class Lost(Exception):
    """The connection ended, or nothing came in time: the command may have happened."""


class Wire:
    """A connection that is made at once and never made anew behind the caller's back."""

    def __init__(self, path, resp=2, timeout=20.0):
        options = {"protocol": resp} if int(redis.__version__.split(".")[0]) >= 5 else {}
        try:
            self.client = redis.Redis(
                unix_socket_path=path, decode_responses=True, socket_timeout=timeout,
                single_connection_client=True, retry=Retry(NoBackoff(), 0), **options,
            )
            self.client.ping()  # some versions connect with the first command only
        except (redis.exceptions.RedisError, OSError) as error:
            raise Lost(repr(error)) from None

    def call(self, *words):
        """The reply to one command; `Refused` or `Lost` otherwise."""
        try:
            return self.client.execute_command(*words)
        except redis.exceptions.ReadOnlyError as error:
            raise Refused("READONLY", str(error)) from None
        except redis.exceptions.NoPermissionError as error:
            raise Refused("NOPERM", str(error)) from None
        except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError, OSError) as error:
            raise Lost(repr(error)) from None
        except redis.exceptions.ResponseError as error:
            # The client drops the words it knows ("ERR"); ours stay.
            first, _, rest = str(error).partition(" ")
            code, message = (first, rest) if first in CODES else ("ERR", str(error))
            if code == "UNKNOWN":
                raise Lost(str(error)) from None
            raise Refused(code, message) from None

    def close(self):
        try:
            self.client.close()
            # Some versions only put the connection back, and the daemon waits for its end.
            self.client.connection_pool.disconnect()
        except Exception:  # a broken connection may complain once more
            pass


def as_map(reply):
    """A map of the protocol: RESP3 gives a dict, RESP2 a flat array."""
    if isinstance(reply, dict):
        return reply
    if isinstance(reply, (list, tuple)) and len(reply) % 2 == 0:
        return dict(zip(reply[::2], reply[1::2]))
    raise ValueError(f"not a map: {reply!r}")


def amounts_of(reply):
    """{resource: amount} of a reply's placements."""
    amounts = {}
    for item in reply.get("placements") or []:
        placement = as_map(item)
        name = placement["resource"]
        amounts[name] = amounts.get(name, 0) + int(placement["amount"])
    return amounts


def listing(wire, *words, page=500):
    """All items of a list command, page by page."""
    items, cursor = [], None
    while True:
        after = () if cursor is None else ("AFTER", cursor)
        reply = wire.call(*words, *((("LIMIT", page) + after) if page else ()))
        page_map = as_map(reply)
        items += [as_map(item) for item in page_map["items"]]
        following = page_map.get("cursor")
        if following in (None, "") or not page:
            return items
        if following == cursor:
            raise ValueError(f"{words}: the cursor {cursor!r} does not move on")
        cursor = following
