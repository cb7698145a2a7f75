"""The opening of a session: greeting, EHLO, STARTTLS, EHLO again, AUTH.

In: a `Talk` with the server, `Endpoint`.  Out: the server's extensions, or why there are none.
Touches: what the talk touches; the secret is fetched in a thread.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Protocol

from campaign.errors import ConfigError, RelayError
from campaign.records import Reply, Stage
from campaign.smtp.commands import AUTH_OCTETS, CommandError, command_line
from campaign.smtp.endpoint import ConnectRefused, Endpoint, LoginRefused
from campaign.smtp.extensions import Extensions, read_extensions
from campaign.smtp.opening import auth

_NO_SUCH_MECHANISM = 504  # RFC 4954, 4: not this one; nothing is said of the password
_MOST_CHALLENGES = 8  # no mechanism of ours has more than two


class Talk(Protocol):
    """One command, one reply."""

    @property
    def is_encrypted(self) -> bool: ...

    @property
    def local_address(self) -> str:
        """Our IP address on this connection."""

    @property
    def is_loopback(self) -> bool:
        """The server is this machine."""

    async def greeting(self) -> Reply: ...

    async def ask(self, stage: Stage, line: bytes, shown: str = "") -> Reply:
        """`shown` stands in transcripts in place of a line with a secret."""

    async def encrypt(self) -> None:
        """TLS on this connection; the server has said 220 to STARTTLS."""


async def greet(talk: Talk, endpoint: Endpoint) -> Extensions:
    """Through to the first MAIL.  ConnectRefused, LoginRefused or RelayError."""
    reply = await talk.greeting()
    if reply.code != 220:
        raise ConnectRefused(f"{endpoint.host} refuses us: {reply}", Stage.GREETING, reply)
    name = endpoint.hello or own_name(talk.local_address)
    extensions = await _hello(talk, endpoint, name)
    is_clear = endpoint.security in ("starttls", "opportunistic")
    if is_clear and await _starttls(talk, endpoint, extensions):
        extensions = await _hello(talk, endpoint, name)
    if endpoint.username:
        await _log_in(talk, endpoint, extensions)
    return extensions


def own_name(local_address: str) -> str:
    """This host's name if it is qualified, else its address literal (RFC 5321, 4.1.3)."""
    name = socket.gethostname()
    if "." in name.strip(".") and name.isascii():
        return name
    return f"[IPv6:{local_address}]" if ":" in local_address else f"[{local_address}]"


async def _hello(talk: Talk, endpoint: Endpoint, name: str) -> Extensions:
    try:
        line = command_line(f"EHLO {name}")
    except CommandError as error:
        raise ConfigError(f"hello cannot be used: {error}") from error
    reply = await talk.ask(Stage.EHLO, line)
    if reply.code // 100 == 2:
        return read_extensions(reply)
    if reply.code // 100 == 5:  # RFC 5321, 3.2: an old server
        reply = await talk.ask(Stage.EHLO, command_line(f"HELO {name}"))
        if reply.code // 100 == 2:
            return Extensions(reply.lines[0].partition(" ")[0])
    raise ConnectRefused(f"{endpoint.host} refuses our EHLO: {reply}", Stage.EHLO, reply)


async def _starttls(talk: Talk, endpoint: Endpoint, extensions: Extensions) -> bool:
    """Encrypted now?  As clear as before only where that is allowed (opportunistic)."""
    required = endpoint.security == "starttls"
    if "STARTTLS" not in extensions:
        if required:
            raise RelayError(
                f"{endpoint.host} port {endpoint.port} does not offer STARTTLS",
                remedy='use security = "tls" (port 465), or "none" on a trusted network',
            )
        return False
    reply = await talk.ask(Stage.STARTTLS, b"STARTTLS\r\n")
    if reply.code == 220:
        await talk.encrypt()
        return True
    if required or reply.code == 421:
        raise ConnectRefused(f"{endpoint.host} refuses STARTTLS: {reply}", Stage.STARTTLS, reply)
    return False


async def _log_in(talk: Talk, endpoint: Endpoint, extensions: Extensions) -> None:
    private = talk.is_encrypted and endpoint.security != "opportunistic"
    if not (private or talk.is_loopback or endpoint.allow_cleartext):
        raise LoginRefused(
            f"the password for {endpoint.host} would travel in clear text",
            None,
            remedy='use security = "starttls" or "tls", or say allow_cleartext_login = true',
        )
    offered = extensions.login_mechanisms
    names = auth.usable(endpoint.auth, offered, is_token=endpoint.secret_is_token)
    if not names:
        raise LoginRefused(
            f"{endpoint.host} offers no login that we can use"
            f" (it offers: {' '.join(sorted(offered)) or 'none'})",
            None,
            remedy="look at auth in [relay], or leave username out",
        )
    secret = ""
    if endpoint.secret is not None:
        secret = await asyncio.get_running_loop().run_in_executor(None, endpoint.secret)
    for name in names:
        mechanism = auth.MECHANISMS[name](endpoint.username, secret, endpoint.host, endpoint.port)
        try:
            reply = await _exchange(talk, name, mechanism)
            if reply.code == 235:
                mechanism.check_end()
                return
        except (auth.AuthError, CommandError) as error:
            raise LoginRefused(f"login at {endpoint.host} given up: {error}", None) from error
        if reply.code != _NO_SUCH_MECHANISM:
            break  # the password was judged, and is not tried twice
    if reply.code == _NO_SUCH_MECHANISM:
        others = sorted(offered - set(names)) or sorted(offered)
        raise LoginRefused(
            f"{endpoint.host} refuses {' and '.join(names)}, which it offers: {reply}",
            reply,
            remedy=f"set auth in [relay] to what it accepts (it offers: {', '.join(others)})",
        )
    if reply.code >= 500 or reply.code < 400:
        raise LoginRefused(
            f"{endpoint.host} refused the login of {endpoint.username}: {reply}",
            reply,
            remedy="check username and password in [relay]; nothing was tried twice",
        )
    raise ConnectRefused(f"{endpoint.host} put off the login: {reply}", Stage.AUTH, reply)


async def _exchange(talk: Talk, name: str, mechanism: auth.Mechanism) -> Reply:
    """AUTH and its challenges (RFC 4954, 4); the reply that ends it."""
    command = f"AUTH {name.upper()}"
    line, unsaid = command, mechanism.first()
    if unsaid is not None and len(command) + len(unsaid) * 4 / 3 < 500:
        line, unsaid = f"{command} {auth.encode(unsaid) or '='}", None
    # A longer initial response waits for the first challenge: RFC 4954, 4 allows 512 octets.
    reply = await talk.ask(Stage.AUTH, command_line(line), f"{command} ***")
    for _ in range(_MOST_CHALLENGES):
        if reply.code != 334:
            return reply
        try:
            answer = unsaid if unsaid is not None else _answer(mechanism, reply.lines[0])
        except auth.AuthError:
            await talk.ask(Stage.AUTH, b"*\r\n")
            raise
        unsaid = None
        line = auth.encode(answer)
        reply = await talk.ask(Stage.AUTH, command_line(line, AUTH_OCTETS), "***")
    raise auth.AuthError("the server does not stop asking")


def _answer(mechanism: auth.Mechanism, challenge: str) -> bytes:
    return mechanism.answer(auth.decode(challenge) if mechanism.reads_challenges else b"")
