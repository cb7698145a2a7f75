"""What a careful colleague would point out in a letter before it goes.

In: a letter, the cells of its row, the columns its templates use.  Out: warnings, gravest first.
Touches: nothing.

Pure functions: each check takes what it judges and yields what it found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from enum import IntEnum
from typing import NamedTuple
from urllib.parse import urlsplit

from campaign.pages.letter import Opened, Part
from campaign.preview.markup import Image, Link, Markup, read_markup
from campaign.units import show_size

GMAIL_CLIPS_BYTES = 102 * 1024  # Gmail cuts off longer HTML: "[Message clipped]"
SUBJECT_MAX = 70  # characters; about what a desktop inbox shows
_LEFT_OVER = re.compile(r"\{\{.{0,40}|\{%.{0,40}|.{0,20}(?:\}\}|%\})")
_NOT_A_VALUE = re.compile(r"\b(?:None|nan|NaN|NULL|undefined)\b(?! of\b)")
_NOTHING = frozenset({"none", "nan", "null", "undefined", "n/a", "#n/a", "nat", "<na>"})
_HOST = re.compile(r"(?:https?://)?((?:[a-z0-9-]+\.)+[a-z]{2,})(?:[/:?#]\S*)?", re.IGNORECASE)
_UNSUBSCRIBE = re.compile(
    r"unsubscribe|opt.?out|abmelden|abbestellen|désabonner|désinscri|darse de baja|"
    r"cancelar (?:la )?suscripción|disiscriv|退订|取消订阅|退訂|配信停止|수신 ?거부|отписаться",
    re.IGNORECASE,
)
_SPAMMY = re.compile(
    r"\b(?:100% free|act now|buy now|cash bonus|click here|congratulations|double your|"
    r"earn money|free gift|free money|guaranteed|limited time|make money|no obligation|"
    r"risk.free|urgent|viagra|winner|you have been selected|you won)\b|免费|中奖|发票",
    re.IGNORECASE,
)
_FAKE_ANSWER = re.compile(r"(?:re|fw|fwd|aw|wg|回复|转发)\s*[:：]", re.IGNORECASE)  # noqa: RUF001


# What files of a kind begin with (by their ending); of those that people attach to letters.
_BEGINS = {
    **dict.fromkeys(("zip", "docx", "xlsx", "pptx", "odt", "ods"), (b"PK\x03\x04", b"PK\x05\x06")),
    **dict.fromkeys(("jpg", "jpeg"), (b"\xff\xd8\xff",)),
    "png": (b"\x89PNG\r\n\x1a\n",),
    "gif": (b"GIF8",),
    "ics": (b"BEGIN:VCALENDAR", b"\xef\xbb\xbfBEGIN:VCALENDAR"),
}


class Gravity(IntEnum):
    """How bad it is; the larger the worse."""

    NOTE = 1
    CAUTION = 2
    FAULT = 3


class Warn(NamedTuple):
    """One thing to look at."""

    kind: str  # names the check, for filters: "alt"
    gravity: Gravity
    title: str  # fits a badge: "2 images without alt text"
    detail: str = ""  # which ones, or what to do


KINDS = {
    "leftover": "Left-over template",
    "empty": "Empty value",
    "not-a-value": "None or nan in the text",
    "script": "Script in the HTML",
    "danger": "Link that runs code",
    "mismatch": "Link text names another site",
    "insecure": "Link without https",
    "clipped": "Clipped by Gmail",
    "unsubscribe": "No way to unsubscribe",
    "alt": "Image without alt text",
    "blocked": "Unreadable without images",
    "remote": "Image from the network",
    "file": "Attachment is not what its name says",
    "subject-long": "Long subject",
    "subject-spam": "Subject looks like spam",
    "unplanned": "Row cannot be rendered",
}


def warnings_of(
    letter: Opened, cells: Mapping[str, str], used: frozenset[str] = frozenset()
) -> list[Warn]:
    """Everything there is to say about one letter, gravest first.

    `cells` is the row by column; `used` the columns its templates name.
    """
    markup = read_markup(letter.html)
    found = [
        *left_over(letter),
        *not_a_value(letter, markup, cells),
        *empty_values(cells, used),
        *scripts(markup),
        *links(markup.links),
        *clipped(letter.html),
        *without_unsubscribe(letter, markup),
        *images(markup),
        *attachments(letter.parts),
        *subject(letter.subject),
    ]
    return sorted(found, key=lambda warn: -warn.gravity)


def left_over(letter: Opened) -> Iterator[Warn]:
    """Something that looks like a template came out (fault 57)."""
    for text, where in (
        (letter.subject, "subject"), (letter.text, "text"), (letter.html, "HTML")
    ):  # fmt: skip
        shown = re.sub(r"<style.*?</style>", "", text, flags=re.DOTALL | re.IGNORECASE)
        if found := _LEFT_OVER.search(shown):
            yield Warn(
                "leftover", Gravity.FAULT, f"Left-over template in the {where}", found[0].strip()
            )


def not_a_value(letter: Opened, markup: Markup, cells: Mapping[str, str]) -> Iterator[Warn]:
    """ "None" or "nan" where a value should stand."""
    for text, where in (
        (letter.subject, "subject"), (letter.text, "text"), (markup.text, "HTML")
    ):  # fmt: skip
        if found := _NOT_A_VALUE.search(text):
            around = text[max(0, found.start() - 30) : found.end() + 20]
            yield Warn(
                "not-a-value", Gravity.FAULT, f"“{found[0]}” in the {where}",
                " ".join(around.split()),
            )  # fmt: skip
            return
    written = [name for name, cell in cells.items() if cell.strip().lower() in _NOTHING]
    if written:
        yield Warn("not-a-value", Gravity.CAUTION, f"{_names(written)} says it has no value")


def empty_values(cells: Mapping[str, str], used: frozenset[str]) -> Iterator[Warn]:
    """Columns that the templates use and this row leaves empty."""
    empty = [name for name, cell in cells.items() if name in used and not cell.strip()]
    if empty:
        yield Warn(
            "empty", Gravity.CAUTION, f"Empty: {_names(empty)}",
            "The templates use it; this row leaves it empty.",
        )  # fmt: skip


def scripts(markup: Markup) -> Iterator[Warn]:
    """What every mail program removes, and spam filters count."""
    if markup.active:
        yield Warn(
            "script", Gravity.FAULT, "Active content in the HTML",
            f"{_names(markup.active)}: mail programs remove it, filters refuse it.",
        )  # fmt: skip


def links(found: tuple[Link, ...]) -> Iterator[Warn]:
    """Where the links go, and whether they say so."""
    running = [link for link in found if link.scheme in ("javascript", "vbscript", "data")]
    if running:
        yield Warn("danger", Gravity.FAULT, "Link that runs code", running[0].target[:80])
    clear = sorted({link.target for link in found if link.scheme == "http"})
    if clear:
        count = len(clear)
        yield Warn(
            "insecure", Gravity.CAUTION,
            "Link without https" if count == 1 else f"{count} links without https",
            ", ".join(clear[:3]),
        )  # fmt: skip
    for link in found:
        said, goes = _host_named(link.text), urlsplit(link.target).hostname or ""
        if said and goes and not _same_site(said, goes):
            yield Warn(
                "mismatch", Gravity.FAULT, "Link text differs from its target",
                f"says {said}, goes to {goes}",
            )  # fmt: skip
            return


def clipped(html: str) -> Iterator[Warn]:
    """Gmail shows the first 102 KB."""
    size_bytes = len(html.encode("utf-8", "replace"))
    if size_bytes > GMAIL_CLIPS_BYTES:
        yield Warn(
            "clipped", Gravity.CAUTION, "Gmail clips this message",
            f"The HTML has {show_size(size_bytes)}; Gmail shows the first 102 KB.",
        )  # fmt: skip


def without_unsubscribe(letter: Opened, markup: Markup) -> Iterator[Warn]:
    """Bulk mail needs a way out, in the header (RFC 8058) and where people look."""
    in_header = bool(letter.header("List-Unsubscribe"))
    in_body = _UNSUBSCRIBE.search(markup.text + letter.text) or any(
        _UNSUBSCRIBE.search(link.target) for link in markup.links
    )
    if not in_header and not in_body:
        yield Warn(
            "unsubscribe", Gravity.CAUTION, "No unsubscribe link",
            "Gmail and Yahoo ask it of bulk senders: fill in [unsubscribe].",
        )  # fmt: skip
    elif not in_body:
        yield Warn(
            "unsubscribe", Gravity.NOTE, "Unsubscribe only in the header",
            "Readers look for a link at the end of the letter.",
        )  # fmt: skip


def images(markup: Markup) -> Iterator[Warn]:
    """Readers who block pictures, or cannot see them."""
    shown = [image for image in markup.images if not image.is_pixel]
    bare = [image for image in shown if image.alt is None]
    if bare:
        count = len(bare)
        yield Warn(
            "alt", Gravity.CAUTION,
            "Image without alt text" if count == 1 else f"{count} images without alt text",
            ", ".join(_name_of(image) for image in bare[:3]),
        )  # fmt: skip
    words = len(markup.text.split()) + sum(len(image.alt or "") > 0 for image in shown)
    if shown and words < 10:
        yield Warn(
            "blocked", Gravity.CAUTION, "Unreadable with images blocked",
            "Nearly everything it says is in its pictures.",
        )  # fmt: skip
    remote = [image for image in shown if image.source.lower().startswith(("http:", "https:"))]
    if remote:
        yield Warn(
            "remote", Gravity.NOTE,
            "Image from the network" if len(remote) == 1 else f"{len(remote)} remote images",
            "Not loaded here, and not by readers who block images.",
        )  # fmt: skip


def attachments(parts: Sequence[Part]) -> Iterator[Warn]:
    """Files that no program will open: empty, cut off, or of another kind than their name says."""
    broken = [part.name for part in parts if part.name and not _opens(part)]
    if broken:
        yield Warn(
            "file", Gravity.CAUTION,
            "Attachment is not what its name says" if len(broken) == 1
            else f"{len(broken)} attachments are not what their names say",
            _names(broken),
        )  # fmt: skip


def _opens(part: Part) -> bool:
    """Does the file begin, and a PDF end, as files of that name do?"""
    ending = part.name.rpartition(".")[2].lower()
    if ending == "pdf":  # ISO 32000, 7.5.2 and 7.5.5; readers look at the last kilobyte
        return b"%PDF-" in part.content[:1024] and b"%%EOF" in part.content[-1024:]
    return part.content.startswith(_BEGINS[ending]) if ending in _BEGINS else bool(part.content)


def subject(text: str) -> Iterator[Warn]:
    """What an inbox and its filter make of the subject."""
    if len(text) > SUBJECT_MAX:
        yield Warn(
            "subject-long", Gravity.CAUTION, f"Subject has {len(text)} characters",
            f"Inboxes show about {SUBJECT_MAX}, phones fewer.",
        )  # fmt: skip
    letters = [char for char in text if char.isalpha()]
    loud = len(letters) >= 8 and sum(char.isupper() for char in letters) > 0.7 * len(letters)
    signs = (
        "all capitals" if loud else "",
        "repeated marks" if re.search(r"[!?$€£！？]{2,}", text) else "",  # noqa: RUF001
        f"“{word[0]}”" if (word := _SPAMMY.search(text)) else "",
        "looks like an answer" if _FAKE_ANSWER.match(text) else "",
    )
    found = [sign for sign in signs if sign]
    if found:
        yield Warn("subject-spam", Gravity.CAUTION, "Subject looks like spam", ", ".join(found))


def _host_named(text: str) -> str:
    """The site that a link's text claims to be; "" where it claims none."""
    found = _HOST.fullmatch(text.strip())
    return found[1].lower() if found else ""


def _same_site(said: str, goes: str) -> bool:
    said, goes = said.removeprefix("www."), goes.lower().removeprefix("www.")
    return said == goes or goes.endswith("." + said) or said.endswith("." + goes)


def _name_of(image: Image) -> str:
    return "(embedded)" if image.source.startswith("data:") else image.source[:60] or "(no source)"


def _names(names: list[str] | tuple[str, ...]) -> str:
    shown = ", ".join(names[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown
