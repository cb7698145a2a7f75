"""What providers posted is kept once, in order, until every campaign has read it."""

from __future__ import annotations

import threading
from pathlib import Path

from campaign.suppression.inbox import KEPT_S, ProviderPost, Put
from campaign.suppression.store import SuppressionStore
from fakes.clock import FakeClock


def post(id_: str, body: str = "{}", at: float = 1000.0) -> ProviderPost:
    return ProviderPost("ses", id_, body, at, body)


def ids(store: SuppressionStore, *plans: str) -> list[str]:
    return [each.id for _, each in store.inbox.unread(plans)]


def test_the_same_post_is_kept_once_and_another_under_its_id_is_not_taken(opening) -> None:
    inbox = opening().inbox
    assert inbox.is_empty()
    assert inbox.put(post("a")) is Put.NEW
    assert opening().inbox.put(post("a")) is Put.KNOWN
    assert inbox.put(post("a", '{"other": 1}')) is Put.OTHER
    assert [each.body for _, each in inbox.unread(["p"])] == ["{}"]
    assert not inbox.is_empty()


def test_each_plan_reads_on_where_it_was(opening) -> None:
    store = opening()
    for name in "abc":
        store.inbox.put(post(name))
    (first, _), (second, _), _ = store.inbox.unread(["spring", "summer"])
    store.inbox.note_read(["spring"], second)
    store.inbox.note_read(["summer"], first)
    again = opening()
    assert ids(again, "spring") == ["c"]
    assert ids(again, "summer") == ids(again, "spring", "summer") == ["b", "c"]
    assert ids(again, "autumn") == ["a", "b", "c"]
    again.inbox.note_read(["spring"], first)  # a slower reader does not take it back
    assert ids(again, "spring") == ["c"]


def test_old_posts_go_and_numbers_are_never_used_again(opening) -> None:
    store = opening()
    store.inbox.put(post("a"))
    ((seq, _),) = store.inbox.unread(["spring"])
    store.inbox.note_read(["spring"], seq)
    store.inbox.put(post("b", at=1000 + KEPT_S + 1))
    assert ids(store, "autumn") == ["b"]
    store.inbox.put(post("c", at=1000 + 3 * KEPT_S))
    assert ids(store, "autumn") == ["c"]
    assert ids(store, "spring") == ["c"]


def test_a_page_is_bounded_and_the_next_begins_behind_it(opening) -> None:
    store = opening()
    for number in range(250):
        store.inbox.put(post(str(number)))
    page = store.inbox.unread(["spring"])
    assert len(page) == 200
    store.inbox.note_read(["spring"], page[-1][0])
    assert ids(store, "spring") == [str(number) for number in range(200, 250)]


def test_many_who_post_at_once_leave_no_holes(opening) -> None:
    stores = [opening() for _ in range(4)]

    def put(number: int) -> None:
        for each in range(10):
            stores[number].inbox.put(post(f"{number} {each}"))

    threads = [threading.Thread(target=put, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [seq for seq, _ in stores[0].inbox.unread(["p"])] == list(range(1, 41))


def test_who_is_erased_is_taken_out_of_what_was_posted(opening) -> None:
    store = opening()
    store.inbox.put(post("a", '{"email": "Ada@Example.com"}'))
    store.inbox.put(post("b", '{"email": "bob@example.com"}'))
    store.erase("ada@example.com")
    bodies = [each.body for _, each in store.inbox.unread(["p"])]
    assert bodies == ['{"email": "erased@erased.invalid"}', '{"email": "bob@example.com"}']


def test_a_store_of_before_gets_its_inbox_when_it_is_opened(tmp_path: Path) -> None:
    clock, url = FakeClock(), "sqlite:///suppression.sqlite"
    with SuppressionStore.open(url, tmp_path, clock) as store:
        store._database.change("DROP TABLE provider_posts")
        store._database.change("DROP TABLE provider_reads")
    with SuppressionStore.open(url, tmp_path, clock) as store:
        assert store.inbox.put(post("a")) is Put.NEW
