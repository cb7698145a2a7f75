"""A store that cannot be written, languages that cannot be read, too many at once."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from campaign.addresses.tokens import UnsubscribeTokens
from campaign.errors import ConfigError
from campaign.serve.app import RouteSet, application
from campaign.serve.leaving import Leaving
from campaign.serve.limits import VisitorLimit, network_of
from campaign.serve.wording import Wordings
from campaign.serve.writing import StoreWriter
from campaign.suppression.store import SuppressionStore
from fakes.clock import FakeClock
from fakes.servers.postgresql import PG_CTL, DatabaseServer
from fakes.web.asgi import Visitor, visitor
from fakes.web.serve_site import ONE_CLICK, SECRET, Site, link


class Impatient(NamedTuple):
    site: Visitor
    other: sqlite3.Connection
    said: list[str]
    clock: FakeClock


@pytest.fixture
def impatient(tmp_path: Path) -> Iterator[Impatient]:
    """A site that waits a tenth of a second for its store, and a connection that can lock it."""
    clock = FakeClock()
    url = "sqlite:///suppression.sqlite"
    writer = StoreWriter(lambda: SuppressionStore.open(url, tmp_path, clock), clock, patience_s=0.1)
    tokens, said = UnsubscribeTokens([SECRET]), list[str]()
    leaving = Leaving(tokens, writer, Wordings(None), clock, lists={}, complain=said.append)
    path = tmp_path / "suppression.sqlite"
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as other,
        visitor(application([leaving.routes()])) as visiting,
    ):
        yield Impatient(visiting, other, said, clock)
        if other.in_transaction:
            other.execute("ROLLBACK")


def test_while_the_store_is_locked_the_answer_is_503_and_come_again(
    impatient: Impatient,
) -> None:
    site, other, *_ = impatient
    other.execute("BEGIN EXCLUSIVE")
    answer = site.ask("POST", link(), ONE_CLICK)
    assert (answer.status, answer.body) == (503, b"")
    assert int(answer.headers["retry-after"]) > 0
    page = site.ask("POST", link(), b"action=unsubscribe")
    assert page.status == 503
    assert "retry-after" in page.headers
    assert "Nothing has changed yet" in page.text
    assert site.ask("GET", link()).status == 200  # the button is there all the same
    assert site.ask("GET", "/health").status == 503
    other.execute("ROLLBACK")

    async def until_it_answers() -> None:
        while (await site.asking("POST", link(), ONE_CLICK)).status != 200:
            await asyncio.sleep(0.01)

    site.run(asyncio.wait_for(until_it_answers(), 30))
    assert site.ask("GET", "/health").status == 200


@pytest.mark.skipif(not PG_CTL.is_file(), reason="needs PostgreSQL's server")
@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
def test_a_database_that_drops_the_connection_is_used_again_at_the_next_request(
    site: Site, database: DatabaseServer
) -> None:
    assert site.ask("POST", link(), ONE_CLICK).status == 200
    database.ask(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        " AND backend_type = 'client backend'"
    )
    assert site.ask("POST", link("bob@example.com"), ONE_CLICK).status == 503
    assert len(site.said) == 1
    assert "suppression store" in site.said[0]
    assert site.ask("POST", link("bob@example.com"), ONE_CLICK).status == 200
    assert site.ask("GET", "/health").status == 200


def test_many_troubles_are_told_once_a_minute(
    impatient: Impatient,
) -> None:
    site, other, said, clock = impatient
    other.execute("BEGIN EXCLUSIVE")
    for _ in range(3):
        assert site.ask("POST", link(), ONE_CLICK).status == 503
    assert len(said) == 1
    clock.tick += 60
    assert site.ask("POST", link(), ONE_CLICK).status == 503
    assert len(said) == 2


def test_more_requests_than_can_be_worked_on_are_told_to_come_again() -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    async def slow(request: object) -> PlainTextResponse:
        begun.set()
        await go.wait()
        return PlainTextResponse("done")

    app = application([RouteSet([Route("/", slow)])], most_at_once=1)

    async def two() -> tuple[int, int, str]:
        first = asyncio.create_task(site.asking("GET", "/"))
        await begun.wait()
        second = await site.asking("GET", "/")
        go.set()
        return (await first).status, second.status, second.headers["retry-after"]

    with visitor(app) as site:
        assert site.run(two()) == (200, 503, "60")


def test_a_set_of_routes_comes_before_those_behind_it_and_begins_and_ends_with_the_rest() -> None:
    from contextlib import asynccontextmanager

    happened = []

    @asynccontextmanager
    async def running():  # type: ignore[no-untyped-def]
        happened.append("begun")
        yield
        happened.append("ended")

    async def events(request: object) -> PlainTextResponse:
        return PlainTextResponse("events")

    async def rest(request: object) -> PlainTextResponse:
        return PlainTextResponse("rest")

    sets = [
        RouteSet([Route("/events/{provider}", events, methods=["POST"])], running),
        RouteSet([Route("/{path:path}", rest, methods=["GET", "POST"])]),
    ]
    with visitor(application(sets)) as site:
        assert happened == ["begun"]
        assert site.ask("POST", "/events/ses").text == "events"
        assert site.ask("POST", "/u").text == "rest"
    assert happened == ["begun", "ended"]


def test_a_limit_lets_a_burst_through_and_then_one_at_a_time() -> None:
    clock = FakeClock()
    limit = VisitorLimit(3, 60.0, clock)
    assert [limit.wait_s("a") for _ in range(4)] == pytest.approx([0, 0, 0, 20])
    assert limit.wait_s("b") == 0
    clock.tick += 20
    assert limit.wait_s("a") == 0
    assert limit.wait_s("a") == pytest.approx(20)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2ff::1", "2001:db8:1:200::/56"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("fe80::1%eth0", "fe80::/56"),
        ("", ""),
        ("unknown", "unknown"),
    ],
)
def test_a_network_is_what_one_customer_has(address: str, network: str) -> None:
    assert network_of(address) == network


def test_a_further_language_is_a_file(tmp_path: Path) -> None:
    ours = Path(__file__).parents[2] / "campaign/serve/languages/en.toml"
    german = ours.read_text("utf-8").replace('"English"', '"Deutsch"')
    (tmp_path / "de-AT.toml").write_text(german, "utf-8")
    (tmp_path / "en.toml").write_text('ask_button = "Let me go"', "utf-8")
    wordings = Wordings(tmp_path)
    assert [wording.tag for wording in wordings.all] == ["de-at", "en", "zh"]
    assert wordings.choose("", "de-AT")["name"] == "Deutsch"
    assert wordings.choose("", "en")["ask_button"] == "Let me go"
    assert wordings.choose("", "en")["title"] == "Unsubscribe"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("de.toml", 'title = "Abmelden"', "these texts are missing: ask,"),
        ("en.toml", 'titel = "x"', "there is no text called titel"),
        ("en.toml", "title = 5", "title is not a text"),
        ("en.toml", 'title = "  "', "title is not a text"),
        ("en.toml", 'title = "{name}"', "neither {address} nor {list}"),
        ("en.toml", 'title = "{list.x}"', "neither {address} nor {list}"),
        ("en.toml", 'title = "{"', "neither {address} nor {list}"),
        ("en.toml", "title = ", "this is not TOML"),
        ("our own.toml", 'title = "x"', "is not called by a language"),
    ],
)
def test_a_language_file_that_cannot_be_used_is_told_at_the_start(
    tmp_path: Path, name: str, text: str, said: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError) as caught:
        Wordings(tmp_path)
    assert said in str(caught.value)
    assert name in str(caught.value)


def test_both_languages_of_ours_say_everything() -> None:
    english, chinese = Wordings(None).all
    assert english.texts.keys() == chinese.texts.keys()
