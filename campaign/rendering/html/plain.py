"""Plain text made from HTML, where a campaign has no text of its own.

In: HTML.  Out: text.  Touches: nothing.  The only module that imports inscriptis (and lxml, which
inscriptis is built on).
"""

from __future__ import annotations

import re

import lxml.html  # type: ignore[import-untyped]
from inscriptis import Inscriptis  # type: ignore[import-untyped]
from inscriptis.css_profiles import STRICT_CSS_PROFILE  # type: ignore[import-untyped]
from inscriptis.model.config import ParserConfig  # type: ignore[import-untyped]

_CONFIG = ParserConfig(css=STRICT_CSS_PROFILE, display_links=False, display_images=False)
_DECLARATION = re.compile(r"\s*<\?xml[^>]*\?>")
_WORTH_SHOWING = re.compile(r"(?:https?|ftp|mailto|tel|sms):", re.IGNORECASE)


def text_of_html(html: str) -> str:
    """What a reader without HTML sees: `text <url>` for a link, the alt text for an image.

    A link whose text is its address already stands alone; one that leads to a place within the
    letter or runs a script is only its text.
    """
    html = _DECLARATION.sub("", html, count=1)
    if not html.strip():
        return "\n"
    tree = lxml.html.document_fromstring(html, ensure_head_body=True)
    for image in list(tree.iter("img")):
        alt = image.get("alt", "").strip()
        image.tag, image.text = "span", alt
        image.attrib.clear()
    for link in list(tree.iter("a")):
        _show_target(link)
    lines = [line.rstrip() for line in Inscriptis(tree, _CONFIG).get_text().splitlines()]
    return "\n".join(lines).strip("\n") + "\n"


def _show_target(link: lxml.html.HtmlElement) -> None:
    """Write the address of a link behind its text."""
    url = link.get("href", "").strip()
    if not _WORTH_SHOWING.match(url):
        return
    text = " ".join(link.text_content().split())
    bare = re.sub(r"^(?:mailto|tel|sms):", "", url, flags=re.IGNORECASE)
    if text in (url, bare, url.rstrip("/")):
        return
    shown = f" <{url}>" if text else url
    if len(link):
        link[-1].tail = (link[-1].tail or "").rstrip() + shown
    else:
        link.text = (link.text or "").rstrip() + shown
