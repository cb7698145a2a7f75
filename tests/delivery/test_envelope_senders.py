"""Each letter has an envelope sender of its own, which tells whose bounce comes back."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from campaign.addresses.syntax import parse_address
from campaign.addresses.tokens import Sender, read_verp_token
from campaign.config.loader import load
from campaign.delivery.trial import send_trial
from campaign.errors import ConfigErrors
from campaign.journal.reading.reader import Reader
from fakes.mail.scripted_smtp import Script, ScriptedServer
from fakes.prepared.sending import Mailing, relay

VERP = '[bounces]\nenvelope_from = "B+{token}@b.example.com"\n'


def test_the_sender_of_a_bounce_names_the_row_of_the_letter(tmp_path: Path) -> None:
    with ScriptedServer(Script()) as server:
        ending = Mailing(tmp_path, relay(server), more=VERP).send()
        senders = {letter.recipient: letter.sender for letter in server.accepted}
    with closing(Reader.open("sqlite:///state/journal.sqlite", tmp_path)) as reader:
        plan = reader.plan_record()
    assert ending.all_but() == {"sent"}
    for address, result in ending.results.items():
        sender = senders[address]
        assert sender.startswith("B+")
        assert sender.endswith("@b.example.com")
        assert "r1" not in sender
        found = read_verp_token({plan.plan_id: plan.key}, sender.lower())
        assert found == Sender(plan.plan_id, result.row)
        assert read_verp_token({plan.plan_id: b"another key"}, sender) is None


def test_a_test_letter_is_nobodys(tmp_path: Path) -> None:
    with ScriptedServer(Script()) as server:
        campaign = Mailing(tmp_path, relay(server), more=VERP).plan()
        send_trial(campaign, parse_address("me@example.org"), 2, exact=False)
        (letter,) = server.accepted
    with closing(Reader.open("sqlite:///state/journal.sqlite", tmp_path)) as reader:
        plan = reader.plan_record()
    assert read_verp_token({plan.plan_id: plan.key}, letter.sender) == Sender(plan.plan_id, 0)


@pytest.mark.parametrize(
    ("sender", "what"),
    [
        ("b@b.example.com", "{token} does not stand once before the @"),
        ("b@{token}.example.com", "{token} does not stand once before the @"),
        ("{token}{token}@b.example.com", "{token} does not stand once before the @"),
        ("a-long-name-of-thirty-three-chars{token}@b.example.com", "65 bytes before the @"),
        ("b+{token}@nowhere", "no dot in the domain"),
    ],
)
def test_a_sender_that_cannot_be_is_a_fault_of_the_config(
    tmp_path: Path, sender: str, what: str
) -> None:
    mailing = Mailing(tmp_path, relay(1), more=f'[bounces]\nenvelope_from = "{sender}"\n')
    with pytest.raises(ConfigErrors) as caught:
        mailing.write()
    assert what in str(caught.value)


def test_the_longest_sender_that_can_be_is_taken(tmp_path: Path) -> None:
    sender = f"{'b' * 32}{{token}}@b.example.com"
    Mailing(tmp_path, relay(1), more=f'[bounces]\nenvelope_from = "{sender}"\n').write()
    assert load(tmp_path).settings.bounces.envelope_from == sender
