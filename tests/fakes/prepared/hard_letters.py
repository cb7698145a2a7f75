"""Letters that are hard to sign, as many as are wanted, the same each time.

In: a folder for templates, a number.  Out: letters as they travel.  Touches: the folder.

Half of them come from the renderer, with names and texts in many scripts in every place; the others
are written here, with what it never writes: 8-bit bodies, tabs, blanks at the ends of lines, fields
that stand twice.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from email.header import Header
from pathlib import Path

from campaign.errors import RenderError
from campaign.rendering.render import Renderer, UnsubscribeSpec
from fakes.prepared.letters import job, spec, write

_COLUMNS = ("name", "subject", "body", "extra")
_WORDS = ["Ada", "Grace", "李小龙", "Ørsted", "O'Neill", "שלום", "👩‍👩‍👧", "Müller-Lüdenscheidt",
          "=?utf-8?q?x?=", "a;b:c=d", "  ", "\t", "٣", "x" * 90, "dkim-signature: v=1", "--", ".",
          "From", "e\u0301", "\u3000", "<b>&amp;</b>",
          "https://example.com/?a=b&c=d;e"]  # fmt: skip
_ENDS = ["\n", "\n", "\r\n", "\n\n\n", " \n", "\t\n", "\n.\n", "\n..\n", "\nFrom x\n"]
_EXTRA = [b"X-Extra", b"Precedence", b"List-Id", b"Feedback-ID", b"Sender", b"Cc", b"Received",
          b"Comments", b"X-Mailer", b"In-Reply-To"]  # fmt: skip


def hard_letters(folder: Path, count: int, seed: int = 1) -> list[bytes]:
    """So many; local parts of some are UTF-8 (SMTPUTF8)."""
    chance = random.Random(seed)
    made = _rendered(folder, chance)
    return [next(made) if at % 2 else _written(chance) for at in range(count)]


def _rendered(folder: Path, chance: random.Random) -> Iterator[bytes]:
    write(folder, "body.txt", "{{ body }}\n.\nend\n")
    write(folder, "body.html", "<p>\t{{ body }} </p>\n\n")
    common = {"name": "{{ name }}", "subject": "{{ subject }}", "text": "body.txt"}
    renderers = [
        Renderer(spec(folder, _COLUMNS, **common)),
        Renderer(
            spec(
                folder,
                _COLUMNS,
                **common,
                html="body.html",
                reply_to="help@example.com",
                headers={"X-Extra": "{{ extra }}", "List-Id": "Spring <spring.example.com>"},
                unsubscribe=UnsubscribeSpec("https://example.com/u", "u@example.com", b"s" * 32),
            )
        ),
    ]
    while True:
        row = {column: _text(chance, column == "body") for column in _COLUMNS}
        address = chance.choice(
            ["ada@example.org", "李@例子.example".replace("例子", "xn--fsqu00a")]
        )
        try:
            yield chance.choice(renderers).render(job(row, address=address)).wire
        except RenderError:  # an empty subject and the like
            continue


def _text(chance: random.Random, is_long: bool) -> str:
    if not is_long:
        return " ".join(chance.choices(_WORDS, k=chance.randint(1, 12)))
    lines = range(chance.randint(1, 40))
    return "".join(_text(chance, False) + chance.choice(_ENDS) for _ in lines)


def _written(chance: random.Random) -> bytes:
    folds = [b"\r\n ", b"\r\n\t", b" ", b"  ", b"\t"]
    name = Header(chance.choice(_WORDS).strip() or "x", "utf-8").encode(linesep="\r\n")
    fields = [
        b"From: Ada <ada@example.com>",
        b"To: " + name.encode() + b"\r\n <bob@example.org>",
        b"Subject: " + chance.choice(folds).join(_ascii(chance) for _ in range(9)),
        b"Date: Fri, 27 Nov 2026 12:00:00 +0000",
        b"Message-ID: <%d@example.com>" % chance.getrandbits(60),
    ]  # fmt: skip
    for name in chance.choices(_EXTRA, k=chance.randint(0, 8)):
        value = chance.choice(folds).join(_ascii(chance) for _ in range(chance.randint(1, 5)))
        fields.append(name + b": " + value + chance.choice([b"", b" ", b"\t"]))
    chance.shuffle(fields)
    text = _text(chance, True).replace("\r\n", "\n").replace("\r", "\n")
    body = text.encode(chance.choice(["utf-8", "gb18030"]), "replace").replace(b"\n", b"\r\n")
    body = body.replace(b"\r\n.", b"\r\n-").lstrip(b".")
    return b"\r\n".join(fields) + b"\r\n\r\n" + chance.choice([b"", b"\r\n"]) + body


def _ascii(chance: random.Random) -> bytes:
    return bytes(chance.choices(b"abcdefgh;:=,\"'()<>@0123456789", k=chance.randint(1, 12)))
