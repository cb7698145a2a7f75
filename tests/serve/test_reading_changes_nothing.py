"""GET and HEAD change nothing: of any path, by any agent; nor does a method we do not know."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakes.web.serve_site import ONE_CLICK, Site, link

AGENTS = sorted(
    {
        agent
        for crawler in json.loads(
            files("crawleruseragents").joinpath("crawler-user-agents.json").read_text("utf-8")
        )
        for agent in (crawler["pattern"], *crawler["instances"])
        if agent.isascii() and agent.isprintable()
    }
)
TARGETS = (
    link(), link("bob@example.com"), f"{link()}&view=choose", f"{link()}&action=unsubscribe",
    link().replace("/u?", "/?"), link().replace("/u?t=", "/unsubscribe/"), link(list_="*"),
    f"{link()}&List-Unsubscribe=One-Click", "/health", "/", "/events/ses", f"{link()}&action=undo",
)  # fmt: skip


@pytest.fixture(params=["sqlite"])
def url(request: pytest.FixtureRequest) -> str:
    """One file, whose bytes can be compared."""
    return f"{request.param}:///suppression.sqlite"


def digest(folder: Path) -> str:
    return hashlib.sha256((folder / "suppression.sqlite").read_bytes()).hexdigest()


@pytest.fixture
def busy(site: Site, tmp_path: Path) -> tuple[Site, str]:
    """A site with somebody who left, and one who came back."""
    site.ask("POST", link("bob@example.com"), ONE_CLICK)
    site.ask("POST", link("eve@example.com"), ONE_CLICK)
    site.clock.wall += 60
    site.ask("POST", link("eve@example.com"), b"action=undo")
    return site, digest(tmp_path)


def test_no_crawler_there_is_changes_anything(busy: tuple[Site, str], tmp_path: Path) -> None:
    site, before = busy
    assert len(AGENTS) > 1000
    targets = itertools.cycle(TARGETS)
    every = 1 if "SERVE_EXAMPLES" in os.environ else 7  # `make serve-kills` lets all of them come

    async def crawl() -> None:
        for number, agent in enumerate(AGENTS[::every]):
            site.clock.tick += 10
            client = f"198.51.{number % 256}.7"
            for method in ("GET", "HEAD"):
                answer = await site.asking(
                    method, next(targets), b"", {"user-agent": agent}, client
                )
                assert answer.status in (200, 429)

    site.run(crawl())
    assert digest(tmp_path) == before


QUERY = link().partition("?")[2]
PRINTED = st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="?#")
PATHS = st.sampled_from(TARGETS) | st.text(PRINTED, max_size=40).map(
    lambda text: f"/{text}?{QUERY}"
)
METHODS = st.sampled_from(
    ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "get"]
)
BODIES = st.sampled_from([b"", ONE_CLICK, b"action=unsubscribe", b"action=undo", b"\0" * 99])


@settings(
    max_examples=int(os.environ.get("SERVE_EXAMPLES", "150")),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(method=METHODS, target=PATHS, body=BODIES, agent=st.sampled_from(AGENTS))
def test_no_method_but_post_changes_anything(
    busy: tuple[Site, str], tmp_path: Path, method: str, target: str, body: bytes, agent: str
) -> None:
    site, before = busy
    site.clock.tick += 10
    answer = site.ask(method, target, body, {"user-agent": agent})
    assert answer.status == (200 if method in ("GET", "HEAD") else 405)
    assert digest(tmp_path) == before


def asks_for_nothing(body: bytes) -> bool:
    """Hypothesis also tries constants of the program, so of itself it finds what does ask."""
    return bool(body.strip()) and b"one-click" not in body.lower() and b"action=" not in body


@settings(
    max_examples=int(os.environ.get("SERVE_EXAMPLES", "150")),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(
    body=st.binary(max_size=300).filter(asks_for_nothing),
    kind=st.text(st.characters(codec="ascii"), max_size=30),
)
def test_a_post_of_anything_else_changes_nothing_and_is_answered(
    busy: tuple[Site, str], tmp_path: Path, body: bytes, kind: str
) -> None:
    site, before = busy
    site.clock.tick += 10
    assert site.ask("POST", link(), body, {"content-type": kind}).status == 200
    assert digest(tmp_path) == before
