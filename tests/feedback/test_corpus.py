"""What a corpus of returned mails is read as: the figures that the report and the store rely on."""

from __future__ import annotations

import pytest

from campaign.feedback.parsing.meaning import Weight, class_of, weight_of
from campaign.feedback.parsing.notices import Sort
from campaign.feedback.parsing.reading import read
from feedback.corpus import ADA, BOUNCES, CORPUS, FALSE_FRIENDS, MESSAGE_ID, Sample

_WEIGHTS = {str(weight) for weight in Weight}
FAILED = [sample for sample in BOUNCES if sample.means in _WEIGHTS]


def meaning(sample: Sample) -> str:
    found = read(sample.raw)
    if found.sort is not Sort.BOUNCE:
        return str(found.sort)
    if not found.notices:
        return "nobody"
    first = found.notices[0]
    return "delivered" if first.kind == "delivered" else str(weight_of(class_of(first)))


def test_there_are_enough_mails_and_no_two_with_a_name() -> None:
    assert len(CORPUS) >= 120
    assert len({sample.name for sample in CORPUS}) == len(CORPUS)


@pytest.mark.parametrize("sample", CORPUS, ids=lambda sample: sample.name)
def test_a_mail_is_read_as_what_it_is(sample: Sample) -> None:
    found = read(sample.raw)
    assert meaning(sample) == sample.means, found
    assert [notice.kind for notice in found.notices[:1]] == ([sample.kind] if sample.kind else [])


@pytest.mark.parametrize("sample", BOUNCES, ids=lambda sample: sample.name)
def test_a_bounce_names_its_recipient_and_our_letter(sample: Sample) -> None:
    found = read(sample.raw)
    assert found.notices[0].address == sample.address
    assert MESSAGE_ID.strip("<>") in found.clues.message_ids
    assert found.at == 1794302100.0


def test_nothing_is_dangerously_confused_and_the_figures_hold() -> None:
    called = {sample.name: meaning(sample) for sample in FAILED}
    gone = [sample for sample in FAILED if sample.means == "hard"]
    dangerous = [s.name for s in FAILED if s.means != "hard" and called[s.name] == "hard"]
    assert dangerous == []
    assert sum(called[sample.name] == "hard" for sample in gone) >= 0.95 * len(gone)
    counted = [s.name for s in FALSE_FRIENDS if read(s.raw).notices]
    assert counted == []
    named = [s for s in BOUNCES if s.address == ADA]
    found = [s for s in named if read(s.raw).notices[0].address == ADA]
    assert len(found) >= 0.99 * len(named)
