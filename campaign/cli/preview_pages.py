"""Letters as files: an .eml and a page each, and an index to go through them.

In: finished letters.  Out: files that open in a mail program and in a browser, without network.
Touches: the folder it is given.

What a letter contains may be hostile: it is shown in a sandboxed frame under a policy that lets
nothing run and nothing be fetched.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path

from campaign.cli.letter import LetterView, take_apart
from campaign.errors import UsageError
from campaign.units import show_size

# Everything is forbidden but what the page itself brings: style, and images as data: URLs.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-src 'self'"
_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --dim: light-dark(#566, #9aa) }
* { box-sizing: border-box }
body { margin: 0; font: 15px/1.45 system-ui, sans-serif }
a { color: inherit; text-decoration: none }
h1 { font-size: 1.1rem; margin: 0; padding: 1rem }
.index { display: grid; grid-template-columns: minmax(18rem, 26rem) 1fr; height: 100vh }
.index nav { overflow: auto; border-right: 1px solid var(--line) }
.index ol { list-style: none; margin: 0; padding: 0 }
.index li a { display: block; padding: .6rem 1rem; border-top: 1px solid var(--line) }
.index li a:hover, .index li a:focus { background: var(--soft) }
.index li span { display: block; color: var(--dim); font-size: .85rem }
.index iframe { border: 0; width: 100%; height: 100% }
.letter { padding: 1rem; max-width: 60rem }
.letter dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: 0 }
.letter dt { color: var(--dim) }
.letter dd { margin: 0; overflow-wrap: anywhere }
.letter iframe { width: 100%; height: 75vh; border: 1px solid var(--line); background: #fff }
.letter pre { white-space: pre-wrap; overflow-wrap: anywhere }
@media (max-width: 45rem) {
  .index { grid-template-columns: 1fr; grid-template-rows: 40vh 60vh }
}
"""


def write_pages(folder: Path, campaign: str, letters: Iterable[tuple[int, bytes]]) -> int:
    """Write every letter and the index; the number of letters.  UsageError where it cannot."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        listed = []
        for row, letter in letters:
            name = f"{row:06d}"
            view = take_apart(letter)
            (folder / f"{name}.eml").write_bytes(letter)
            (folder / f"{name}.html").write_text(_letter_page(name, view), encoding="utf-8")
            listed.append(_item(name, row, view))
        (folder / "index.html").write_text(_index_page(campaign, listed), encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot write {error.filename or folder}: {error.strerror or error}",
            remedy="name another folder",
        ) from error
    return len(listed)


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n{body}\n</html>\n"
    )


def _index_page(campaign: str, items: list[str]) -> str:
    return _page(
        f"{campaign}: {len(items):,} letters",
        f'<body class="index"><nav aria-label="Letters"><h1>{escape(campaign)}</h1>\n<ol>\n'
        + "\n".join(items)
        + '\n</ol></nav><main><iframe name="letter" title="Letter" sandbox="allow-popups">'
        "</iframe></main></body>",
    )


def _item(name: str, row: int, view: LetterView) -> str:
    return (
        f'<li><a href="{name}.html" target="letter">{escape(view.header("Subject"))}'
        f"<span>{row:,} · {escape(view.header('To'))}</span></a></li>"
    )


def _letter_page(name: str, view: LetterView) -> str:
    headers = "".join(
        f"<dt>{escape(key)}</dt><dd>{escape(value)}</dd>" for key, value in view.headers
    )
    parts = "".join(
        f"<li>{escape(part.type)}, {show_size(part.size_bytes)} {escape(part.name)}</li>"
        for part in view.parts
    )
    framed = (
        '<h2>HTML</h2><iframe title="HTML part" sandbox="" '
        f'srcdoc="{escape(_framed(view.html))}"></iframe>'
        if view.html
        else ""
    )
    return _page(
        view.header("Subject") or name,
        f'<body class="letter"><h1>{escape(view.header("Subject"))}</h1><dl>{headers}</dl>'
        f"{framed}<h2>Text</h2><pre>{escape(view.text)}</pre>"
        f'<h2>Parts</h2><ul>{parts}</ul><p><a href="{name}.eml" download>{name}.eml</a>, '
        f"{show_size(view.size_bytes)}</p></body>",
    )


def _framed(html: str) -> str:
    """The policy comes first, so that nothing in the letter can come before it."""
    return f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">{html}'
