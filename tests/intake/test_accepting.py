"""A letter that is accepted is kept for good; one that cannot be made leaves nothing behind."""

from __future__ import annotations

import asyncio
import base64
import math
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from campaign.clock import SystemClock
from campaign.config.loader import Campaign
from campaign.errors import (
    BacklogFullError,
    BadLetterError,
    CampaignError,
    KeyConflictError,
    TemplateError,
    UsageError,
)
from campaign.intake.accepting import Intake
from campaign.intake.requests import AcceptedRequest, LetterRequest
from campaign.journal.arrivals import FIRST, Arrivals
from campaign.planning.suppressed import open_store
from campaign.rendering.asked import EnclosedFile
from campaign.suppression.entries import Reason, Suppressed
from fakes.clock import FakeClock
from fakes.prepared.campaigns import planned
from fakes.prepared.letters import parsed
from fakes.prepared.open_campaigns import TOML, code, open_campaign

Got = TypeVar("Got")


def with_intake(campaign: Campaign, ask: Callable[[Intake], Awaitable[Got]], **also: Any) -> Got:
    async def run() -> Got:
        async with Intake(campaign, clock=also.get("clock", SystemClock()), workers=1) as intake:
            return await ask(intake)

    return asyncio.run(run())


def accepted(campaign: Campaign, *requests: LetterRequest) -> list[AcceptedRequest | CampaignError]:
    return with_intake(campaign, lambda intake: intake.accept_each(requests))


def kept(campaign: Campaign) -> list[str]:
    with closing(Arrivals.open(*campaign.journal)) as arrivals:
        return [arrival.letter.address for arrival in arrivals.between(0, 10_000, FIRST, 10_000)]


def refusal(campaign: Campaign, request: LetterRequest) -> CampaignError:
    (outcome,) = accepted(campaign, request)
    assert isinstance(outcome, CampaignError)
    assert kept(campaign) == []
    return outcome


def test_an_accepted_letter_has_an_id_a_message_id_and_a_number(tmp_path: Path) -> None:
    campaign = open_campaign(tmp_path)
    first, second = accepted(campaign, code(), code())
    assert isinstance(first, AcceptedRequest)
    assert isinstance(second, AcceptedRequest)
    assert (first.state, first.replayed, {first.number, second.number}) == (
        "accepted", False, {1, 2},
    )  # fmt: skip
    assert first.id != second.id
    assert first.message_id != second.message_id
    assert first.message_id.endswith("@example.com>")
    assert kept(campaign) == ["ada@example.com", "ada@example.com"]


def test_the_same_key_and_request_has_the_same_answer_and_one_letter(tmp_path: Path) -> None:
    campaign = open_campaign(tmp_path)
    (first,) = accepted(campaign, code(key="k"))
    again, at_once = accepted(campaign, code(key="k"), code(key="k"))
    assert isinstance(first, AcceptedRequest)
    assert again == at_once == replace(first, replayed=True)
    assert len(kept(campaign)) == 1


def test_two_requests_with_one_key_at_the_same_moment_are_one_letter(tmp_path: Path) -> None:
    campaign = open_campaign(tmp_path)
    answers = accepted(campaign, *[code(key="k")] * 40)
    assert len({answer.id for answer in answers if isinstance(answer, AcceptedRequest)}) == 1
    assert len(kept(campaign)) == 1


def test_the_same_key_for_another_letter_is_a_conflict(tmp_path: Path) -> None:
    campaign = open_campaign(tmp_path)
    accepted(campaign, code(key="k"))
    (outcome,) = accepted(campaign, code("bob@example.com", key="k"))
    assert isinstance(outcome, KeyConflictError)
    assert len(kept(campaign)) == 1


def test_the_same_key_of_another_application_is_another_key(tmp_path: Path) -> None:
    campaign = open_campaign(tmp_path)
    accepted(campaign, code(key="k"), code(key="k", scope="other"))
    assert len(kept(campaign)) == 2


def test_a_replay_is_answered_though_the_template_has_changed_since(tmp_path: Path) -> None:
    campaign = open_campaign(tmp_path)
    (first,) = accepted(campaign, code(key="k"))
    (tmp_path / "letters/code.txt").write_text("{{ code }} {{ what_is_new }}\n")
    (again,) = accepted(open_campaign_again(tmp_path), code(key="k"))
    assert isinstance(first, AcceptedRequest)
    assert again == replace(first, replayed=True)


def open_campaign_again(folder: Path) -> Campaign:
    from campaign.config.loader import load

    return load(folder)


def test_a_missing_variable_is_refused_with_template_and_line(tmp_path: Path) -> None:
    error = refusal(open_campaign(tmp_path), code(data={"cod": "1"}))
    assert isinstance(error, BadLetterError)
    assert "'code' is undefined" in error.what
    assert (error.file, error.line) == ("campaign.toml", 8)
    assert "cod" in error.what
    error = refusal(
        open_campaign(tmp_path),
        LetterRequest(to="a@b.example", template="receipt", data={"order": 1}),
    )
    assert (error.file, error.line) == ("letters/receipt.html", 1)
    assert "'lines' is undefined" in error.what


def test_null_is_missing(tmp_path: Path) -> None:
    assert "'code' is undefined" in refusal(open_campaign(tmp_path), code(data={"code": None})).what


# What is asked for otherwise than `code()` does, and a part of the sentence that refuses it.
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"to": "nobody"}, "to:"),
    ({"to": " "}, "to: there is no address"),
    ({"to": "a@b.example, c@d.example"}, "keep one, or send a message to each"),
    (
        {"data": {"code": "1\n2"}},
        "Subject holds U+000A, which no header may: it stands in data.code",
    ),
    ({"data": {"n": 5, "code": "1\n2"}}, "it stands in data.code"),
    ({"data": {"code": {"a": "1"}}}, "an object and not a text"),
    ({"template": "what"}, "there is no template 'what'"),
    ({"templates": ("receipt",)}, "may not ask for the template 'code'"),
    ({"headers": {"From": "x@example.com"}}, "From is written by campaign"),
    ({"headers": {"X-A": "1\r\nBcc: eve@example.com"}}, "headers: X-A"),
    ({"headers": {"X A": "1"}}, "headers:"),
    ({"list": "nothing"}, "list: 'nothing' is not a list"),
    ({"send_at": "tomorrow"}, "send_at: 'tomorrow' is not a moment"),
    ({"send_at": "2030-01-01T00:00:00"}, "send_at:"),
    ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at: it is over"),
    ({"attachments": (EnclosedFile("a.txt", "%%"),)}, "not base64"),
    ({"attachments": (EnclosedFile("../a", ""),)}, "not the name of a file"),
    ({"key": "k" * 257}, "longer than 256"),
    ({"data": {"code": "\ud800"}}, "half of a character"),
    ({"data": {"code": "1", "sums": [1.5, math.inf]}}, "a number in it is read as inf"),
    ({"data": {"code": math.nan}}, "a number in it is read as nan"),
]


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, CampaignError]:
    """By their sentence; all are asked of one intake, of which nothing is kept."""
    campaign = open_campaign(tmp_path_factory.mktemp("refused"))
    outcomes = accepted(campaign, *[replace(code(), **change) for change, _ in REFUSED])
    assert kept(campaign) == []
    found = {}
    for (_, said), outcome in zip(REFUSED, outcomes, strict=True):
        assert isinstance(outcome, CampaignError), said
        found[said] = outcome
    assert len(found) == len(REFUSED)
    return found


@pytest.mark.parametrize("said", [said for _, said in REFUSED])
def test_what_cannot_be_sent_is_refused_in_a_sentence(
    refusals: dict[str, CampaignError], said: str
) -> None:
    assert isinstance(refusals[said], BadLetterError)
    assert said in str(refusals[said])


def test_a_character_that_no_header_may_hold_is_found_deep_in_the_data(tmp_path: Path) -> None:
    toml = TOML.replace("Your order {{ order }}", "{{ lines[1].name }}")
    lines = [{"name": "Tea", "count": 2}, {"count": 1, "name": "Tea\rBcc: eve@example.com"}]
    data = {"order": 1, "urgent": True, "lines": lines}
    error = refusal(open_campaign(tmp_path, toml=toml), code(template="receipt", data=data))
    assert str(error).endswith("it stands in data.lines[1].name")


def test_a_person_who_must_not_be_written_to_is_suppressed_by_name(tmp_path: Path) -> None:
    campaign = open_campaign(tmp_path)
    with open_store(campaign, SystemClock()) as store:
        store.add(
            [
                Suppressed("ada@example.com", "*", Reason.HARD, "", "", 1.0),
                Suppressed("bob@example.com", "newsletter", Reason.UNSUBSCRIBE, "", "", 1.0),
            ]
        )
    ada, bob, listed = accepted(
        campaign,
        code(),
        code("bob@example.com"),
        LetterRequest(to="bob@example.com", template="news", list="newsletter"),
    )
    assert isinstance(ada, AcceptedRequest)
    assert isinstance(bob, AcceptedRequest)
    assert isinstance(listed, AcceptedRequest)
    assert (ada.state, bob.state, listed.state) == ("suppressed", "accepted", "suppressed")
    assert "hard bounce" in ada.reason


def test_all_recipients_of_a_message_are_accepted_or_none(tmp_path: Path) -> None:
    campaign = open_campaign(tmp_path)
    with pytest.raises(BadLetterError):
        with_intake(
            campaign, lambda i: i.accept_together([code(), code("bob@example.com", data={})])
        )
    assert kept(campaign) == []


def test_a_full_backlog_is_refused_with_a_time_and_accepted_letters_still_answered(
    tmp_path: Path,
) -> None:
    campaign = open_campaign(tmp_path, more="\n[intake]\nbacklog = 3\n")

    async def ask(intake: Intake) -> list[AcceptedRequest | CampaignError]:
        for number in range(3):
            await intake.accept(code(key=str(number)))
        return await intake.accept_each([code(key="3"), code(key="1")])

    refused, again = with_intake(campaign, ask)
    assert isinstance(refused, BacklogFullError)
    assert refused.retry_after_s >= 1
    assert isinstance(again, AcceptedRequest)
    assert again.replayed
    assert len(kept(campaign)) == 3


def test_more_at_once_than_memory_is_for_are_refused(tmp_path: Path) -> None:
    outcomes = accepted(open_campaign(tmp_path), *[code()] * 2_500)
    refused = [each for each in outcomes if isinstance(each, BacklogFullError)]
    assert len(refused) == 500
    assert refused[0].retry_after_s == 1.0


def test_a_letter_looks_as_it_will_be_sent(tmp_path: Path) -> None:
    request = LetterRequest(
        to="Ada Lovelace <ada@example.com>",
        template="receipt",
        data={"order": 7, "lines": [{"count": 2, "name": "Tea"}]},
        headers={"In-Reply-To": "<a@b.example>"},
        attachments=(EnclosedFile("bill.txt", base64.b64encode(b"two teas").decode()),),
        list="newsletter",
    )
    campaign = open_campaign(tmp_path)
    letter = parsed(with_intake(campaign, lambda intake: intake.preview(request)))
    assert letter["To"] == "Ada Lovelace <ada@example.com>"
    assert letter["Subject"] == "Your order 7"
    assert letter["In-Reply-To"] == "<a@b.example>"
    assert "https://example.com/u?t=" in letter["List-Unsubscribe"]
    assert letter["List-ID"] == "<newsletter.example.com>"
    body = letter.get_body(("plain",))
    assert body is not None
    assert "2 x Tea" in body.get_content()
    (attached,) = letter.iter_attachments()
    assert (attached.get_filename(), attached.get_content()) == ("bill.txt", "two teas")
    plain = parsed(with_intake(campaign, lambda intake: intake.preview(code())))
    assert plain.get_content_type() == "text/plain"
    assert plain["List-Unsubscribe"] is None


def test_a_finished_message_keeps_its_message_id(tmp_path: Path) -> None:
    message = b"From: a@example.com\nMessage-ID: <own@example.com>\nSubject: x\n\n.dot\n"
    campaign = open_campaign(tmp_path)
    (outcome,) = accepted(campaign, LetterRequest(to="b@example.com", message=message))
    assert isinstance(outcome, AcceptedRequest)
    assert outcome.message_id == "<own@example.com>"
    made = with_intake(
        campaign, lambda i: i.preview(LetterRequest(to="b@x.example", message=message))
    )
    assert made.wire.startswith(b"Date: ")
    assert made.wire.endswith(b"\r\n\r\n..dot\r\n")
    assert b"\nMessage-ID: <own@example.com>\r\n" in made.wire


def test_a_campaign_with_a_list_takes_no_single_letters(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="takes no single letters"):
        accepted(planned(tmp_path), code())


def test_an_expiry_is_that_of_the_template_or_earlier(tmp_path: Path) -> None:
    campaign = open_campaign(tmp_path)
    clock = FakeClock()
    with_intake(campaign, lambda intake: intake.accept(code()), clock=clock)
    with closing(Arrivals.open(*campaign.journal)) as arrivals:
        (arrival,) = arrivals.between(0, 10, FIRST, 10)
    assert arrival.letter.expires_s - arrival.letter.accepted_s == 600.0


def test_templates_that_changed_are_taken_up_where_a_worker_dies(tmp_path: Path) -> None:
    campaign, clock = open_campaign(tmp_path), FakeClock()
    template = tmp_path / "letters/code.txt"

    async def ask(intake: Intake) -> list[AcceptedRequest | CampaignError]:
        found = list(await intake.accept_each([code()]))
        for text in ("{% if %}", "{{ code }} of {{ shop }}", "{{ code }}"):
            template.write_text(text, encoding="utf-8")
            killed = intake.worker_pids
            for pid in killed:
                os.kill(pid, signal.SIGKILL)
            async with asyncio.timeout(30):  # until it is seen that they are dead
                while set(killed) & set(intake.worker_pids):
                    await asyncio.sleep(0.01)
            found += await intake.accept_each([code()])
            clock.sleep(60.0)
        return found

    first, broken, other, mended = with_intake(campaign, ask, clock=clock)
    assert isinstance(first, AcceptedRequest)
    assert isinstance(broken, TemplateError)
    assert isinstance(other, BadLetterError)
    assert "'shop' is undefined" in other.what
    assert isinstance(mended, AcceptedRequest)


def test_the_digest_of_a_request_is_that_of_earlier_versions() -> None:
    """Keys are known for a week: an update of this program must not make conflicts of repeats."""
    request = LetterRequest(
        to="Ada <ada@example.com>",
        template="receipt",
        data={"order": 1, "lines": [{"name": "Tée", "n": None}]},
        headers={"X-A": "b"},
        attachments=(EnclosedFile("a.txt", "aGk="),),
        list="l",
        send_at="2099-01-01T00:00:00Z",
        key="k",
        scope="s",
        templates=("a",),
    )
    assert request.digest == "fbe1fb52031b40f1bfb202b308149ec4eb1ee068db4bd401cdb377891bf578fb"
