"""Plain text made from HTML, where a campaign has no text of its own.

In: HTML.  Out: text.  Touches: nothing.  The only module that imports inscriptis.
"""

from __future__ import annotations

from inscriptis import get_text  # type: ignore[import-untyped]
from inscriptis.css_profiles import STRICT_CSS_PROFILE  # type: ignore[import-untyped]
from inscriptis.model.config import ParserConfig  # type: ignore[import-untyped]

_CONFIG = ParserConfig(css=STRICT_CSS_PROFILE, display_links=True, display_images=False)


def text_of_html(html: str) -> str:
    """What a reader without HTML sees; links are shown behind their text."""
    lines = [line.rstrip() for line in get_text(html, _CONFIG).splitlines()]
    return "\n".join(lines).strip("\n") + "\n"
