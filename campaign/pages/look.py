"""How pages look: their templates, styles and scripts, put together into one answer.

In: the folder of a room's templates.  Out: HTML responses.  Touches: files beside this module.

A page carries its styles and scripts in itself under a nonce: one request, nothing from outside.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from campaign.addresses.readable import readable
from campaign.journal.states import SHOWN
from campaign.records import State
from campaign.rendering.templating.templates import page_environment
from campaign.units import show_duration, show_size

if TYPE_CHECKING:  # a page that is kept as a file needs no web server
    from starlette.requests import Request
    from starlette.responses import HTMLResponse

_HERE = Path(__file__).parent / "look"


class Look:
    """The templates of one room, over those that all rooms share.

    `room` names its style sheet and its script, where it has them; `viewer` adds what shows one
    letter, `charts` what charts need.  `style` is the text of the style sheets together.
    """

    def __init__(
        self, folder: Path, *, room: str, viewer: bool = False, charts: bool = False
    ) -> None:
        self._environment = page_environment(folder, _HERE)
        self._environment.filters.update(_FILTERS)
        self._environment.globals["_"] = _in_english  # a page that speaks others brings its own
        shared = ["base", *(["viewer"] if viewer else []), *(["charts"] if charts else [])]
        names = [*(_HERE / name for name in shared), folder / room]
        self.style = "".join(_read(name.with_suffix(".css")) for name in names)
        self._script = "".join(_read(name.with_suffix(".js")) for name in names)

    def page(
        self, request: Request, template: str, status: int = 200, /, **values: Any
    ) -> HTMLResponse:
        """A whole page."""
        from starlette.responses import HTMLResponse

        return HTMLResponse(self.text(request, template, **values), status)

    def text(self, request: Request, template: str, /, **values: Any) -> str:
        """A template's text; whole pages extend "shell.html" and so get style and script."""
        return self._environment.get_template(template).render(
            nonce=request.state.nonce,
            rung=request.state.rung,
            style=self.style,
            script=self._script,
            path=request.url.path,
            **values,
        )

    def plain(self, template: str, /, **values: Any) -> str:
        """A page that is kept as a file: no nonce, no script."""
        return self._environment.get_template(template).render(style=self.style, **values)


def _in_english(text: str, **fields: object) -> str:
    """What a shared template says."""
    return text.format(**fields)


def ago(at_s: float, now_s: float) -> str:
    """ "3m ago", "now"."""
    passed_s = max(0.0, now_s - at_s)
    return "now" if passed_s < 2 else f"{show_duration(passed_s)} ago"


def moment(at_s: float) -> str:
    """Unix time as people read it, in the machine's own time zone; "" for 0."""
    if not at_s:
        return ""
    return datetime.fromtimestamp(at_s, UTC).astimezone().strftime("%d %b %Y, %H:%M:%S")


def clock_time(at_s: float, now_s: float = 0.0) -> str:
    """ "14:03:27" in the machine's own time zone; with its day where that is not the day of now."""
    if not at_s:
        return ""
    then = datetime.fromtimestamp(at_s, UTC).astimezone()
    is_today = not now_s or then.date() == datetime.fromtimestamp(now_s, UTC).astimezone().date()
    return then.strftime("%H:%M:%S" if is_today else "%a %d %b, %H:%M")


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


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


def coded(text: str) -> Markup:
    """`campaign plan` in a sentence of ours as <code>."""
    parts = escape(text).split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if at % 2 and at < len(parts) - 1 else part
        for at, part in enumerate(parts)
    )


_FILTERS: dict[str, Callable[..., str]] = {
    "coded": coded,
    "size": show_size,
    "duration": show_duration,
    "number": lambda count: f"{count:,}",
    "share": _share,
    "percent": _percent,
    "domain": readable,
    "tone": lambda state: SHOWN[State(state)].tone,
    "moment": moment,
    "clock_time": clock_time,
}
