"""What a connection is told.

In: nothing.  Out: `Endpoint`, `Timeouts`, the errors of connecting.  Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from campaign.errors import LoginError, RelayError
from campaign.records import Reply, Stage
from campaign.smtp.commands import Notifications

SUBMISSIONS = 465
Security = Literal["starttls", "tls", "none", "opportunistic"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One server to speak to, and how.

    `host` is the name in certificates and SNI; `address` (an IP address), where given, is what
    is dialled instead of looking `host` up.  `secret` gives the password, or with
    `secret_is_token` the OAuth token; it is asked anew for every connection, in a thread.
    `opportunistic` security takes STARTTLS where offered, without verifying, and goes on in
    clear text where it fails (RFC 7435; for direct delivery).
    """

    name: str  # as results and messages call it
    host: str
    port: int = 587
    security: Security = "starttls"
    hello: str = ""  # name in EHLO; empty: this host's name if qualified, else address literal
    username: str = ""
    secret: Callable[[], str] | None = field(default=None, repr=False)
    secret_is_token: bool = False
    auth: str = "auto"  # or the name of a mechanism, in lower case
    allow_cleartext: bool = False  # log in without TLS although the server is not on loopback
    ca_file: str = ""  # PEM; empty: the system's store
    client_certificate: tuple[str, str] | None = None  # files (certificate, key), PEM
    verify: bool = True
    address: str | None = None
    source: str = ""  # our IP address that connections come from; empty: the system chooses
    notify: tuple[str, ...] = ()  # DSN NOTIFY: never, or success, failure, delay (RFC 3461)
    ret: str = ""  # DSN RET: full or hdrs
    envid: str = ""  # DSN ENVID is this, a dot and the row

    @property
    def is_for_tls(self) -> bool:
        """Port 465 (RFC 8314, 3.3) in clear text: its greeting may never come."""
        return self.port == SUBMISSIONS and self.security != "tls"

    @property
    def notifications(self) -> Notifications | None:
        """What is asked of delivery status notifications; None: nothing."""
        wanted = self.notify or self.ret or self.envid
        return Notifications(self.notify, self.ret, self.envid) if wanted else None


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait for each reply: RFC 5321, 4.5.3.2; connect as Postfix's smtp(8)."""

    connect: float = 30.0
    greeting: float = 300.0
    hello: float = 300.0
    starttls: float = 60.0  # each, the reply and the handshake
    auth: float = 120.0
    mail: float = 300.0
    behind_dot: float = 20.0  # where the envelope came with a dot: some servers throw it away
    rcpt: float = 300.0
    data: float = 120.0
    block: float = 180.0  # without any of the body leaving
    dot: float = 600.0
    rset: float = 60.0
    quit: float = 5.0  # nothing depends on the answer
    idle: float = 50.0  # then QUIT: middleboxes forget silent connections after a minute

    def by_stage(self) -> dict[Stage, float]:
        """Seconds for the reply to the command of each stage."""
        return {
            Stage.CONNECT: self.connect,
            Stage.GREETING: self.greeting,
            Stage.EHLO: self.hello,
            Stage.STARTTLS: self.starttls,
            Stage.AUTH: self.auth,
            Stage.MAIL: self.mail,
            Stage.RCPT: self.rcpt,
            Stage.DATA: self.data,
            Stage.DOT: self.dot,
            Stage.RSET: self.rset,
            Stage.QUIT: self.quit,
        }


class ConnectRefused(RelayError):
    """This attempt came to nothing; another address, or a later attempt, may do.

    `reply` is None where the server said nothing; `errno` is that of the system, or 0.
    """

    def __init__(
        self, what: str, stage: Stage, reply: Reply | None = None, *, errno: int = 0
    ) -> None:
        super().__init__(what)
        self.stage = stage
        self.reply = reply
        self.errno = errno


class LoginRefused(LoginError):
    """The server refused user name or password with `reply`: do not try again."""

    def __init__(self, what: str, reply: Reply | None, *, remedy: str = "") -> None:
        super().__init__(what, remedy=remedy)
        self.reply = reply
