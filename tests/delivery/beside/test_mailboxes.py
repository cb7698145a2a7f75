"""What servers say of mailboxes in one campaign counts in the next; people may leave in between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from campaign.clock import SystemClock
from campaign.delivery.beside.mailboxes import Mailboxes
from campaign.planning.summary import read_summary
from campaign.planning.suppressed import open_store
from campaign.records import Change, Claim, State
from campaign.suppression.entries import Reason, Suppressed
from campaign.suppression.store import SuppressionStore
from fakes.mail.scripted_smtp import Rule, Script, ScriptedServer, on, say
from fakes.prepared.sending import Mailing, relay

SHARED = '[suppression]\nurl = "sqlite:///../suppression.sqlite"\nsoft = "2 in a row"\n'
NEWSLETTER = '[unsubscribe]\nmailto = "out@example.org"\nlist = "newsletter"\n'
GONE = "550 5.1.1 no such user here"
R1, R2, R3 = (f"r{number}@example.com" for number in (1, 2, 3))


def mailing(folder: Path, server: ScriptedServer, more: str = SHARED, **how: object) -> Mailing:
    folder.mkdir(exist_ok=True)
    return Mailing(folder, relay(server), more=more, **how)  # type: ignore[arg-type]


def store_of(folder: Path) -> SuppressionStore:
    return SuppressionStore.open("sqlite:///suppression.sqlite", folder, SystemClock())


def serving(*rules: Rule) -> ScriptedServer:
    return ScriptedServer(Script(*rules))


def refusing(text: str, where: str = "r3@") -> Rule:
    return on("RCPT", say(text), where=where)


def test_a_dead_address_of_one_campaign_is_skipped_in_the_next(tmp_path: Path) -> None:
    with serving(refusing(GONE)) as server:
        first = mailing(tmp_path / "a", server).send()
    assert first.states[R3] == "failed"
    with serving() as server:
        second = mailing(tmp_path / "b", server)
        planned = read_summary(second.plan())
        ending = second.send()
        accepted = [letter.recipient for letter in server.accepted]
    assert (planned.planned, planned.skipped) == (5, 1)
    assert ending.passed(R3) == ["skipped"]
    assert ending.results[R3].reason.startswith("suppressed: hard bounce in faults 2")
    assert sorted(accepted) == sorted(set(ending.states) - {R3})
    with store_of(tmp_path) as store:
        (entry,) = store.why(R3).entries
    assert entry[:5] == (R3, "*", Reason.HARD, "run", "faults")
    assert entry.evidence == GONE


def test_a_dead_address_between_plan_and_run_is_looked_at_when_claimed(tmp_path: Path) -> None:
    with serving(refusing(GONE)) as server:
        second = mailing(tmp_path / "b", server)
        second.plan()
        mailing(tmp_path / "a", server).send()
        ending = second.send()
    assert ending.passed(R3) == ["skipped"]
    assert ending.results[R3].reason.startswith("suppressed: hard bounce in faults")
    assert ending.exit_code == 0


def leaving(folder: Path, key: str, scope: str) -> Callable[[str], bool]:
    """The `test` of a rule: when it is acted on, somebody unsubscribes in another process."""

    def act(_command: str) -> bool:
        with store_of(folder) as store:
            now_s = SystemClock().now_s()
            store.add([Suppressed(key, scope, Reason.UNSUBSCRIBE, "serve", "other", now_s)])
        return True

    return act


@pytest.mark.parametrize(("scope", "is_skipped"), [("newsletter", True), ("receipts", False)])
def test_who_leaves_the_list_during_a_run_is_not_written_to(
    tmp_path: Path, scope: str, is_skipped: bool
) -> None:
    wish = leaving(tmp_path, R3, scope)
    rule = on("RCPT", say("450 4.7.1 come again"), where="r3@", test=wish, times=1)
    with serving(rule) as server:
        more = SHARED + NEWSLETTER
        ending = mailing(tmp_path / "a", server, more, retry=("1.5s",)).send()
        accepted = {letter.recipient for letter in server.accepted}
    assert (R3 not in accepted) is is_skipped
    if is_skipped:
        assert ending.passed(R3) == ["deferred", "skipped"]
        assert "unsubscribed from newsletter in other" in ending.results[R3].reason
    assert ending.all_but(R3) == {"sent"}


def test_a_full_mailbox_is_suppressed_when_it_was_full_again_without_a_letter_between(
    tmp_path: Path,
) -> None:
    full = "552 5.2.2 mailbox full"
    states = []
    for name, rules in (
        ("a", [refusing(full), refusing(full, "r2@")]),
        ("b", [refusing(full)]),  # r2 takes a letter, which ends its row
        ("c", [refusing(full, "r2@")]),
        ("d", []),
    ):
        with serving(*rules) as server:
            ending = mailing(tmp_path / name, server, name=name).send()
            states.append((ending.states[R2], ending.states[R3]))
    assert states == [
        ("failed", "failed"), ("sent", "failed"), ("failed", "skipped"), ("sent", "skipped"),
    ]  # fmt: skip
    with store_of(tmp_path) as store:
        assert [entry.reason for entry in store.why(R3).entries] == [Reason.SOFT]
        assert store.why(R2) == ([], [])


POLICY = "550 5.7.1 your address is blocked"


@pytest.mark.parametrize(
    "reply", ["552 5.2.2 full", POLICY, "550 5.7.26 unauthenticated", "550 no", "554 5.6.0 content"]
)
def test_nothing_but_a_dead_mailbox_suppresses_at_once(tmp_path: Path, reply: str) -> None:
    with serving(refusing(reply)) as server:
        mailing(tmp_path / "a", server, expire_after="1s", retry=("300ms",)).send(no_wait=True)
    with store_of(tmp_path) as store:
        assert list(store.iterate()) == []


def test_a_relay_that_knows_nobody_suppresses_nobody(tmp_path: Path) -> None:
    people = [f"r{number}@example{number % 5}.com" for number in range(40)]
    with serving(on("RCPT", say(GONE))) as server:
        ending = mailing(tmp_path / "a", server, people=people).send()
    assert ending.all_but() == {"deferred", "planned"}
    with store_of(tmp_path) as store:
        assert list(store.iterate()) == []
    with serving() as server:  # nor does the next start believe it
        mailing(tmp_path / "a", server, people=people).send()
    with store_of(tmp_path) as store:
        assert list(store.iterate()) == []


def test_many_dead_addresses_at_one_domain_are_believed(tmp_path: Path) -> None:
    people = [f"r{number}@example.com" for number in range(30)]
    with serving(on("RCPT", say(GONE))) as server:
        mailing(tmp_path / "a", server, people=people).send()
    with store_of(tmp_path) as store:
        assert len(list(store.iterate())) == 30


def test_a_run_that_was_killed_before_it_told_the_store_tells_it_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as killed, serving(refusing(GONE)) as server:
        killed.setattr(Mailboxes, "learn", lambda self, claim, change, suppresses: None)
        first = mailing(tmp_path / "a", server)
        ending = first.send(limit=4)
        at = ending.steps[R3][-1].at
        killed.undo()
        first.send()
    with store_of(tmp_path) as store:
        (entry,) = store.iterate()
    assert (entry.key, entry.reason, entry.evidence) == (R3, Reason.HARD, GONE)
    assert abs(entry.at - at) < 0.01


def test_what_was_removed_by_hand_is_not_brought_back_by_the_next_start(tmp_path: Path) -> None:
    with serving(refusing(GONE)) as server:
        first = mailing(tmp_path / "a", server)
        first.send(limit=4)
        with store_of(tmp_path) as store:
            store.remove(R3, "*", "she has a new mailbox")
        first.send()
    with store_of(tmp_path) as store:
        assert store.lookup([R3], ("*",)) == {}


def test_a_store_that_cannot_be_read_stops_the_run(tmp_path: Path) -> None:
    with serving() as server:
        first = mailing(tmp_path / "a", server)
        first.plan()
        (tmp_path / "suppression.sqlite").write_bytes(b"not a database " * 500)
        ending = first.send()
        assert server.accepted == []
    assert ending.exit_code == 74
    assert "suppression.sqlite cannot be used" in ending.sentence
    assert ending.all_but() == {"planned"}


def test_what_a_sandbox_says_suppresses_nobody(tmp_path: Path) -> None:
    with serving() as server:
        campaign = mailing(tmp_path / "a", server).write()
    mailboxes = Mailboxes(
        campaign,
        SystemClock(),
        is_sandbox=True,
        sent_count=lambda: 0,
        say=print,
        must_stop=lambda error: None,
    )
    claim = Claim(3, 0, R3, R3, "example.com", "[]", 0, 1, 0, 0.0)
    change = Change(3, State.FAILED, 1.0, 1, 1, 0, code=550, reply="5.1.1 no such user")
    mailboxes.learn(claim, change, True)
    asyncio.run(mailboxes.finish())
    with open_store(campaign, SystemClock()) as store:
        assert list(store.iterate()) == []
