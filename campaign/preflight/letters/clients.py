"""Which mail programs do not know what the HTML of a letter uses.

In: HTML.  Out: sentences.  Touches: `clients.toml` beside this module, once.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache, lru_cache
from importlib.resources import files
from typing import NamedTuple


class ClientGap(NamedTuple):
    """One thing in HTML or CSS, and who leaves it out."""

    name: str
    pattern: re.Pattern[str]
    is_css: bool
    unknown: tuple[str, ...]
    tested: str  # month

    def __str__(self) -> str:
        return f"{self.name} is unknown to {', '.join(self.unknown)}"


_STYLES = re.compile(
    r"<style\b[^>]*>(.*?)</style|<[a-z][^>]*?\sstyle\s*=\s*(?:\"([^\"]*)\"|'([^']*)')",
    re.IGNORECASE | re.DOTALL,
)


@cache
def client_gaps() -> tuple[ClientGap, ...]:
    """All that is known."""
    text = files("campaign.preflight.letters").joinpath("clients.toml").read_text("utf-8")
    return tuple(
        ClientGap(
            one["name"],
            re.compile(one.get("css") or one["html"], re.IGNORECASE),
            "css" in one,
            tuple(one["unknown"]),
            one["tested"],
        )
        for one in tomllib.loads(text)["feature"]
    )


def gaps_in(html: str) -> list[ClientGap]:
    """What the HTML uses and somebody does not know."""
    styles = dict.fromkeys(part for found in _STYLES.findall(html) for part in found if part)
    in_html = [gap for gap in client_gaps() if not gap.is_css and gap.pattern.search(html)]
    return [*_in_styles("\n".join(styles)), *in_html]


@lru_cache(maxsize=256)  # the styles of all letters are mostly the same
def _in_styles(css: str) -> tuple[ClientGap, ...]:
    return tuple(gap for gap in client_gaps() if gap.is_css and gap.pattern.search(css))
