"""Throttles, quotas, refusals of the sender: what slows, what stops, what leaves others alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from campaign.delivery.feeding.backlog import Backlog
from fakes.mail.scripted_smtp import Act, Script, ScriptedServer, drop, on, say
from fakes.prepared.sending import Ending, Mailing, Skipping, relay

Through = Callable[..., tuple[Ending, ScriptedServer]]
Serve = Callable[..., ScriptedServer]

GOOGLE = (
    "421 4.7.28 Our system has detected an unusual rate of unsolicited mail originating from your"
    " IP address. Your IP address has been temporarily rate limited."
)
YAHOO = "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to user complaints"
POLICY = "550 5.7.1 Our records say that you are a spammer"


def people(*domains: str, each: int = 3) -> list[str]:
    """Some at each domain, in turns."""
    return [f"r{n}@{domain}" for n in range(1, each + 1) for domain in domains]


def test_a_throttled_domain_leaves_the_others_alone(through: Through) -> None:
    """Fault 61: 421 to every letter of one domain of four.
    By: scripted server; time skips ahead, expiry after two minutes.
    Then: the others are all sent at once; that domain is tried ever more rarely without using up
    an attempt, and expires.
    """
    domains = ("slow.example", "a.example", "b.example", "c.example")
    skipping = Skipping(4.0)
    slow_down = drop("421 4.7.0 slow down")
    ending, server = through(
        on("RCPT", slow_down, where="@slow.example", test=skipping.begins),
        people=people(*domains),
        relay={"connections": 3},
        expire_after="2m",
        **skipping.fields,
    )
    slow = [address for address in ending.states if "slow" in address]
    assert {ending.states[address] for address in slow} == {"expired"}
    assert ending.all_but(*slow) == {"sent"}
    assert len(server.accepted) == 9
    tries = [c for c in server.commands if c.startswith("RCPT") and "slow" in c]
    assert len(tries) <= 12
    last_sent = max(ending.steps[a][-1].at for a in ending.states if a not in slow)
    assert last_sent < min(ending.steps[a][-1].at for a in slow)


@pytest.mark.parametrize("stage", ["RCPT", "DOT"])
def test_a_domain_that_answers_slowly_does_not_hold_up_the_others(
    through: Through, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 61: RCPT or the dot takes long for one domain of four, which has half of the list.
    By: scripted server behind four connections.
    Then: everybody is sent; the others have all arrived while that domain is still under way.
    """
    # One batch: what is not rendered yet is held up by nobody but the renderer.
    monkeypatch.setattr("campaign.delivery.feeding.feed._FIRST_GUESS_BYTES", 1_000)
    arrived: list[str] = []

    def notes(recipient: str) -> bool:
        arrived.append(recipient)
        return False

    ending, server = through(
        on("DOT", Act(), test=notes),
        on(stage, Act(delay_s=0.8), where="@slow.example"),
        people=people("slow.example", each=12) + people("a.example", "b.example", each=8),
        relay={"connections": 4},
    )
    assert ending.all_but() == {"sent"}
    assert len(server.accepted) == 28
    slow = [place for place, recipient in enumerate(arrived) if "slow" in recipient]
    others = [place for place, recipient in enumerate(arrived) if "slow" not in recipient]
    assert max(others) < slow[-3]


def test_a_limit_of_connections_counts_connections(serve: Serve, tmp_path: Path) -> None:
    """Fault 61: [limits."gmail.com"] of one connection, behind four of the relay.
    By: scripted server that looks who else has a letter to Google under way.
    Then: Google's letters keep to one connection at a time; everybody is sent.
    """
    busy: list[int] = []

    def looks(_recipient: str) -> bool:
        busy.append(sum(session.is_busy_with("@gmail") for session in server.sessions))
        return True

    server = serve(on("DOT", Act(delay_s=0.02), where="@gmail", test=looks))
    more = '[limits."gmail.com"]\nconnections = 1'
    addresses = people("gmail.com", "other.example", each=8)
    ending = Mailing(tmp_path, relay(server, connections=4), people=addresses, more=more).send()
    assert ending.all_but() == {"sent"}
    assert len(server.accepted) == 16
    assert set(busy) == {1}


def test_googles_throttle_is_answered_by_its_recipe(through: Through) -> None:
    """Fault 61: Google's 4.7.28 to one letter.
    By: scripted server, once, three connections; time skips ahead.
    Then: ten minutes of rest, then one connection and more one at a time; everybody is sent, no
    attempt is used up.
    """
    skipping = Skipping(60.0)
    ending, server = through(
        on("MAIL", drop(GOOGLE), nth=2, times=1, test=skipping.begins),
        people=people("gmail.com", "googlemail.com", each=4),
        relay={"connections": 3},
        **skipping.fields,
    )
    assert ending.all_but() == {"sent"}
    throttled = [a for a in ending.states if ending.steps[a][0].class_ == "throttle"]
    assert throttled
    first = ending.steps[throttled[0]][0]
    assert first.attempts == 0
    assert first.due - first.at >= 599
    later = [a for a in ending.states if ending.steps[a][-1].at > first.at + 60]
    assert all(ending.steps[a][-1].at >= first.at + 599 for a in later)
    assert len(server.accepted) == 8


def test_yahoos_throttle_rests_for_hours(through: Through) -> None:
    """Fault 61: Yahoo's [TSS04] to one letter.
    By: scripted server; --no-wait.
    Then: who was tried is deferred for two hours or more; the others at Yahoo and AOL wait their
    turn, still planned and without a line of history; all others are sent.
    """
    ending, server = through(
        on("RCPT", drop(YAHOO), where="@yahoo.com"),
        people=[*people("yahoo.com", "a.example", "b.example"), "late@aol.com"],
        options={"no_wait": True},
    )
    yahoo = [a for a in ending.states if "yahoo" in a or "aol" in a]
    tried = [a for a in yahoo if ending.states[a] == "deferred"]
    assert tried
    assert {ending.states[a] for a in yahoo} == {"deferred", "planned"}
    assert all(not ending.steps[a] for a in yahoo if a not in tried)
    assert ending.all_but(*yahoo) == {"sent"}
    assert {step.attempts for a in tried for step in ending.steps[a]} == {0}
    assert all(ending.steps[a][-1].due - ending.steps[a][-1].at > 7000 for a in tried)
    assert len([c for c in server.commands if "yahoo" in c]) <= 3


def test_a_recipient_that_gets_too_much_mail_is_put_off_alone(through: Through) -> None:
    """Fault 61: Gmail's "receiving mail too quickly" to one recipient.
    By: scripted server, once.
    Then: that recipient is deferred, the others of the same provider are sent without a rest.
    """
    act = say("450 4.2.1 The user you are trying to contact is receiving mail too quickly")
    ending, _server = through(on("RCPT", act, where="r2@", times=1), people=people("gmail.com"))
    assert ending.passed("r2@gmail.com") == ["deferred", "sending", "sent"]
    assert ending.all_but() == {"sent"}
    assert not any("cools down" in wait for wait in ending.heard.waits)


def test_a_quota_of_the_account_rests_the_relay(through: Through) -> None:
    """Fault 61: "daily sending quota exceeded", a 5xx.
    By: scripted server from the third letter on; --no-wait.
    Then: nobody is failed: the relay rests for hours, whoever was not tried stays planned.
    """
    act = say("552 5.4.5 Daily sending quota exceeded")
    ending, server = through(on("MAIL", act, from_nth=3), options={"no_wait": True})
    assert list(ending.states.values()).count("sent") == 2
    assert ending.all_but() == {"sent", "deferred", "planned"}
    assert ending.exit_code == 75
    assert len([c for c in server.commands if c.startswith("MAIL")]) <= 4


def test_refusals_of_the_sender_stop_the_campaign(through: Through) -> None:
    """Fault 62: 5.7.1 to everything after five messages.
    By: scripted server.
    Then: the breaker opens after three; exit 75 with the reply in one sentence; those are back in
    deferred, the rest planned, nobody is failed.
    """
    ending, _server = through(on("MAIL", say(POLICY), from_nth=6), people=40)
    assert ending.exit_code == 75
    assert "spammer" in ending.sentence
    assert "refuses this sender" in ending.sentence
    states = list(ending.states.values())
    assert states.count("sent") == 5
    assert 3 <= states.count("deferred") <= 20
    assert states.count("failed") == 0
    assert ending.all_but() == {"sent", "deferred", "planned"}
    refused = [s for steps in ending.steps.values() for s in steps if s.class_ == "policy"]
    assert {step.attempts for step in refused} == {0}


def test_the_next_run_after_a_refusal_begins_with_one_canary(serve: Serve, tmp_path: Path) -> None:
    """Fault 62: the sender is refused, and still is on resume.
    By: scripted server.
    Then: one letter is tried, the run stops again (75); once the server is content all are sent.
    """
    server = serve(on("MAIL", say(POLICY)))
    mailing = Mailing(tmp_path, relay(server, connections=5), people=20)
    assert mailing.send().exit_code == 75
    tried = len([c for c in server.commands if c.startswith("MAIL")])
    again = mailing.send()
    assert again.exit_code == 75
    assert len([c for c in server.commands if c.startswith("MAIL")]) == tried + 1
    assert again.all_but() == {"deferred", "planned"}
    server.script = Script()
    last = mailing.send()
    assert last.exit_code == 0
    assert last.all_but() == {"sent"}
    assert len(server.accepted) == 20


def test_a_message_that_five_domains_refuse_stops_the_campaign(through: Through) -> None:
    """Fault 4: 554 5.6.0 to the dot, from one recipient each of many domains.
    By: scripted server: every second letter.
    Then: those are failed; at the fifth domain the breaker stops the run (75), the rest planned.
    """
    bad = [f"bad@d{n}.example" for n in range(20)]
    good = [f"good@g{n}.example" for n in range(20)]
    ending, _ = through(
        on("DOT", say("554 5.6.0 malformed message"), where="bad@"),
        people=[address for pair in zip(good, bad, strict=True) for address in pair],
    )
    assert ending.exit_code == 75
    assert list(ending.states.values()).count("failed") == 5
    assert "planned" in ending.all_but()


def test_a_message_refused_three_times_in_a_row_stops_the_campaign(through: Through) -> None:
    """Fault 4: 554 5.6.0 to every dot.
    By: scripted server.
    Then: three are failed, the breaker stops the run (75), the rest stays planned.
    """
    ending, _ = through(on("DOT", say("554 5.6.0 malformed message")), people=20)
    assert ending.exit_code == 75
    states = list(ending.states.values())
    assert (states.count("failed"), states.count("sent")) == (3, 0)
    assert set(states) == {"failed", "planned"}


def test_one_recipient_refused_again_and_again_does_not_stop_the_campaign(
    through: Through,
) -> None:
    """Fault 62: 5.7.1 to one recipient at every try.
    By: scripted server; retries of 10 s, expiry after a minute; time skips ahead.
    Then: that is about them: they expire, the others are sent; the breaker stays shut.
    """
    skipping = Skipping(5.0)
    refused = on("RCPT", say("550 5.7.1 policy"), where="r3@", test=skipping.begins)
    ending, _ = through(refused, people=8, retry=("10s",), expire_after="1m", **skipping.fields)
    assert ending.states["r3@example.com"] == "expired"
    assert ending.all_but("r3@example.com") == {"sent"}
    assert ending.exit_code == 1


@pytest.mark.parametrize("first", [{"no_wait": True}, {"limit": 4}], ids=["no wait", "limit 4"])
def test_a_day_quota_is_kept_over_restarts(
    serve: Serve, tmp_path: Path, first: dict[str, Any]
) -> None:
    """Fault 61: rates of 100/s and 4 a day, two runs, the first with `--no-wait` or `--limit 4`.
    By: a server that takes everything.
    Then: four are sent in the first run, none in the second; the rest waits for the next day.
    """
    server = serve()
    way = relay(server, more='rates = ["100/s", "4/day"]')
    mailing = Mailing(tmp_path, way, people=8)
    for options in (first, {"no_wait": True}):
        ending = mailing.send(**options)
        assert list(ending.states.values()).count("sent") == 4
        assert ending.all_but() == {"sent", "planned"}
        assert len(server.accepted) == 4


def test_a_limit_holds_for_every_domain_of_the_provider(serve: Serve, tmp_path: Path) -> None:
    """Fault 61: [limits."gmail.com"] of 4 a day, recipients at googlemail.com.
    By: a server that takes everything.
    Then: four of Google's are sent, whatever their domain; the other domain is not held up.
    """
    server = serve()
    more = '[limits."gmail.com"]\nrates = ["100/s", "4/day"]'
    addresses = people("gmail.com", "googlemail.com", "other.example", each=4)
    ending = Mailing(tmp_path, relay(server), people=addresses, more=more).send(no_wait=True)
    google = [a for a in addresses if "other" not in a]
    assert [ending.states[a] for a in google].count("sent") == 4
    assert ending.all_but(*google) == {"sent"}


@pytest.mark.parametrize("kept", [250_000, 7], ids=["all kept", "few kept"])
def test_who_waits_for_a_limit_costs_no_line_of_history(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    """Fault 61: [limits] of 2/s for a provider that has two thirds of the list.
    By: a server that takes everything; as many rows left behind as are kept in memory, and more;
    time skips ahead.
    Then: everybody is sent, by two lines of history each and never deferred; the others do not
    wait; what holds the run up is named.
    """
    monkeypatch.setattr("campaign.delivery.feeding.rows.Backlog", partial(Backlog, kept, kept))
    server = serve()
    more = '[limits."qq.com"]\nrates = ["2/s"]'
    addresses = people("qq.com", "foxmail.com", "other.example", each=25)
    skipping = Skipping(0.5)
    way = relay(server, connections=4)
    mailing = Mailing(tmp_path, way, people=addresses, more=more, **skipping.fields)
    mailing.plan()
    skipping.begins()
    ending = mailing.send()
    assert ending.all_but() == {"sent"}
    assert {tuple(ending.passed(a)) for a in addresses} == {("sending", "sent")}
    assert len(server.accepted) == 75
    assert "waits its turn: limits qq.com 2/s" in ending.heard.waits
    assert max(view.left_s or 0.0 for view in ending.heard.views) > 12.5  # 50 at 2/s
    sent = {a: ending.steps[a][-1].at for a in addresses}
    others = [at for a, at in sent.items() if "other" in a]
    assert max(others) < max(sent.values()) - 10.0


def test_a_quota_that_was_raised_counts_at_once(serve: Serve, tmp_path: Path) -> None:
    """Fault 61: 4 a day is used up; the config is given 100 a day.
    By: a server that takes everything.
    Then: the next run sends the rest.
    """
    server = serve()
    mailing = Mailing(tmp_path, relay(server, more='rates = ["100/s", "4/day"]'), people=8)
    ending = mailing.send(no_wait=True)
    assert list(ending.states.values()).count("sent") == 4
    assert any("4/day is used up, next at " in wait for wait in ending.heard.waits)
    file = tmp_path / "campaign.toml"
    file.write_text(file.read_text().replace("4/day", "100/day"))
    assert mailing.send().all_but() == {"sent"}


def test_who_waits_for_a_retry_is_tried_at_once_when_asked(serve: Serve, tmp_path: Path) -> None:
    """Fault 61: greylisted, with an hour to the next try; `resume --now`.
    By: scripted server.
    Then: tried at once, with the attempt counted.
    """
    server = serve(on("RCPT", say("450 4.7.1 greylisted"), where="r3@", times=1))
    mailing = Mailing(tmp_path, relay(server), retry=("1h",))
    for _ in range(2):
        assert mailing.send(no_wait=True).states["r3@example.com"] == "deferred"
    again = mailing.send(now=True)
    assert again.all_but() == {"sent"}
    assert again.passed("r3@example.com") == ["deferred", "deferred", "sending", "sent"]
    assert again.steps["r3@example.com"][-1].attempts == 2


MANY = [f"r{n}@d{n % 40}.example" for n in range(300)]


@pytest.mark.parametrize(
    ("reply", "most"),
    [
        ("554 IP=192.0.2.1 - A problem occurred. (Ask your postmaster for help.) (BL)", 20),
        ("550 Rejected", 20),
        ("550 5.1.1 no such user here", 40),
    ],
    ids=["a problem", "rejected", "5.1.1"],
)
def test_a_relay_that_refuses_everybody_for_good_stops_the_campaign(
    through: Through, reply: str, most: int
) -> None:
    """Fault 62: each of 300 recipients in 40 domains is refused: by words nobody knows, or as if
    none of them existed.
    By: scripted server, four connections.
    Then: stopped after a few (75); nobody is failed, and so nobody suppressed.
    """
    ending, server = through(on("RCPT", say(reply)), people=MANY, relay={"connections": 4})
    assert ending.exit_code == 75
    assert "refuses this sender" in ending.sentence
    assert ending.all_but() == {"deferred", "planned"}
    assert len([c for c in server.commands if c.startswith("RCPT")]) <= most


def test_a_list_of_which_a_third_is_dead_does_not_stop_the_campaign(through: Through) -> None:
    """Fault 62: 5.1.1 to every third recipient, over 40 domains.
    By: scripted server.
    Then: those are failed, all others sent; exit 1.
    """
    dead = [a for n, a in enumerate(MANY) if n % 3 == 0]
    people = [a.replace("r", "dead", 1) if a in dead else a for a in MANY]
    ending, _ = through(on("RCPT", say("550 5.1.1 no such user"), where="dead"), people=people)
    assert ending.exit_code == 1
    states = list(ending.states.values())
    assert (states.count("failed"), states.count("sent")) == (100, 200)


def test_a_few_recipients_who_are_all_refused_are_failed_at_the_end(through: Through) -> None:
    """Fault 62: three recipients, each refused by words nobody knows.
    By: scripted server.
    Then: there is nobody else to tell by: they are failed; exit 1.
    """
    ending, _ = through(on("RCPT", say("550 Rejected")), people=3)
    assert ending.exit_code == 1
    assert ending.all_but() == {"failed"}


def test_three_messages_too_large_in_a_row_do_not_stop_the_campaign(through: Through) -> None:
    """Fault 4: 552 5.3.4 to the first three messages.
    By: scripted server.
    Then: those three are failed, all others sent; exit 1.
    """
    ending, _ = through(on("DOT", say("552 5.3.4 message too large"), times=3), people=12)
    assert ending.exit_code == 1
    states = list(ending.states.values())
    assert (states.count("failed"), states.count("sent")) == (3, 9)


def test_a_server_that_offers_size_1_is_asked_what_it_takes(through: Through) -> None:
    """Fault 4: SIZE 1 in the reply to EHLO, where RFC 5321 asks for 64 KB at least.
    By: scripted server, which takes every message.
    Then: everybody is sent.
    """
    ending, _ = through(people=3, script={"extensions": ("PIPELINING", "SIZE 1")})
    assert ending.all_but() == {"sent"}
