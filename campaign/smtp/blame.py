"""Which extension a protocol error is blamed on, and with which host it is done without.

In: the reply, the extensions a letter used.  Out: extensions no longer used.  Touches: nothing.

Servers, and the boxes before them, offer what they cannot do.  An extension that the reply names
is to blame; without a name the ones the refused command used, unless they have worked here before:
then it is the address, or the letter.
"""

from __future__ import annotations

from campaign.records import Reply, Stage

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

    def __init__(self) -> None:
        self._hosts: dict[str, frozenset[str]] = {}

    def at(self, host: str) -> frozenset[str]:
        return self._hosts.get(host, frozenset())

    def begin(self, host: str, extensions: frozenset[str]) -> frozenset[str]:
        """Do without these from now on; those that are new."""
        new = extensions - self.at(host)
        self._hosts[host] = self.at(host) | new
        return new


def done_without(host: str, extensions: frozenset[str], why: str) -> str:
    """One sentence about extensions switched off."""
    names = " and ".join(sorted(extensions))
    return f"{host} offers {names} but does not keep to it ({why}): done without for this run"
