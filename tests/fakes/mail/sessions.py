"""The client's half of a session without a socket, and what it says.

In: what a server offers.  Out: a `Client`, the bytes it wrote.  Touches: nothing.
"""

from __future__ import annotations

from campaign.smtp.extensions import Extensions
from campaign.smtp.protocol import Client

TAKEN = b"250 ok\r\n250 ok\r\n354 go\r\n"  # MAIL, RCPT and DATA are answered with yes


def session(keywords: dict[str, str]) -> Client:
    """The opening with a server that offers these is through."""
    made = Client()
    made.extensions = Extensions("server", keywords)
    return made


def written(client: Client) -> bytes:
    """What is to be written since the last time."""
    data = b"".join(client.out)
    client.out.clear()
    return data
