"""The pages for people who leave: plain HTML that needs neither script nor image nor cookie.

In: what is known of the visitor.  Out: HTML responses.  Touches: files beside this module.

A page asks for nothing but itself: its style is in it, and its policy allows that style by its
digest.  Forms and links name only their query, so they work under whatever path a proxy gives.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

from markupsafe import Markup, escape
from starlette.responses import HTMLResponse

from campaign.addresses.readable import readable
from campaign.addresses.tokens import EVERYTHING
from campaign.pages.look import Look
from campaign.serve.standing import Choice
from campaign.serve.wording import Wording, Wordings

_FOLDER = Path(__file__).parent / "look"
CHOOSE = "choose"  # the value of `view` that asks for the page of all lists


class Visit(NamedTuple):
    """One visitor's link.

    token: as it is to stand in our own links; "" where the link had none of ours
    list, key: as of `Unsubscription`; both "" without a token
    asked: the locale that the link asks for
    """

    token: str
    list: str
    key: str
    asked: str
    wording: Wording


class Pages:
    """`title` is the sender's name, `lists` name -> tag of a language, "" for all -> title."""

    def __init__(
        self, wordings: Wordings, title: str, lists: Mapping[str, Mapping[str, str]]
    ) -> None:
        self._wordings = wordings
        self._title = title
        self._lists = lists
        self._look = Look(_FOLDER, room="serve")
        digest = base64.b64encode(hashlib.sha256(self._look.style.encode()).digest()).decode()
        self._headers = {
            "Content-Security-Policy": (
                f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:;"
                " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
            ),
            "Vary": "Accept-Language",
        }

    def title_of(self, name: str, wording: Wording) -> str:
        """Of a list, in the language or without one; else the name itself."""
        if name in ("", EVERYTHING):
            return wording["everything" if name else "no_list"]
        titles = self._lists.get(name, {})
        return titles.get(wording.tag) or titles.get("") or next(iter(titles.values()), name)

    def page(
        self, visit: Visit, template: str, status: int = 200, /, view: str = "", **values: Any
    ) -> HTMLResponse:
        """`view` is what the links to other languages lead to."""
        wording = visit.wording
        names = {
            "address": masked(visit.key) or wording["no_address"],
            "list": self.title_of(visit.list, wording),
        }

        def say(key: str) -> Markup:
            return Markup(escape(wording[key])).format(**names)

        text = self._look.plain(
            f"{template}.html",
            say=say,
            wording=wording,
            wordings=self._wordings.all,
            sender=self._title,
            link=_Links(visit, view),
            address=names["address"],
            has_choice=bool(self._lists),
            **values,
        )
        headers = {**self._headers, "Content-Language": wording.tag}
        return HTMLResponse(text, status, headers)

    def choices(self, visit: Visit, choices: list[Choice]) -> list[tuple[str, Choice]]:
        """Each with its title."""
        return [(self.title_of(choice.name, visit.wording), choice) for choice in choices]


class _Links:
    """The addresses within our pages: relative, and nothing but a query."""

    def __init__(self, visit: Visit, view: str) -> None:
        self._visit = visit
        self._view = view

    def to(self, view: str = "", language: str = "") -> str:
        asked = {"t": self._visit.token, "view": view, "l": language or self._visit.asked}
        return "?" + urlencode({name: value for name, value in asked.items() if value})

    def language(self, tag: str) -> str:
        """This page in another language."""
        return self.to(self._view, tag)


def masked(key: str) -> str:
    """ "a•••@example.com": enough for its owner.  "•••" for a digest, "" for no key."""
    local, at, domain = key.rpartition("@")
    if not at:
        return "•••" if key else ""
    return f"{local[:1]}•••@{readable(domain)}"
