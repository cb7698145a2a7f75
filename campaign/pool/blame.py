"""Which extension a protocol error is blamed on, and with which host it is done without.

In: the reply, the extensions a letter used.  Out: extensions no longer used.
Touches: connections that must finish.

Servers, and the boxes before them, offer what they cannot do.  An extension that the reply names
is to blame; without a name the ones the refused command used, unless they have worked here before:
then it is the address, or the letter.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from campaign.records import Letter, Reply, Stage

if TYPE_CHECKING:
    from campaign.smtp.connection import Connection

# What stands in MAIL and RCPT for an extension, and in replies that refuse it.
_WORDS: dict[Stage, dict[str, tuple[str, ...]]] = {
    Stage.MAIL: {
        "SIZE": ("size",),
        "8BITMIME": ("body=", "8bitmime"),
        "DSN": ("ret=", "envid", "dsn"),
    },
    Stage.RCPT: {"DSN": ("notify", "orcpt", "dsn")},
}
_BAD_SEQUENCE = 503
_UNKNOWN_COMMAND = (500, 502)


def blamed(stage: Stage, reply: Reply, used: frozenset[str], *, works: bool) -> frozenset[str]:
    """The extensions to do without after a reply of class PROTOCOL; empty: none can be it.

    `used` are those of this letter; `works`: letters were accepted here with their like.
    """
    if stage is Stage.DOT:  # a final dot is never out of place; BDAT may be
        return used & {"CHUNKING"}
    if reply.code == _BAD_SEQUENCE:
        return used & {"PIPELINING"}
    words = _WORDS.get(stage, {})
    text = reply.text.lower()
    parameters = used & words.keys()
    named = {name for name in parameters if any(word in text for word in words[name])}
    if named or works:
        return frozenset(named)
    if not parameters and reply.code in _UNKNOWN_COMMAND:
        return used & {"PIPELINING"}
    return parameters


class Abstinence:
    """What is done without at one site, host by host, for the rest of the run."""

    def __init__(
        self, name: str, connections: Collection[Connection], say: Callable[[str], None]
    ) -> None:
        """`connections`: those the site has."""
        self.is_proven = False  # a letter was accepted, by BDAT where the server has CHUNKING
        self._works = False  # a letter was accepted
        self._finder: Connection | None = None  # alone may send whole letters until that is proven
        self._name = name
        self._connections = connections
        self._say = say
        self._hosts: dict[str, frozenset[str]] = {}
        self._excused: set[int] = set()  # rows that went again because an extension was to blame

    def prepare(self, connection: Connection) -> None:
        """A new connection, before its first letter.

        Should BDAT be swallowed without a reply, one letter is in doubt and not one a connection.
        """
        without = self._hosts.get(connection.endpoint.host, frozenset())
        if not self.is_proven:
            if self._finder in self._connections:
                without |= {"CHUNKING"}
            else:
                self._finder = connection
        connection.session.do_without(without)

    def accepted(self, connection: Connection, letter: Letter) -> None:
        """A letter was taken; of interest until `is_proven`."""
        self._works = True
        session = connection.session
        self.is_proven = letter.row == session.whole_row or "CHUNKING" not in session.extensions

    def excuses(self, connection: Connection, letter: Letter, stage: Stage, reply: Reply) -> bool:
        """After a protocol error: is an extension to blame, and may the letter go again for it?"""
        guilty = blamed(stage, reply, connection.session.uses(letter), works=self._works)
        if not guilty:
            return False
        self._begin(connection, guilty, str(reply))
        is_first = letter.row not in self._excused
        self._excused.add(letter.row)
        return is_first

    def doubted(self, connection: Connection, letter: Letter, why: str) -> None:
        """A letter met with silence at the end of its data."""
        if not self.is_proven and letter.row == connection.session.whole_row:
            self._begin(connection, frozenset({"CHUNKING"}), why)

    def went_astray(self, connection: Connection, why: str) -> bool:
        """A connection has ended; was it led astray by an extension?"""
        guilty = connection.session.led_astray_by
        if guilty:
            self._begin(connection, guilty, why)
        return bool(guilty)

    def _begin(self, connection: Connection, extensions: frozenset[str], why: str) -> None:
        """From now on; connections that still use them finish what they have."""
        host = connection.endpoint.host
        before = self._hosts.get(host, frozenset())
        if extensions <= before:
            return
        self._hosts[host] = before | extensions
        names = " and ".join(sorted(extensions - before))
        self._say(
            f"{self._name} offers {names} but does not keep to it ({why}):"
            " done without for the rest of this run"
        )
        for other in list(self._connections):
            if other.endpoint.host == host:
                other.finish()
