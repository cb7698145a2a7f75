"""What TLS came to on an open connection.

In: a `Connection`.  Out: `TlsFacts`.  Touches: nothing.

The connection's TLS object knows them; nothing here imports ssl.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from campaign.smtp.connection import Connection

_DER = 2  # ssl._ENCODING_DER: how Python up to 3.12 is asked for the bytes


@dataclass(frozen=True, slots=True)
class TlsFacts:
    """One TLS session."""

    version: str  # "TLSv1.3"
    cipher: str
    chain: tuple[bytes, ...]  # certificates in DER as sent, the server's own first


def tls_facts(connection: Connection) -> TlsFacts | None:
    """The facts, verified or not; None on a connection in clear text."""
    if connection.tls is None:
        return None
    tls = connection.tls.object
    cipher = tls.cipher()
    return TlsFacts(tls.version() or "", cipher[0] if cipher else "", _chain(tls))


def _chain(tls: Any) -> tuple[bytes, ...]:
    """Public from Python 3.13 on; before, in the object underneath."""
    ask: Callable[[], list[Any] | None] | None = getattr(tls, "get_unverified_chain", None)
    if ask is not None:
        return tuple(ask() or ())
    return tuple(c.public_bytes(_DER) for c in tls._sslobj.get_unverified_chain() or ())
