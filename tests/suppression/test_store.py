"""suppression.store: who must not be written to, in SQLite and in PostgreSQL alike."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaign.addresses.tokens import key_digest
from campaign.errors import ConfigError, SuppressionError
from campaign.suppression.entries import UNDO_WITHIN_S, Added, Reason, SoftBounce, Suppressed
from campaign.suppression.store import SuppressionStore
from fakes.clock import FakeClock

NOW = FakeClock().wall
ADA, BOB = "ada@example.com", "bob@example.com"
LONG = "somebody.whose-address-is-rather-long@mail.example-company.example"
DAY = 86400.0


def said(
    reason: Reason = Reason.HARD,
    key: str = ADA,
    scope: str = "*",
    *,
    at: float = NOW,
    until: float | None = None,
    source: str = "run",
    evidence: str = "550 5.1.1 no such user",
) -> Suppressed:
    return Suppressed(key, scope, reason, source, "spring", at, until, evidence)


def reasons(store: SuppressionStore, *scopes: str, key: str = ADA) -> list[Reason]:
    return [entry.reason for entry in store.lookup([key], scopes or ("*",)).values()]


def test_what_was_added_is_found_by_whoever_opens_the_store(opening) -> None:
    assert opening().add([said()]) == Added(new=1)
    assert opening().lookup([ADA, BOB], ("*",)) == {ADA: said()}


def test_a_scope_counts_where_it_is_asked_for(store: SuppressionStore) -> None:
    store.add([said(Reason.UNSUBSCRIBE, scope="newsletter")])
    assert reasons(store, "*", "newsletter") == [Reason.UNSUBSCRIBE]
    assert reasons(store, "*", "receipts") == []


def test_the_gravest_of_several_scopes_is_told(store: SuppressionStore) -> None:
    store.add([said(Reason.SOFT), said(Reason.COMPLAINT, scope="newsletter")])
    assert reasons(store, "*", "newsletter") == [Reason.COMPLAINT]


def test_the_same_thing_said_a_thousand_times_is_one_entry_with_its_first_moment(
    store: SuppressionStore,
) -> None:
    first = said(Reason.UNSUBSCRIBE)
    assert store.add([first]) == Added(new=1)
    again = [first._replace(at=NOW + nth) for nth in range(1000)]
    assert store.add(again) == Added(known=1000)
    assert store.why(ADA).entries == [first]


@given(st.lists(st.sampled_from(Reason), min_size=1, max_size=6))
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_gravest_reason_stays_in_whatever_order_they_come(
    store: SuppressionStore, told: list[Reason]
) -> None:
    key = f"{'-'.join(told)}@example.com"
    added = [store.add([said(reason, key)]) for reason in told]
    (entry,) = store.why(key).entries
    assert entry.reason is max(told, key=lambda reason: reason.rank)
    assert sum(each.new for each in added) <= 1


def test_an_entry_ends_at_its_time(store: SuppressionStore, clock: FakeClock) -> None:
    store.add([said(until=NOW + DAY)])
    assert reasons(store) == [Reason.HARD]
    clock.wall += DAY
    assert reasons(store) == []
    assert store.add([said(Reason.SOFT, at=NOW + 2 * DAY)]) == Added(graver=1)
    assert reasons(store) == [Reason.SOFT]


def test_one_that_lasts_longer_prolongs_one_of_its_kind(store: SuppressionStore) -> None:
    store.add([said(until=NOW + DAY)])
    assert store.add([said(until=NOW + 2 * DAY)]) == Added(graver=1)
    assert store.add([said()]) == Added(graver=1)
    assert store.add([said(until=NOW + 9 * DAY)]) == Added(known=1)
    assert store.why(ADA).entries == [said()]


def test_hard_bounces_count_as_long_as_they_are_to_be_kept(opening, clock: FakeClock) -> None:
    store = opening(keep_s=DAY)
    store.add([said(), said(Reason.COMPLAINT, BOB)])
    clock.wall += DAY
    assert set(store.lookup([ADA, BOB], ("*",))) == {BOB}


def test_what_was_removed_is_not_brought_back_by_what_happened_before(
    store: SuppressionStore, clock: FakeClock
) -> None:
    store.add([said()])
    clock.wall += DAY
    (ended,) = store.remove(ADA, "*", "she wrote to us")
    assert ended == said()
    assert reasons(store) == []
    assert store.add([said(), said(Reason.UNSUBSCRIBE)]) == Added(known=2)
    assert reasons(store) == []
    (entry,) = store.why(ADA).entries
    assert entry.until == NOW + DAY
    assert entry.evidence.endswith("; removed: she wrote to us")
    assert store.add([said(at=NOW + 2 * DAY)]) == Added(graver=1)
    assert reasons(store) == [Reason.HARD]


def test_removing_may_mean_all_scopes_and_forgets_soft_bounces(store: SuppressionStore) -> None:
    store.add([said(), said(scope="newsletter"), said(key=BOB)])
    store.soft([SoftBounce(ADA, "spring", NOW)])
    assert len(store.remove(ADA, "", "")) == 2
    assert store.remove(ADA, "", "") == []
    assert store.why(ADA).softs == []
    assert reasons(store, key=BOB) == [Reason.HARD]


def test_an_unsubscribe_is_undone_within_thirty_days(
    store: SuppressionStore, clock: FakeClock
) -> None:
    store.add([said(Reason.UNSUBSCRIBE, scope="newsletter")])
    assert not store.undo(ADA, "*")
    clock.wall += UNDO_WITHIN_S - 1
    assert store.undo(ADA, "newsletter")
    assert not store.undo(ADA, "newsletter")
    assert reasons(store, "*", "newsletter") == []
    (entry,) = store.why(ADA).entries
    assert "undone by the person" in entry.evidence


def test_an_unsubscribe_of_long_ago_and_a_complaint_are_not_undone(
    store: SuppressionStore, clock: FakeClock
) -> None:
    store.add([said(Reason.UNSUBSCRIBE), said(Reason.COMPLAINT, BOB)])
    clock.wall += UNDO_WITHIN_S + 1
    assert not store.undo(ADA, "*")
    assert not store.undo(BOB, "*")


def test_undoing_an_unsubscribe_leaves_what_it_took_the_place_of(store: SuppressionStore) -> None:
    store.add([said(at=NOW + 0.125, until=NOW + DAY)])
    assert store.add([said(Reason.UNSUBSCRIBE)]) == Added(graver=1)
    assert store.undo(ADA, "*")
    assert store.why(ADA).entries == [said(at=NOW + 0.125, until=NOW + DAY)]


def test_a_digest_from_a_short_token_is_found_by_the_whole_address(
    store: SuppressionStore,
) -> None:
    store.add([said(Reason.UNSUBSCRIBE, key_digest(LONG), "newsletter")])
    assert list(store.lookup([LONG, ADA], ("newsletter",))) == [LONG]
    assert [entry.key for entry in store.why(LONG).entries] == [key_digest(LONG)]
    assert store.undo(key_digest(LONG), "newsletter")
    assert store.lookup([LONG], ("newsletter",)) == {}


def test_an_erased_address_is_gone_and_still_blocked(
    opening, store: SuppressionStore, tmp_path: Path
) -> None:
    store.add([said(), said(Reason.UNSUBSCRIBE, scope="newsletter")])
    store.soft([SoftBounce(ADA, "spring", NOW)])
    assert store.erase(ADA)
    assert not store.erase(ADA)
    assert reasons(opening(), "*") == [Reason.ERASURE]
    assert store.add([said(Reason.IMPORT), said(key=BOB)]) == Added(new=1, erased=1)
    kept = list(store.iterate())
    assert [entry.reason for entry in kept] == [Reason.HARD, Reason.ERASURE]
    assert kept[1].key.startswith("hmac:")
    assert store.why(ADA).softs == []
    for file in tmp_path.iterdir():
        assert b"ada@" not in file.read_bytes()


def test_the_key_of_erased_people_is_for_its_owner_only(
    store: SuppressionStore, tmp_path: Path
) -> None:
    assert list(tmp_path.glob("*key*")) == []
    store.erase(ADA)
    (file,) = tmp_path.glob("*key*")
    assert file.stat().st_mode & 0o777 == 0o600


def test_keys_of_erased_people_rotate(opening, tmp_path: Path) -> None:
    opening().erase(ADA)
    (file,) = tmp_path.glob("*key*")
    file.write_text(f"{'ab' * 32}\n{file.read_text()}")
    store = opening()
    store.erase(BOB)
    assert set(store.lookup([ADA, BOB, "eve@example.com"], ("*",))) == {ADA, BOB}
    assert len({entry.key.split(":")[1] for entry in store.iterate()}) == 2


def test_without_the_key_of_erased_people_nobody_is_looked_up(opening, tmp_path: Path) -> None:
    opening().erase(ADA)
    (file,) = tmp_path.glob("*key*")
    file.rename(tmp_path / "elsewhere")
    for asked in (ADA, BOB):
        with pytest.raises(SuppressionError, match="people were erased with the key"):
            opening().lookup([asked], ("*",))
    file.write_text("not a key")
    with pytest.raises(SuppressionError, match="does not hold keys"):
        opening().lookup([ADA], ("*",))


def test_a_store_is_read_in_the_order_of_keys_over_all_its_pages(
    store: SuppressionStore,
) -> None:
    keys = [f"person{number:05}@example.com" for number in range(10_001)]
    added = store.load(said(key=key) for key in reversed(keys))
    assert added == Added(new=10_001)
    assert [entry.key for entry in store.iterate()] == keys
    assert list(store.iterate(scope="newsletter")) == []
    assert list(store.iterate(reason=Reason.SOFT)) == []


def test_many_entries_are_taken_in_as_a_few_are(store: SuppressionStore) -> None:
    store.add([said(key="person3@example.com"), said(Reason.SOFT, "person4@example.com")])
    store.add([said(Reason.MANUAL, "person5@example.com", until=NOW - DAY)])
    store.erase("person6@example.com")
    many = [said(Reason.IMPORT, f"person{number}@example.com") for number in range(30_000)]
    twice = said(Reason.COMPLAINT, "person8@example.com")
    added = store.load([*many, twice, many[7]])
    # An ended entry gives way to what came after its end; of one said twice the gravest counts.
    assert (added.new, added.erased) == (29_996, 1)
    assert added.graver + added.known == 5
    found = store.lookup([f"person{number}@example.com" for number in range(3, 9)], ("*",))
    assert [found[f"person{number}@example.com"].reason for number in range(3, 9)] == [
        Reason.HARD, Reason.IMPORT, Reason.IMPORT, Reason.ERASURE, Reason.IMPORT,
        Reason.COMPLAINT,
    ]  # fmt: skip


def test_a_file_that_is_not_a_store_is_told(tmp_path: Path, clock: FakeClock) -> None:
    (tmp_path / "s.sqlite").write_text("not a database, and longer than a header of one is" * 99)
    with pytest.raises(SuppressionError, match="cannot be used: file is not a database"):
        SuppressionStore.open("sqlite:///s.sqlite", tmp_path, clock)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://host/x"])
def test_a_url_that_names_no_store_is_a_fault_of_the_config(
    url: str, tmp_path: Path, clock: FakeClock
) -> None:
    with pytest.raises(ConfigError, match="cannot hold a store"):
        SuppressionStore.open(url, tmp_path, clock)


def test_a_password_is_not_in_what_is_told(tmp_path: Path, clock: FakeClock) -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(SuppressionError) as caught:
        SuppressionStore.open("postgresql+psycopg://ada:geheim@127.0.0.1:1/x", tmp_path, clock)
    assert "geheim" not in str(caught.value)
