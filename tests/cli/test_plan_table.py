"""The plan and the end of a run, as people see them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from campaign.cli.commands.before.plan import as_object, lines
from campaign.cli.overview import Overview, as_line, state_table
from campaign.cli.summary import next_steps, summary
from campaign.cli.terminal.paint import Paint
from campaign.cli.terminal.tables import columns
from campaign.delivery.run_records import RunResult
from campaign.outcomes import Awaited
from campaign.planning.skips import SkipKind
from campaign.planning.summary import Amendment, PlanSummary
from campaign.planning.timing.forecast import Forecast
from campaign.records import Source, State

PLAN = PlanSummary(
    campaign="spring-renewal",
    plan_id="0123456789abcdef",
    hashes={},
    total=500,
    planned=471,
    left=471,
    skipped=29,
    reasons=[("duplicate", 12), ("address", 9), ("suppressed", 8)],
    causes=[
        SkipKind(
            "address", 8, "a.csv", 14, "ada\x1b(at)example.co", "address: there is no @ in it"
        ),
        SkipKind("address", 1, "a.csv", 20, "x" * 60, f"address: {'the part before the @ ' * 9}"),
    ],
    domains=[("gmail.com", 210), ("例え.jp", 61)],
    sources=[Source("recipients.csv", ("email", "name"), "gb18030", 0.98, ",", "00")],
    forecast_s=9.4,
    size_bytes=5400,
)
RESULT = RunResult(
    exit_code=1,
    counts={State.SENT: 460, State.FAILED: 11, State.SKIPPED: 29, State.HELD: 0},
    total=500,
    in_doubt=["ada@example.com"],
    seconds=12.4,
    finished=True,
    sentence="every recipient is settled after 12s",
)


def test_the_plan_fits_80_columns_and_obeys_no_cell() -> None:
    shown = lines(PLAN, Paint(False))
    assert all(columns(line) <= 80 for line in shown)
    assert not any("\x1b" in line for line in shown)


def test_the_plan_says_who_gets_it_who_does_not_and_how_long_it_takes() -> None:
    shown = "\n".join(lines(PLAN, Paint(False)))
    assert "spring-renewal: 500 rows, 471 to send, 29 skipped" in shown
    assert "recipients.csv  gb18030 (98% sure)" in shown
    assert "210  44.6 %  gmail.com" in shown
    assert "200  42.5 %  all others" in shown
    assert "12  duplicate" in shown
    assert "  8 x  address: there is no @ in it\n" in shown
    assert "      the first: a.csv:14  ada\\x1b(at)example.co" in shown
    assert "471 messages of 5.4 KB on average, 2.5 MB in all; about 9s on the way" in shown


def test_an_amendment_says_what_it_takes_in_and_what_it_leaves_alone() -> None:
    amendment = Amendment(["body.txt", '[message] subject: "a" → "b"'], 12, 0, 3, 2434, 2, 1, 14508)
    shown = lines(replace(PLAN, left=71, amendment=amendment), Paint(False))
    assert shown[1] == "  400 of them are settled already, 71 are left"
    at = shown.index("Taken in")
    assert shown[at + 1 : at + 9] == [
        "  +      12  new to send to",
        "  ~       3  not sent yet, and other cells in the list",
        "  ~   2,434  not sent yet, and made with what changed",
        "  -       2  not sent yet, and no longer on the list",
        "  -       1  not sent yet, and skipped now",
        "  =  14,508  settled already, and left alone",
        "  changed: body.txt",
        '  changed: [message] subject: "a" → "b"',
    ]
    assert "71 messages of 5.4 KB" in shown[-1]


def test_the_json_of_a_plan_has_every_figure() -> None:
    fields = json.loads(json.dumps(as_object(PLAN)))
    assert fields["planned"] == 471
    assert fields["reasons"] == {"duplicate": 12, "address": 9, "suppressed": 8}
    assert (fields["causes"][0]["rows"], fields["causes"][0]["line"]) == (8, 14)
    assert fields["domains"]["gmail.com"] == 210
    assert fields["sources"][0]["encoding"] == "gb18030"


def test_the_summary_names_who_was_in_doubt() -> None:
    shown = summary(RESULT, Paint(False))
    assert shown[0] == "every recipient is settled after 12s"
    assert shown[2:5] == ["  460  92.0 %  sent", "   11   2.2 %  failed", "   29   5.8 %  skipped"]
    assert shown[-2:] == ["1 recipient was in doubt when this run began:", "  ada@example.com"]


def test_states_that_nobody_is_in_are_left_out() -> None:
    assert not any("held" in line for line in state_table(RESULT.counts, 500, Paint(False)))


def test_the_next_steps_name_the_campaign_as_the_user_did_and_fit_what_happened() -> None:
    shown = next_steps(RESULT, Path("my spring"), sandbox=True)
    steps = [line.strip() for line in shown[2:]]
    assert [step.split("  ")[0] for step in steps] == [
        "campaign retry 'my spring' --sandbox --failed",
        "campaign results 'my spring' --sandbox --state failed",
        "campaign report 'my spring' --sandbox",
        "campaign audit 'my spring' --sandbox",
        "campaign sandbox 'my spring'",
    ]
    held = replace(RESULT, counts={State.HELD: 2}, finished=False, unmade=3)
    steps = [line.strip().split("  ")[0] for line in next_steps(held, Path(), sandbox=False)[2:]]
    assert steps == [
        "campaign resume",
        "campaign resume --resolve FILE",
        "campaign retry --held",
        "campaign plan --rejects FILE",
        "campaign results --state held",
        "campaign report",
        "campaign audit",
    ]


def test_no_eta_of_a_status_comes_before_the_end_of_what_is_waited_for() -> None:
    quick = Overview("spring", {State.SENT: 2, State.PLANNED: 5}, None, 1000.0, 0.5)
    assert quick.left_s == 10.0
    assert replace(quick, awaited=Awaited("a quota", 1004.0)).left_s == 10.0
    assert replace(quick, awaited=Awaited("a quota", 87_400.0)).left_s == 86_400.0
    assert replace(quick, rate_s=0.0, awaited=Awaited("a quota", 87_400.0)).left_s is None


def test_the_json_of_a_status_has_every_state_of_the_contract() -> None:
    now = Overview(
        "spring", {State.SENT: 2, State.PLANNED: 1}, 4.25, 0.0, 0.5, is_running=True, sandbox=True
    )
    assert json.loads(as_line(now)) == {
        "campaign": "spring",
        "sandbox": True,
        "finished": False,
        "total": 3,
        "counts": {
            "planned": 1,
            "sending": 0,
            "sent": 2,
            "failed": 0,
            "deferred": 0,
            "held": 0,
            "skipped": 0,
            "expired": 0,
            "cancelled": 0,
        },
        "events": {},
        "webhooks": [],
        "workers": [],
        "accepted": 0,
        "templates": [],
        "hours": [],
        "forecast": None,
        "waiting_for": "",
        "waiting_until": None,
        "running": True,
        "paused": False,
        "rate": 0.5,
        "left_s": 2.0,
        "next_due_s": 4.2,
    }


def test_the_plan_says_what_holds_it_up_and_how_many_will_expire() -> None:
    seen = Forecast(1_796_000_000.0, 400, 71, {}, ("windows", "gmail.com 20/s", "relay 50/s"))
    shown = lines(replace(PLAN, outlook=seen), Paint(False))
    assert "held up by windows; then gmail.com 20/s" in shown
    assert "71 messages will not go in time and will expire (expire_at)" in shown
