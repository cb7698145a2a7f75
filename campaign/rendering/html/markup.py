"""HTML made from Markdown, and styles written into the elements they are for.

In: Markdown, HTML.  Out: HTML.  Touches: nothing, fetches nothing.
The only module that imports markdown-it-py and css-inline:
`pip install campaign[markdown]`, `pip install campaign[css]`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from campaign.errors import TemplateError
from campaign.extras import pip_line

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_LINE_END = re.compile(r"\r\n|\r|\n")
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
    """A cell that Markdown shows as it is (CommonMark, 2.4 and 2.5).

    Punctuation gets a backslash; line ends and blanks at the start, which could begin a block, are
    written as character references.
    """
    text = _PUNCTUATION.sub(r"\\\1", text)
    text = _LINE_END.sub("&#10;", text)
    stripped = text.lstrip(" \t")
    blanks = text[: len(text) - len(stripped)]
    return "".join(f"&#{ord(blank)};" for blank in blanks) + stripped


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
    convert = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).render
    return lambda text: _PAGE.format(body=convert(text))


def style_inliner() -> Callable[[str], str]:
    """From HTML with style sheets in it to HTML with style attributes.

    Rules for media stay where they are.  Raises TemplateError where the library is missing.
    """
    try:
        import css_inline
    except ImportError:
        raise TemplateError("message.inline_css needs css-inline", remedy=pip_line("css")) from None
    inline = css_inline.CSSInliner(load_remote_stylesheets=False, keep_at_rules=True).inline
    return lambda html: _shown_again(inline(_hidden(html)))


def _hidden(html: str) -> str:
    """Outlook's `<![if !mso]>` as a comment: a parser of HTML would make another comment of it."""
    return _CONDITION.sub(lambda found: _KEPT.format(found[1]) if found[1] else found[0], html)


def _shown_again(html: str) -> str:
    return _KEPT_CONDITION.sub(r"<![\1]>", html)
