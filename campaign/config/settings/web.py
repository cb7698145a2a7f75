"""The table of the web side.

In: plain dicts from TOML.  Out: a frozen pydantic model.  Touches: nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydantic import Field

from campaign.config.settings.section import RuleError, Section
from campaign.config.values import LIST_NAME, Listen, Strings, Titles


class Serve(Section):
    """The pages behind the links in letters: `campaign serve`."""

    listen: Listen = "127.0.0.1:8025"
    """Address and port, or "unix:" and the path of a socket; a web server with a certificate
    stands in front."""
    title: str = Field(default="", examples=["Example Ltd"])
    """Name of the sender, on top of each page."""
    lists: dict[str, Titles] = Field(
        default={},
        examples=[{"newsletter": "Monthly newsletter", "offers": {"en": "Offers", "zh": "优惠"}}],
    )
    """Lists that a person can choose among, by their names in [unsubscribe], each with its title
    or with one for each language; left out, there is no page to choose on."""
    languages: str = Field(default="", examples=["pages"])
    """Folder of further languages of the pages, a TOML file each: de.toml."""
    proxies: Strings = ("127.0.0.1", "::1")
    """Addresses and networks of web servers in front whose X-Forwarded-For is believed."""

    def rules(self) -> Iterator[RuleError]:
        for name, titles in self.lists.items():
            if not re.fullmatch(LIST_NAME, name):
                yield RuleError(
                    f"'{name}' cannot be the name of a list",
                    "write it as in [unsubscribe] list: small letters, digits, hyphens, dots",
                    "lists",
                )
            if not titles or not all(title.strip() for title in titles.values()):
                yield RuleError(
                    f"the list {name} has no title", f'write {name} = "Monthly newsletter"', "lists"
                )
