"""How pages look: their templates, styles and scripts, put together into one answer.

In: the folder of a room's templates.  Out: HTML responses.  Touches: files beside this module.

A page carries its styles and scripts in itself under a nonce: one request, nothing from outside.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse

from campaign.rendering.templates import page_environment
from campaign.units import show_duration, show_size

_HERE = Path(__file__).parent / "look"


class Look:
    """The templates of one room, over those that all rooms share.

    `styles` and `scripts` name files in the room's folder; a page has them all.
    """

    def __init__(self, folder: Path, *, styles: str = "", script: str = "") -> None:
        self._environment = page_environment(folder, _HERE)
        self._environment.filters.update(_FILTERS)
        self._style = _read(_HERE / "base.css") + (_read(folder / styles) if styles else "")
        self._script = _read(_HERE / "base.js") + (_read(folder / script) if script else "")

    def page(self, request: Request, name: str, status: int = 200, **values: Any) -> HTMLResponse:
        """A whole page."""
        return HTMLResponse(self.text(request, name, **values), status)

    def text(self, request: Request, name: str, **values: Any) -> str:
        """A template's text; whole pages extend "shell.html" and so get style and script."""
        return self._environment.get_template(name).render(
            nonce=request.state.nonce,
            style=self._style,
            script=self._script,
            path=request.url.path,
            **values,
        )

    def plain(self, name: str, **values: Any) -> str:
        """A page that is kept as a file: no nonce, no script."""
        return self._environment.get_template(name).render(style=self._style, **values)


def ago(at_s: float, now_s: float) -> str:
    """ "3m ago", "now"."""
    passed_s = max(0.0, now_s - at_s)
    return "now" if passed_s < 2 else f"{show_duration(passed_s)} ago"


def moment(at_s: float) -> str:
    """Unix time as people read it, in the machine's own time zone; "" for 0."""
    if not at_s:
        return ""
    return datetime.fromtimestamp(at_s, UTC).astimezone().strftime("%d %b %Y, %H:%M:%S")


def clock_time(at_s: float) -> str:
    """ "14:03:27" in the machine's own time zone."""
    return datetime.fromtimestamp(at_s, UTC).astimezone().strftime("%H:%M:%S") if at_s else ""


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _share(count: float, whole: float) -> str:
    """For the width of a bar: per cent with one decimal, 0 of nothing."""
    return f"{100 * count / whole:.1f}" if whole else "0"


def _percent(count: float, whole: float) -> str:
    """As people read it: never 0 % of something, never 100 % of nearly all."""
    if not whole or not count:
        return "0 %"
    per_cent = 100 * count / whole
    if per_cent < 0.1:
        return "< 0.1 %"
    if count < whole and per_cent > 99.9:
        return "> 99.9 %"
    return (
        f"{per_cent:.0f} %" if per_cent >= 10 or per_cent == int(per_cent) else f"{per_cent:.1f} %"
    )


_FILTERS: dict[str, Callable[..., str]] = {
    "size": show_size,
    "duration": show_duration,
    "number": lambda count: f"{count:,}".replace(",", "\u202f"),
    "share": _share,
    "percent": _percent,
    "moment": moment,
    "clock_time": clock_time,
}
