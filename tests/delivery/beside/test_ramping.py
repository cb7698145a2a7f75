"""A run climbs its ramp: day by day, over kills, beside other campaigns."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from campaign.clock import SystemClock
from campaign.config.loader import load
from campaign.journal.reading.claiming import ClaimReader
from campaign.planning.summary import read_summary
from campaign.planning.timing.awaited import Waits
from campaign.planning.timing.hindrances import hindrances
from campaign.planning.timing.ramped import open_counts
from campaign.pool.ramps import PROVIDER, RELAY, key_of
from campaign.schedule.climb import day_of
from campaign.schedule.ramp import DayCount
from fakes.mail.dns_server import dns_server
from fakes.mail.scripted_smtp import Script, ScriptedServer, on, say
from fakes.prepared.sending import Ending, Mailing, Skipping, direct, relay

GMAIL = key_of(PROVIDER, "google")


def by_day(ending: Ending) -> list[int]:
    """How many dots were permitted on each day, in order."""
    days = Counter(
        day_of(step.at)
        for steps in ending.steps.values()
        for step in steps
        if step.state == "sending"
    )
    return [days[day] for day in sorted(days)]


def gmail(count: int) -> list[str]:
    return [f"r{number}@gmail.com" for number in range(1, count + 1)]


def counts_of(folder: Path) -> dict[str, list[DayCount]]:
    with open_counts(load(folder)) as counts:
        return counts.all()


def use_up(folder: Path, key: str, sent: int) -> None:
    """Another campaign sent so many today."""
    with open_counts(load(folder)) as counts:
        counts.make()
        counts.take(key, day_of(SystemClock().now_s()), sent, None)


@pytest.mark.parametrize(("per", "free"), [("provider", 3), ("relay", 0)])
def test_day_by_day_a_run_sends_what_its_step_allows(tmp_path: Path, per: str, free: int) -> None:
    clock = Skipping(3600.0)
    people = [*gmail(20), *(f"r{number}@example.com" for number in range(free))]
    with ScriptedServer(Script()) as server:
        mailing = Mailing(
            tmp_path,
            relay(server) + f'[ramp]\nper = "{per}"\nladder = [3, 6, 8]\n',
            people=people,
            **clock.fields,
        )
        mailing.plan()
        clock.begins()
        ending = mailing.send()
    assert set(ending.states.values()) == {"sent"}
    # The first and the last day are not whole ones: a cap is spread over all of a day.
    days = by_day(ending)
    assert days[0] <= 3 + free
    assert all(sent <= cap for sent, cap in zip(days[1:], (6, 8, 8, 8), strict=False))
    key = GMAIL if per == PROVIDER else key_of(RELAY, f"127.0.0.1:{server.port}")
    assert sum(each.sent for each in counts_of(tmp_path)[key]) == 20


@pytest.mark.parametrize("per", [("relay",), ("provider",), ("relay", "provider")])
def test_a_run_that_is_started_again_keeps_to_the_pace_of_its_ramps(
    tmp_path: Path, per: tuple[str, ...]
) -> None:
    ladders = "".join(f'[[ramp]]\nper = "{each}"\nladder = [4, 8]\n' for each in per)
    free = [f"r{number}@example.com" for number in range(9)] if RELAY in per else []
    with ScriptedServer(Script()) as server:
        mailing = Mailing(tmp_path, relay(server) + ladders, people=[*free, *gmail(9)])
        endings = [mailing.send(no_wait=True) for _ in range(3)]
    sent = [Counter(ending.states.values())["sent"] for ending in endings]
    assert sent == [1, 1, 1]  # the next is due hours after it


@pytest.mark.parametrize("per", ["relay", "provider"])
def test_a_direct_run_that_is_started_again_keeps_to_the_pace_of_its_ramp(
    tmp_path: Path, per: str
) -> None:
    with ScriptedServer(Script()) as server, dns_server() as dns:
        dns.add("gmail.com", "MX", "10 mx.gmail.com.")
        dns.add("mx.gmail.com", "A", "127.0.0.1")
        ramp = f'[ramp]\nper = "{per}"\nladder = [4, 8]\n'
        sent = []
        for source in ("127.0.0.1", "127.0.0.1", "127.0.0.2"):
            way = direct(server.port, dns.address, more=f'addresses = ["{source}"]')
            mailing = Mailing(tmp_path, way + ramp, people=gmail(9))
            mailing.write()
            sent.append(Counter(mailing.send(no_wait=True).states.values())["sent"])
    # Each address climbs `per = "relay"` for itself; a provider's ramp is one for all of them.
    assert sent == [1, 1, 2 if per == "relay" else 1]


def test_what_another_campaign_sent_today_counts(tmp_path: Path) -> None:
    with ScriptedServer(Script()) as server:
        way = relay(server) + "[ramp]\nladder = [3, 6]\n"
        mailing = Mailing(tmp_path, way, people=[*gmail(2), "a@example.com"])
        mailing.plan()
        use_up(tmp_path, GMAIL, 3)
        ending = mailing.send(no_wait=True)
    assert ending.states == {
        "r1@gmail.com": "planned",
        "r2@gmail.com": "planned",
        "a@example.com": "sent",
    }
    campaign, now_s = load(tmp_path), SystemClock().now_s()
    with closing(ClaimReader.open(*campaign.journal)) as reader:
        awaited = Waits(campaign, SystemClock()).ask(reader, now_s, 0.0)
        (hindrance,) = hindrances(campaign, reader, now_s, "google")
    assert awaited.words.startswith("waits its turn: ramp gmail.com day 1: 3 of 3, next ")
    assert hindrance.what.startswith("waits its turn: ramp gmail.com day 1: 3 of 3, next ")
    assert hindrance.until_s % 86400 == 0
    assert hindrance.change == "ladder in [ramp]"


def test_a_slow_ramp_is_named_while_something_is_left_of_the_day(tmp_path: Path) -> None:
    way = relay(1) + "[ramp]\nladder = [48, 96]\n"
    Mailing(tmp_path, way, people=[*gmail(2), "a@example.com"]).plan()
    campaign = load(tmp_path)
    midnight_s = SystemClock().now_s() // 86400 * 86400
    with closing(ClaimReader.open(*campaign.journal)) as reader:
        awaited = Waits(campaign, SystemClock()).ask(reader, midnight_s, 0.0)
        (hindrance,) = hindrances(campaign, reader, midnight_s, "google")
    words = "goes at the pace of a ramp: ramp gmail.com day 1: 0 of 48, one every 30m"
    assert (awaited.words, awaited.until_s) == (words, None)
    assert (hindrance.what, hindrance.until_s) == (words, midnight_s + 86400)


def test_the_progress_line_names_the_ramp(tmp_path: Path) -> None:
    with ScriptedServer(Script()) as server:
        way = relay(server) + "[ramp]\nladder = [3, 6]\n"
        mailing = Mailing(tmp_path, way, people=gmail(3))
        mailing.plan()
        use_up(tmp_path, GMAIL, 2)
        ending = mailing.send(no_wait=True)
    assert Counter(ending.states.values()) == {"sent": 1, "planned": 2}
    assert any("ramp gmail.com day 1: 3 of 3" in words for words in ending.heard.waits)
    seen = read_summary(load(tmp_path)).outlook
    assert seen
    assert list(seen.by_lane) == ["gmail.com"]


def test_a_direct_run_sends_what_its_step_allows_and_tells_the_time_left(tmp_path: Path) -> None:
    people = [*gmail(4), "a@free.example"]
    with ScriptedServer(Script()) as server, dns_server() as dns:
        for domain in ("gmail.com", "free.example"):
            dns.add(domain, "MX", f"10 mx.{domain}.")
            dns.add(f"mx.{domain}", "A", "127.0.0.1")
        way = direct(server.port, dns.address) + "[ramp]\nladder = [3, 6]\n"
        mailing = Mailing(tmp_path, way, people=people)
        mailing.plan()
        use_up(tmp_path, GMAIL, 2)
        ending = mailing.send(no_wait=True)
    assert Counter(ending.states.values()) == {"sent": 2, "planned": 3}
    assert any("ramp gmail.com day 1: 3 of 3" in words for words in ending.heard.waits)
    assert ending.heard.views[-1].left_s is not None


@pytest.mark.parametrize(
    ("reply", "what"),
    [
        ("550 5.1.1 no such user", {"bounces": 1}),
        ("421 4.7.28 unusual rate of unsolicited mail; try again later", {"throttles": 1}),
    ],
)
def test_what_replies_say_stands_beside_the_day_s_number(
    tmp_path: Path, reply: str, what: dict[str, int]
) -> None:
    with ScriptedServer(Script(on("RCPT", say(reply)))) as server:
        way = relay(server) + "[ramp]\nladder = [8640000]\n"
        Mailing(tmp_path, way, people=gmail(1)).send(no_wait=True)
    (count,) = counts_of(tmp_path)[GMAIL]
    assert count == DayCount(count.day, sent=1, **what)


def test_what_a_run_did_not_use_goes_back(tmp_path: Path) -> None:
    with ScriptedServer(Script()) as server:
        way = relay(server) + "[ramp]\nladder = [8640000]\n"
        ending = Mailing(tmp_path, way, people=gmail(30)).send()
    assert set(ending.states.values()) == {"sent"}
    (count,) = counts_of(tmp_path)[GMAIL]
    assert count.sent == 30


def test_a_ladder_that_is_climbed_limits_nothing_and_is_counted(tmp_path: Path) -> None:
    with ScriptedServer(Script()) as server:
        way = relay(server) + "[ramp]\nladder = [2]\n"
        mailing = Mailing(tmp_path, way, people=gmail(30))
        mailing.plan()
        yesterday = day_of(SystemClock().now_s() - 86400)
        with open_counts(load(tmp_path)) as counts:
            counts.make()
            counts.take(GMAIL, yesterday, 2, None)
        ending = mailing.send()
    assert set(ending.states.values()) == {"sent"}
    assert [each.sent for each in counts_of(tmp_path)[GMAIL]] == [2, 30]


def test_a_rehearsal_spends_nothing_of_the_day(tmp_path: Path) -> None:
    with ScriptedServer(Script()) as server:
        way = relay(server) + "[ramp]\nladder = [1]\n"
        mailing = Mailing(tmp_path, way, people=gmail(5))
        mailing.plan()
        override = load(tmp_path).settings.relay[0]
        ending = mailing.send(relay_override=override)
    assert set(ending.states.values()) == {"sent"}
    assert counts_of(tmp_path) == {}
