"""HTML made from Markdown, and styles written into the elements they are for.

In: Markdown, HTML.  Out: HTML.  Touches: nothing, fetches nothing.
The only module that imports markdown-it-py and css-inline:
`pip install campaign[markdown]`, `pip install campaign[css]`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable

from campaign.errors import TemplateError
from campaign.extras import pip_line

# Punctuation, blanks and line ends of a cell travel through Markdown as private characters, which
# mean nothing to it wherever they stand: backslashes would be shown in code, and a blank would end
# the target of a link.  Letters and digits stay as they are.
_PRIVATE = 0x10F000
_MARKS = [char for char in map(chr, range(128)) if not char.isalnum()]
_HIDDEN = str.maketrans(
    {char: chr(_PRIVATE + ord(char)) for char in _MARKS}
    | {chr(_PRIVATE + ord(char)): "\ufffd" for char in _MARKS}  # nobody's letters
)
_SEEN = str.maketrans({chr(_PRIVATE + ord(char)): char for char in _MARKS})
_IN_HTML = str.maketrans({chr(_PRIVATE + ord(char)): html.escape(char) for char in _MARKS})
# What a comment holds, hidden conditions among it, is left alone.
_CONDITION = re.compile(r"<!--.*?-->|<!\[(if\b[^\]>]*|endif)\]>", re.DOTALL | re.IGNORECASE)
_KEPT = "<!--campaign keeps [{}]-->"
_KEPT_CONDITION = re.compile(r"<!--campaign keeps \[([^\]>]*)\]-->")
_PAGE = """<!doctype html>
<html>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<style>
body {{ margin: 0 auto; max-width: 36em; padding: 1.5em; line-height: 1.5;
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; }}
img {{ max-width: 100%; }}
</style>
</head>
<body>
{body}</body>
</html>
"""


def escaped_markdown(text: str) -> str:
    """A cell that Markdown shows as it is, in text, in code and in the target of a link.

    Only `markdown_page` gives its characters back.
    """
    return text.replace("\r\n", "\n").replace("\r", "\n").translate(_HIDDEN)


def markdown_page() -> Callable[[str], str]:
    """From Markdown to a whole HTML page; HTML in the Markdown is shown, not obeyed.

    Raises TemplateError where the library is missing.
    """
    try:
        from markdown_it import MarkdownIt
    except ImportError:
        raise TemplateError(
            "message.markdown needs markdown-it-py", remedy=pip_line("markdown")
        ) from None

    class CellsInLinks(MarkdownIt):
        """A cell in a target is part of the address: it is judged and written as one."""

        def normalizeLink(self, url: str) -> str:  # noqa: N802
            return super().normalizeLink(url.translate(_SEEN))

    convert = CellsInLinks("commonmark", {"html": False}).enable(["table", "strikethrough"]).render
    return lambda text: _PAGE.format(body=convert(text).translate(_IN_HTML))


def style_inliner() -> Callable[[str], str]:
    """From HTML with style sheets in it to HTML with style attributes.

    Rules for media stay where they are.  Raises TemplateError where the library is missing.
    """
    try:
        import css_inline
    except ImportError:
        raise TemplateError("message.inline_css needs css-inline", remedy=pip_line("css")) from None
    inline = css_inline.CSSInliner(load_remote_stylesheets=False, keep_at_rules=True).inline
    return lambda page: _shown_again(inline(_hidden(page)))


def _hidden(page: str) -> str:
    """Outlook's `<![if !mso]>` as a comment: a parser of HTML would make another comment of it."""
    return _CONDITION.sub(lambda found: _KEPT.format(found[1]) if found[1] else found[0], page)


def _shown_again(page: str) -> str:
    return _KEPT_CONDITION.sub(r"<![\1]>", page)
