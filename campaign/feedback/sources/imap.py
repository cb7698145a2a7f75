"""Mail in a mailbox on a server (IMAP, RFC 3501 and 9051); the only module that knows IMAPClient.

In: imaps://USER@HOST:PORT/FOLDER, a password or a token.  Out: mails in batches.
Touches: the network; a file that says how far the mailbox was read; the mailbox itself only by
`done`.  Fails with MailboxError, LoginError.

How far it was read counts for one UIDVALIDITY (RFC 3501, 2.3.1.1): where the server gives another,
all is read again.  A mail that is read twice counts once.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from campaign.errors import CampaignError, LoginError, MailboxError, MissingExtraError, UsageError
from campaign.extras import pip_line
from campaign.feedback.parsing.mail import LOOKED_AT
from campaign.feedback.sources.files import Afterwards, RawMail
from campaign.smtp.endpoint import Endpoint
from campaign.smtp.tls import tls_context

IDLE_S = 28 * 60.0  # a server may end the session after 30 minutes (RFC 2177, 3)
_POLL_S = 60.0  # where the server does not know IDLE
_TIMEOUT_S = 60.0
_AT_ONCE = 16  # mails of one FETCH: no more than 16 MB
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class RemoteMailbox:
    """Where it is."""

    user: str
    host: str
    port: int
    folder: str
    is_tls: bool  # from the first byte; else STARTTLS

    @property
    def shown(self) -> str:
        return f"{'imaps' if self.is_tls else 'imap'}://{self.user}@{self.host}/{self.folder}"


def read_url(url: str) -> RemoteMailbox:
    """Raises UsageError."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("imap", "imaps") or not parts.hostname or not parts.username:
        raise UsageError(f"'{url}' does not name a mailbox", remedy="write imaps://USER@HOST/INBOX")
    if parts.password:
        raise UsageError(
            "a password does not belong into the address of a mailbox",
            remedy='write password = { env = "BOUNCE_PASSWORD" } in [bounces]',
        )
    is_tls = parts.scheme == "imaps"
    return RemoteMailbox(
        unquote(parts.username), parts.hostname, port or (993 if is_tls else 143),
        unquote(parts.path.strip("/")) or "INBOX", is_tls,
    )  # fmt: skip


class ImapInbox:
    """An `Postbox`; connects when it is first asked, and again after a connection was lost."""

    def __init__(
        self,
        box: RemoteMailbox,
        afterwards: Afterwards,
        *,
        password: Callable[[], str] | None,
        token: Callable[[], str] | None,
        ca_file: str = "",
        memory: Path | None = None,
    ) -> None:
        """`memory`: the file that keeps how far it was read; None: all is read."""
        self.name = box.shown
        self._box = box
        self._afterwards = afterwards
        self._password = password
        self._token = token
        self._ca_file = ca_file
        self._memory = memory
        self._client: Any = None
        self._is_idle = False
        self._validity = 0
        self._last_uid = 0
        self._passed_uid = 0  # the last of those that were passed over
        self._pending: dict[str, int] = {}  # name -> UID of mails that were given

    def batches(self) -> Iterator[list[RawMail]]:
        client = self._connected()
        with self._guarded():
            client.noop()
            uids = sorted(client.search(["UID", f"{self._last_uid + 1}:*"]))
        # "n:*" is the last mail where there is none from n on (RFC 3501, 6.4.8).
        uids = [uid for uid in uids if uid > self._last_uid]
        for at in range(0, len(uids), _AT_ONCE):
            part = uids[at : at + _AT_ONCE]
            with self._guarded():
                found = client.fetch(part, [f"BODY.PEEK[]<0.{LOOKED_AT + 1}>"])
            batch = []
            for uid in part:
                name = f"{self.name};UID={uid}"
                self._pending[name] = uid
                batch.append(RawMail(name, _body(found.get(uid, {}))))
            yield batch

    def pass_over(self) -> None:
        client = self._connected()
        with self._guarded():
            uids = client.search(["UID", "*"])
        self._last_uid = self._passed_uid = max([self._last_uid, *uids])

    def done(self, mails: Sequence[RawMail]) -> None:
        uids = [uid for mail in mails if (uid := self._pending.pop(mail.name, 0))]
        if not uids:
            return
        client = self._connected()
        with self._guarded():
            if self._afterwards.move_to:
                if not client.folder_exists(self._afterwards.move_to):
                    client.create_folder(self._afterwards.move_to)
                if client.has_capability("MOVE"):
                    client.move(uids, self._afterwards.move_to)
                else:
                    client.copy(uids, self._afterwards.move_to)
                    self._remove(client, uids)
            elif self._afterwards.deletes:
                self._remove(client, uids)
        self._last_uid = max(self._last_uid, *uids)
        self._remember()

    def wait(self, seconds: float) -> None:
        client = self._connected()
        with self._guarded():
            if not client.has_capability("IDLE"):
                import time

                time.sleep(min(seconds, _POLL_S))
                return
            self._is_idle = True
            client.idle()
            client.idle_check(timeout=min(seconds, IDLE_S))
            client.idle_done()
            self._is_idle = False

    def close(self) -> None:
        if self._is_idle:  # interrupted: a server that idles hears no LOGOUT
            self.lost()
        client, self._client = self._client, None
        if client is not None:
            with suppress(Exception):
                client.logout()

    def _remove(self, client: Any, uids: list[int]) -> None:
        client.delete_messages(uids, silent=True)
        if client.has_capability("UIDPLUS"):
            client.uid_expunge(uids)
        else:
            client.expunge()

    def _connected(self) -> Any:
        if self._client is None:
            try:
                import imapclient  # type: ignore[import-untyped]
            except ImportError:
                raise MissingExtraError(
                    "IMAPClient is not installed, which reads mailboxes", remedy=pip_line("imap")
                ) from None
            with self._guarded():
                client = self._log_in(imapclient)
                selected = client.select_folder(
                    self._box.folder, readonly=self._afterwards == Afterwards()
                )
            self._validity = int(selected.get(b"UIDVALIDITY", 0))
            self._pending.clear()
            self._last_uid = self._recalled()
        return self._client

    def _log_in(self, library: Any) -> Any:
        box = self._box
        context = tls_context(Endpoint(box.host, box.host, box.port, ca_file=self._ca_file))
        client = library.IMAPClient(
            box.host, port=box.port, ssl=box.is_tls, ssl_context=context if box.is_tls else None,
            timeout=_TIMEOUT_S,
        )  # fmt: skip
        self._client = client  # from here on it is closed, whatever happens
        if not box.is_tls:
            if client.has_capability("STARTTLS"):
                client.starttls(context)
            elif box.host not in _LOCAL:
                raise MailboxError(
                    f"{box.host} offers no TLS, and the password would travel in clear text",
                    remedy="use imaps://",
                )
        try:
            if self._token:
                client.oauth2_login(box.user, self._token())
            elif self._password:
                client.login(box.user, self._password())
            else:
                raise UsageError(
                    f"there is no password for {self.name}",
                    remedy='add password = { env = "BOUNCE_PASSWORD" } or a token to [bounces]',
                )
        except library.exceptions.LoginError as error:
            raise LoginError(
                f"{box.host} refused the login of {box.user}: {error}",
                remedy="correct user, password or token of [bounces]",
            ) from None
        return client

    def _guarded(self) -> _Guarded:
        return _Guarded(self)

    def lost(self) -> None:
        """The connection is of no use any more."""
        client, self._client, self._is_idle = self._client, None, False
        if client is not None:
            with suppress(Exception):
                client.shutdown()

    def _recalled(self) -> int:
        if self._memory is None:
            return self._passed_uid
        try:
            kept = json.loads(self._memory.read_text())
            return int(kept["uid"]) if kept["uidvalidity"] == self._validity else 0
        except (OSError, ValueError, KeyError, TypeError):
            return 0

    def _remember(self) -> None:
        if self._memory is None:
            return
        self._memory.parent.mkdir(parents=True, exist_ok=True)
        new = self._memory.with_name(f"{self._memory.name}.new")
        kept = {"mailbox": self.name, "uidvalidity": self._validity, "uid": self._last_uid}
        new.write_text(json.dumps(kept))
        os.replace(new, self._memory)


def _body(answer: dict[bytes, Any]) -> bytes:
    """Of the answer to a FETCH; of a mail that was deleted meanwhile there is none."""
    return next((bytes(v) for k, v in answer.items() if k.startswith(b"BODY[") and v), b"")


class _Guarded:
    """Whatever goes wrong with the connection becomes one sentence."""

    def __init__(self, inbox: ImapInbox) -> None:
        self._inbox = inbox

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, CampaignError):
            self._inbox.lost()
        if isinstance(error, (OSError, socket.timeout)) or (
            error is not None and type(error).__module__.startswith(("imaplib", "imapclient"))
        ):
            self._inbox.lost()
            raise MailboxError(
                f"the mailbox {self._inbox.name} cannot be read: {str(error) or 'no answer'}",
                remedy="look at the server; what was taken in stays",
            ) from None
