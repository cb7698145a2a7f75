"""What results, messages and the journal call the way that a letter took.

In: a server, an address of ours.  Out: a name, as the column `relay` of the journal has it.
Touches: nothing.
"""

from __future__ import annotations

FROM = " from "  # between a server and our address


def server_name(host: str, port: int) -> str:
    """Host and port: "smtp.example.com:587", "[2001:db8::1]:587"."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def sent_from(server: str, source: str | None) -> str:
    """ "smtp.example.com:587 from 192.0.2.10"; without a source the server's name."""
    return f"{server}{FROM}{source}" if source else server
