"""Which extension a protocol error is blamed on.

In: the reply, what the letter's envelope made use of.  Out: names of extensions.
Touches: nothing.

Servers, and the boxes before them, offer what they cannot do.  An extension that the reply names
is to blame; without a name the ones the refused command used, unless they have worked here before:
then it is the address, or the letter.
"""

from __future__ import annotations

from campaign.records import Reply, Stage

PIPELINING = "PIPELINING"

# What stands in MAIL and RCPT for an extension, and in replies that refuse it.
_WORDS: dict[Stage, dict[str, tuple[str, ...]]] = {
    Stage.MAIL: {
        "SIZE": ("size",),
        "8BITMIME": ("body=", "8bitmime"),
        "DSN": ("ret=", "envid", "dsn"),
    },
    Stage.RCPT: {"DSN": ("notify", "orcpt", "dsn")},
}
_SPOKEN_TOO_EARLY = ("pipelin", "synchroni", "end of data")
_BAD_SEQUENCE = 503
_UNKNOWN_COMMAND = (500, 502)


def blamed(stage: Stage, reply: Reply, used: frozenset[str], *, works: bool) -> frozenset[str]:
    """The extensions to do without after a reply of class PROTOCOL; empty: none can be it.

    `used` are those of this letter; `works`: letters were accepted here with their like.
    """
    if stage is Stage.DOT:  # a final dot is never out of place
        return frozenset()
    text = reply.text.lower()
    if reply.code == _BAD_SEQUENCE or any(word in text for word in _SPOKEN_TOO_EARLY):
        return used & {PIPELINING}
    words = _WORDS.get(stage, {})
    parameters = used.intersection(words)
    named = {name for name in parameters if any(word in text for word in words[name])}
    if named or works:
        return frozenset(named)
    if not parameters and reply.code in _UNKNOWN_COMMAND:
        return used & {PIPELINING}
    return parameters
