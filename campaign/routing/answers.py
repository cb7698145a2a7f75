"""What the DNS says, in plain values.

In: nothing.  Out: `DnsAnswer` and the records in it, `DnsError`.  Touches: nothing.

Three answers are knowledge and are kept: records, "no such records", "no such name".  Everything
else (SERVFAIL, REFUSED, silence, garbage) is no knowledge and raises `DnsError`.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from enum import Enum, auto
from typing import Generic, NamedTuple, TypeVar

from campaign.errors import EXIT_UNAVAILABLE, CampaignError

Record = TypeVar("Record", covariant=True)


class Status(Enum):
    """What an answer says about the name."""

    FOUND = auto()
    NO_DATA = auto()  # the name exists, without records of this type (RFC 2308, 2.2)
    NO_NAME = auto()  # NXDOMAIN; for MX, A and AAAA given twice


class MxRecord(NamedTuple):
    """A mail exchange (RFC 5321, 5.1); the lower preference comes first."""

    preference: int
    exchange: str  # lower case, without the final dot; "." is the null MX (RFC 7505)


class TlsaRecord(NamedTuple):
    """What a server's certificate must be (RFC 6698, 2.1)."""

    usage: int
    selector: int
    matching: int
    data: bytes

    def __str__(self) -> str:
        return f"{self.usage} {self.selector} {self.matching} {self.data.hex()}"


@dataclass(frozen=True, slots=True)
class DnsAnswer(Generic[Record]):
    """One question answered."""

    status: Status
    records: tuple[Record, ...] = ()
    ttl_s: float = 0.0  # already within the bounds of `resolver`
    is_secure: bool = False  # the nameserver validated it with DNSSEC (AD, RFC 6840, 5.8)
    canonical: str = ""  # where CNAMEs led: the name that owns the records


class DnsError(CampaignError):
    """No knowledge: ask again later, and conclude nothing.

    `is_resolver_down`: not this question failed but every one would; a campaign should pause.
    """

    exit_code = EXIT_UNAVAILABLE

    def __init__(self, what: str, *, is_resolver_down: bool = False) -> None:
        remedy = "check the network and [dns] nameservers" if is_resolver_down else ""
        super().__init__(what, remedy=remedy)
        self.is_resolver_down = is_resolver_down


def is_unanswered(error: BaseException | None) -> bool:
    """Whether the system's own resolver got no answer, so that nothing is known of the name."""
    return isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN
