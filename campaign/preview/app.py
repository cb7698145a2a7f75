"""The preview's pages: the letters, the overview, the last check, and the frame of a letter.

In: requests.  Out: pages.  Touches: the journal (read-only), the campaign's files, render workers.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from campaign.clock import Clock
from campaign.journal.reading.browsing import Listed, Page, Wanted
from campaign.pages import viewer
from campaign.pages.events import Bell
from campaign.pages.letter import Opened
from campaign.pages.look import Look
from campaign.planning.skips import SKIP_WORDS
from campaign.preview.checked import TONES, WORDS
from campaign.preview.desk import Desk, Tally
from campaign.preview.survey import Findings, cells_of, survey
from campaign.preview.warnings import KINDS, Gravity, Warn, warnings_of
from campaign.preview.watching import watch
from campaign.preview.workbench import NAME, Edition, Fault, OpenPress, Workbench
from campaign.records import State

_PAGE = 60  # recipients listed at once
# {{ first_name }} or {{ columns["First Name"] }}
_SIMPLE_NAME = re.compile(rf"""\{{\{{\s*(?:({NAME})|columns\[(?:"([^"]*)"|'([^']*)')\])\s*\}}\}}""")
_TONES = {Gravity.NOTE: "info", Gravity.CAUTION: "warn", Gravity.FAULT: "bad"}


class ListLine(NamedTuple):
    """A recipient as the list shows it."""

    row: int
    name: str
    address: str
    state: str
    reason: str
    url: str


@dataclass(frozen=True)
class Query:
    """What the address of a page asks for."""

    row: int
    after: int
    view: str
    wanted: Wanted
    kind: str
    branch: str

    @property
    def is_narrowed(self) -> bool:
        """Not everybody is asked for."""
        return self.wanted != Wanted()

    def url(self, **changes: object) -> str:
        """The same list with something else: `row=7`, or another `after`."""
        fields = {
            "q": self.wanted.text, "state": self.wanted.state, "domain": self.wanted.domain,
            "kind": self.kind, "branch": self.branch, "reason": self.wanted.reason, **changes,
        }  # fmt: skip
        given = {name: value for name, value in fields.items() if value}
        return "/?" + urlencode({name: str(value) for name, value in given.items()})


class Preview:
    """The application; one for each `campaign preview --serve`."""

    def __init__(
        self, path: Path, url: str, folder: Path, open_press: OpenPress, clock: Clock
    ) -> None:
        self._desk = Desk(url, folder, clock)
        self._workbench = Workbench(path, self._desk, open_press)
        self.bell = Bell()
        self._look = Look(Path(__file__).parent / "look", room="preview", viewer=True)
        self._findings = Findings()
        self._tally: Tally | None = None
        self._survey: asyncio.Task[None] | None = None
        self.app = Starlette(
            routes=[
                Route("/", self._letters),
                Route("/list", self._list),
                Route("/filters", self._filters),
                Route("/letter/{row:int}", self._letter),
                Route("/letter/{row:int}/frame", self._frame),
                Route("/letter/{row:int}/letter.eml", self._eml),
                Route("/letter/{row:int}/part/{part:int}", self._part),
                Route("/overview", self._overview),
                Route("/overview/figures", self._figures),
                Route("/check", self._check),
                Route("/events", self._events),
            ],
            lifespan=self._lifespan,
        )

    # -- pages ---------------------------------------------------------------------------------

    async def _letters(self, request: Request) -> Response:
        query = self._query(request)
        page = await self._desk.page(query.wanted, query.after, _PAGE)
        row = query.row or (page.lines[0].row if page.lines else 0)
        return self._look.page(
            request, "letters.html",
            **self._common(), **self._listing(query, page, row),
            **await self._sheet(row, query.view),
            **self._filters_values(query), is_letter_asked=bool(query.row),
        )  # fmt: skip

    async def _list(self, request: Request) -> Response:
        query = self._query(request)
        page = await self._desk.page(query.wanted, query.after, _PAGE)
        values = self._listing(query, page, query.row)
        return HTMLResponse(self._look.text(request, "list.html", query=query, **values))

    async def _filters(self, request: Request) -> Response:
        values = self._filters_values(self._query(request))
        return HTMLResponse(self._look.text(request, "filters.html", **values))

    async def _letter(self, request: Request) -> Response:
        view = request.query_params.get("view", "html")
        sheet = await self._sheet(request.path_params["row"], view)
        status = 200 if sheet["standing"] else 404
        return self._look.page(request, "letter.html", status, **self._common(), **sheet)

    async def _overview(self, request: Request) -> Response:
        return self._look.page(request, "overview.html", **self._figures_values())

    async def _figures(self, request: Request) -> Response:
        return self._look.page(request, "figures.html", **self._figures_values())

    async def _check(self, request: Request) -> Response:
        checked = await self._desk.checked()
        return self._look.page(
            request, "check.html", **self._common(), checked=checked, tones=TONES, words=WORDS
        )

    async def _events(self, request: Request) -> Response:
        return self.bell.stream(request)

    # -- the letter itself ---------------------------------------------------------------------

    async def _frame(self, request: Request) -> Response:
        return viewer.frame(await self._made(request), request)

    async def _eml(self, request: Request) -> Response:
        return viewer.source(await self._made(request), f"{request.path_params['row']:06d}.eml")

    async def _part(self, request: Request) -> Response:
        return viewer.part(await self._made(request), request.path_params["part"])

    async def _made(self, request: Request) -> Opened | None:
        standing = await self._desk.standing(request.path_params["row"])
        made = await self._workbench.letter(standing) if standing else None
        return made if isinstance(made, Opened) else None

    # -- what templates get --------------------------------------------------------------------

    def _query(self, request: Request) -> Query:
        asked = request.query_params
        kind = asked.get("kind", "") if asked.get("kind") in KINDS else ""
        branch = asked.get("branch", "")[:500]
        state = asked.get("state", "")
        wanted = Wanted(
            text=asked.get("q", "").strip()[:200],
            state=state if state in list(State) else "",
            domain=asked.get("domain", "")[:255],
            rows=self._findings.rows(kind, branch),
            reason=asked.get("reason", "")[:100],
        )
        view = asked.get("view", "html")
        return Query(
            row=_whole(asked.get("row")),
            after=_whole(asked.get("after")),
            view=view if view in viewer.VIEWS else "html",
            wanted=wanted,
            kind=kind,
            branch=branch,
        )

    def _common(self) -> dict[str, Any]:
        return {"edition": self._workbench.edition}

    def _listing(self, query: Query, page: Page, row: int) -> dict[str, Any]:
        edition = self._workbench.edition
        return {
            "lines": [_line(line, edition, query) for line in page.lines],
            "page": page,
            "current": row,
            "more": "" if page.is_end else query.url(after=page.looked_to),
        }

    def _filters_values(self, query: Query) -> dict[str, Any]:
        return {
            "query": query,
            "tally": self._tally,
            "kinds": self._findings.by_gravity(),
            "branches": self._findings.branches,
            "states": list(State),
            "kind_names": KINDS,
        }

    async def _sheet(self, row: int, view: str) -> dict[str, Any]:
        standing = await self._desk.standing(row) if row else None
        if standing is None:
            return {"standing": None, "letter": None, "fault": None}
        edition = self._workbench.edition
        made = await self._workbench.letter(standing)
        cells = cells_of(standing.cells, edition.sources[standing.source])
        letter = made if isinstance(made, Opened) else None
        fault = made if isinstance(made, Fault) else None
        last = await self._desk.last_row()
        return {
            "standing": standing,
            "source_name": edition.sources[standing.source].name,
            "cells": cells,
            "used": edition.used,
            "letter": letter,
            "fault": fault,
            "is_row_fault": fault is not None and fault not in edition.faults,
            "warnings": _badges(letter, cells, edition) if letter else [],
            "files": viewer.files_of(letter) if letter else [],
            "view": view if view in viewer.VIEWS else "html",
            "stamp": edition.number,
            "base": f"/letter/{row}",
            "before": row - 1 if row > 1 else 0,
            "behind": row + 1 if row < last else 0,
        }

    def _figures_values(self) -> dict[str, Any]:
        return {
            "edition": self._workbench.edition,
            "tally": self._tally,
            "findings": self._findings,
            "tones": _TONES,
            "skip_names": {
                kind: words[0].upper() + words[1:] for kind, words in SKIP_WORDS.items()
            },
        }

    # -- life ----------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        await self._workbench.open()
        watching = asyncio.create_task(
            watch(lambda: self._workbench.edition.files, self._reload), name="watch"
        )
        self._look_around()
        try:
            yield
        finally:
            tasks = [task for task in (watching, self._survey) if task]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._workbench.close()
            await asyncio.to_thread(self._desk.close)

    async def _reload(self) -> None:
        await self._workbench.open()
        self._look_around()
        self.bell.ring("edition", str(self._workbench.edition.number))

    def _look_around(self) -> None:
        """Count the plan and look for warnings, beside everything else."""
        if self._survey:
            self._survey.cancel()
        self._findings = Findings()
        self._survey = asyncio.create_task(self._count_and_survey(self._findings))

    async def _count_and_survey(self, findings: Findings) -> None:
        self._tally = await self._desk.tally()
        self.bell.ring("figures")
        await survey(self._workbench, self._desk, findings, lambda: self.bell.ring("figures"))


def _badges(letter: Opened, cells: Mapping[str, str], edition: Edition) -> list[tuple[str, Warn]]:
    found = warnings_of(letter, cells, edition.relied_on)
    return [(_TONES[warn.gravity], warn) for warn in found]


def _line(line: Listed, edition: Edition, query: Query) -> ListLine:
    cells = cells_of(line.cells, edition.sources[line.source])
    name = simple_name(edition.name_template, cells)
    return ListLine(line.row, name, line.address, line.state, line.reason, query.url(row=line.row))


def simple_name(template: str, cells: Mapping[str, str]) -> str:
    """The name by its template where that only puts columns together; "" where it does more."""
    if not template or re.sub(_SIMPLE_NAME, "", template).count("{"):
        return ""

    def cell(found: re.Match[str]) -> str:
        return cells.get(found[1] or found[2] or found[3] or "", "")

    return _SIMPLE_NAME.sub(cell, template).strip()


def _whole(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 12 else 0
