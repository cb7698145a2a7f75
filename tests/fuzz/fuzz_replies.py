"""atheris: bytes of a hostile server into the reply parser.

Whatever comes and however it is cut, the parser gives lawful replies or a problem, and the same
for every way of cutting.  Run by `make fuzz`.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["campaign"]):
    from campaign.smtp.replies.parsing import ReplyParser
    from campaign.smtp.replies.verdicts import judge

from campaign.records import Reply, Stage

_STAGES = list(Stage)


def parsed(pieces: list[bytes]) -> tuple[list[Reply], bool]:
    """All replies, and whether there was a problem."""
    parser = ReplyParser()
    replies = [reply for piece in pieces for reply in parser.feed(piece)]
    return replies, bool(parser.problem)


def try_one(data: bytes) -> None:
    """One input: its first byte says where the rest is cut, and at which stage it is judged."""
    if not data:
        return
    cut, rest = data[0], data[1:]
    replies, has_problem = parsed([rest])
    assert parsed([rest[:cut], rest[cut:]]) == (replies, has_problem)
    for reply in replies:
        assert 200 <= reply.code <= 599
        assert 1 <= len(reply.lines) <= 1000
        assert all(line.isprintable() for line in reply.lines)
        if reply.code // 100 != 3:
            judge(_STAGES[cut % len(_STAGES)], reply)


if __name__ == "__main__":
    atheris.Setup(sys.argv, try_one)
    atheris.Fuzz()
