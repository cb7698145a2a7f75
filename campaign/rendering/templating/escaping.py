"""How cells are kept from being anything but text where they stand.

In: what an expression of a template gives.  Out: what is printed.  Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from markupsafe import Markup, escape

from campaign.rendering.html.markup import escaped_markdown
from campaign.rendering.memo import Memo
from campaign.rendering.mime.invitation import marked_cell
from campaign.rendering.templating.values import printed

Escaping = Literal["none", "html", "markdown", "calendar"]


def _in_markdown(value: Any) -> Any:
    return _marked(value, escaped_markdown)


def _in_calendar(value: Any) -> Any:
    return _marked(value, marked_cell)


def _marked(value: Any, escape: Callable[[str], str]) -> Markup:
    """Escaped by rules of our own, and marked as done for jinja2's HTML escaping, which is on so
    that what macros give back is not escaped twice."""
    value = printed(value)
    return value if isinstance(value, Markup) else Markup(escape(str(value)))


FINALIZE: dict[Escaping, Callable[[Any], Any]] = {
    "none": printed,
    "html": printed,
    "markdown": _in_markdown,
    "calendar": _in_calendar,
}

_KEPT_CELLS = 500_000  # characters


def shown_by(escaping: Escaping) -> Callable[[Any], str]:
    """What prints the value of an expression where nothing is escaped."""
    finalize = FINALIZE[escaping]

    def shown(value: Any) -> str:
        return str(finalize(value))

    def shown_at_once(value: Any) -> str:
        return value if type(value) is str else str(printed(value))

    return shown_at_once if finalize is printed else shown


def escaped_by(escaping: Escaping) -> Callable[[Any], str]:
    """What prints the value of an expression where HTML is escaped."""
    finalize = FINALIZE[escaping]
    # To look one up takes an eighth of the time of escaping it.
    cells = Memo(_escaped_cell, most=_KEPT_CELLS)

    def escaped(value: Any) -> str:
        return str(escape(finalize(value)))

    def escaped_at_once(value: Any) -> str:
        kind = type(value)
        if kind is str:
            return cells.of(value)
        return str(value) if kind is int else str(escape(printed(value)))

    return escaped_at_once if finalize is printed else escaped


def _escaped_cell(cell: str) -> str:
    return str(escape(cell))
