"""The login mechanisms (SASL, RFC 4422), as challenge and answer without a socket.

In: user name, secret, challenges.  Out: answers.  Touches: random numbers for nonces.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import stringprep
import unicodedata
from collections.abc import Callable
from typing import Protocol

PASSWORD_ORDER = ("scram-sha-256", "cram-md5", "plain", "login")  # strongest first
TOKEN_ORDER = ("oauthbearer", "xoauth2")

_LEAST_ITERATIONS = 4096  # RFC 7677, 4
_MOST_ITERATIONS = 1_000_000  # a hostile server must not keep us busy


class AuthError(ValueError):
    """The server's challenge cannot be answered, or it did not prove that it knows us."""


def encode(answer: bytes) -> str:
    """Base64, as AUTH wants it (RFC 4954, 4)."""
    return base64.b64encode(answer).decode()


def decode(challenge: str) -> bytes:
    """The challenge of a 334 reply; AuthError if it is not base64.  Padding may be missing."""
    text = challenge.strip().rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError as error:
        raise AuthError("the challenge is not base64") from error


class Mechanism(Protocol):
    """One login on one connection.

    `reads_challenges`: what the server says is part of the computation; else it is a prompt for
    people and need not even be base64.
    """

    reads_challenges: bool

    def first(self) -> bytes | None:
        """The initial response; None where the server begins."""

    def answer(self, challenge: bytes) -> bytes: ...

    def check_end(self) -> None:
        """The server said 235: AuthError if it had to prove itself and did not."""


class _Base:
    reads_challenges = False

    def __init__(self, username: str, secret: str, host: str, port: int) -> None:
        self.username = username
        self.secret = secret
        self.host = host
        self.port = port

    def first(self) -> bytes | None:
        return None

    def check_end(self) -> None:
        pass


class Plain(_Base):
    """RFC 4616."""

    def first(self) -> bytes:
        if "\0" in self.username + self.secret:
            raise AuthError("user name and password must not contain NUL")
        return f"\0{self.username}\0{self.secret}".encode()

    def answer(self, challenge: bytes) -> bytes:
        return self.first()


class Login(_Base):
    """draft-murchison-sasl-login: first the name, then the password, whatever the prompt says."""

    _asked = 0

    def answer(self, challenge: bytes) -> bytes:
        self._asked += 1
        if self._asked > 2:
            raise AuthError("a third question")
        return (self.username if self._asked == 1 else self.secret).encode()


class CramMd5(_Base):
    """RFC 2195."""

    reads_challenges = True

    def answer(self, challenge: bytes) -> bytes:
        digest = hmac.new(self.secret.encode(), challenge, "md5").hexdigest()
        return f"{self.username} {digest}".encode()


class ScramSha256(_Base):
    """RFC 5802 and 7677, without channel binding; `nonce` is settable for the RFC's example."""

    reads_challenges = True
    nonce = ""
    _server_signature = b""
    _proven = False

    def first(self) -> bytes:
        self.nonce = self.nonce or secrets.token_urlsafe(18)
        name = saslprep(self.username).replace("=", "=3D").replace(",", "=2C")
        self._bare = f"n={name},r={self.nonce}"
        return f"n,,{self._bare}".encode()

    def answer(self, challenge: bytes) -> bytes:
        if self._server_signature:
            return self._last(challenge)
        text = challenge.decode("utf-8", "replace")
        fields = _fields(text)
        salt, count = decode(fields.get("s", "")), fields.get("i", "")
        if not fields.get("r", "").startswith(self.nonce) or not count.isdecimal():
            raise AuthError("the server's SCRAM challenge does not continue ours")
        if not _LEAST_ITERATIONS <= int(count) <= _MOST_ITERATIONS:
            raise AuthError(f"SCRAM with {count} iterations")
        salted = hashlib.pbkdf2_hmac("sha256", saslprep(self.secret).encode(), salt, int(count))
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        final = f"c=biws,r={fields['r']}"  # biws: base64 of "n,,"
        signed = f"{self._bare},{text},{final}".encode()
        signature = hmac.digest(hashlib.sha256(client_key).digest(), signed, "sha256")
        proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
        server_key = hmac.digest(salted, b"Server Key", "sha256")
        self._server_signature = hmac.digest(server_key, signed, "sha256")
        return f"{final},p={encode(proof)}".encode()

    def check_end(self) -> None:
        if not self._proven:
            raise AuthError("the server did not prove that it knows the password (SCRAM)")

    def _last(self, challenge: bytes) -> bytes:
        theirs = decode(_fields(challenge.decode("utf-8", "replace")).get("v", ""))
        if not hmac.compare_digest(theirs, self._server_signature):
            raise AuthError("the server's SCRAM signature is wrong")
        self._proven = True
        return b""


class Xoauth2(_Base):
    """Google's and Microsoft's OAuth 2 login."""

    def first(self) -> bytes:
        return f"user={self.username}\1auth=Bearer {self.secret}\1\1".encode()

    def answer(self, challenge: bytes) -> bytes:
        return b""  # the challenge is an error report; the reply that matters follows


class OauthBearer(_Base):
    """RFC 7628."""

    def first(self) -> bytes:
        name = self.username.replace("=", "=3D").replace(",", "=2C")
        return (
            f"n,a={name},\1host={self.host}\1port={self.port}\1auth=Bearer {self.secret}\1\1"
        ).encode()

    def answer(self, challenge: bytes) -> bytes:
        return b"\1"  # RFC 7628, 3.2.3: the error report is acknowledged


MECHANISMS: dict[str, Callable[[str, str, str, int], Mechanism]] = {
    "plain": Plain,
    "login": Login,
    "cram-md5": CramMd5,
    "scram-sha-256": ScramSha256,
    "xoauth2": Xoauth2,
    "oauthbearer": OauthBearer,
}


def usable(wanted: str, offered: frozenset[str], *, is_token: bool) -> list[str]:
    """The mechanisms to try, in this order; `auto` begins with the strongest offered."""
    order = (wanted,) if wanted != "auto" else TOKEN_ORDER if is_token else PASSWORD_ORDER
    return [name for name in order if name in offered]


def _fields(text: str) -> dict[str, str]:
    """SCRAM's attributes: "r=...,s=...,i=..."."""
    return dict(part.split("=", 1) for part in text.split(",") if "=" in part)


def saslprep(text: str) -> str:
    """RFC 4013; AuthError for what it prohibits."""
    mapped = "".join(
        " " if stringprep.in_table_c12(char) else char
        for char in text
        if not stringprep.in_table_b1(char)
    )
    prepared = unicodedata.ucd_3_2_0.normalize("NFKC", mapped)
    for char in prepared:
        if stringprep.in_table_c21_c22(char) or stringprep.in_table_c3(char):
            raise AuthError("user name or password contains a character that SASL prohibits")
    return prepared
