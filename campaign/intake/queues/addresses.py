"""Which queue of which broker: the url of `campaign consume`.

In: a url.  Out: `QueueAddress`.  Touches: nothing.  Fails with UsageError.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit, urlunsplit

from campaign.errors import UsageError

# Scheme -> the port where the url has none.
PORTS = {
    "amqp": 5672, "amqps": 5671, "redis": 6379, "rediss": 6379, "nats": 4222, "tls": 4222,
    "stomp": 61613, "stomps": 61614, "kafka": 9092,
}  # fmt: skip
_REMEDY = "write for example amqp://app@host/?queue=letters, or redis, nats, kafka, stomp://"
_KNOWN = {"queue", "group"}


class QueueAddress(NamedTuple):
    """A queue.

    server: the url without what is ours in its query
    queue: name of the queue, stream, subject or topic
    group: under which name several of us share the work
    """

    scheme: str
    server: str
    host: str
    port: int
    user: str
    password: str
    queue: str
    group: str

    @property
    def shown(self) -> str:
        """Without the password."""
        return f"{self.scheme}://{self.host}:{self.port} {self.queue}"


def read_queue_url(url: str, password: str = "") -> QueueAddress:
    """`password`: where the url has none.  Raises UsageError."""
    parts = urlsplit(url)
    try:
        port = parts.port or PORTS.get(parts.scheme, 0)
    except ValueError:
        port = 0
    if parts.scheme not in PORTS or not parts.hostname or not port:
        raise UsageError("this is not the url of a queue", remedy=_REMEDY)
    asked = parse_qs(parts.query)
    unknown = set(asked) - _KNOWN
    if unknown:
        raise UsageError(
            f"the url of a queue has no {', '.join(sorted(unknown))}", remedy="known: queue, group"
        )
    queue = asked.get("queue", [""])[0]
    if not queue:
        raise UsageError("the url does not say which queue", remedy="add ?queue=letters to it")
    user, secret = unquote(parts.username or ""), unquote(parts.password or "") or password
    netloc = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return QueueAddress(
        parts.scheme,
        urlunsplit((parts.scheme, f"{netloc}:{port}", parts.path, "", "")),
        parts.hostname,
        port,
        user,
        secret,
        queue,
        asked.get("group", ["campaign"])[0],
    )
