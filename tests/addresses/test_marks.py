"""addresses.marks: deterministic, different for each letter, silent about the address."""

from __future__ import annotations

import email
import email.policy
import hmac
import re

from hypothesis import given
from hypothesis import strategies as st

from campaign.addresses.marks import LetterMarker

KEY = bytes(range(32))


def test_a_message_id_is_the_same_on_every_attempt_and_differs_by_recipient() -> None:
    first = LetterMarker(KEY, "spring", "example.org").marks("ada@example.com").message_id
    assert first == LetterMarker(KEY, "spring", "example.org").marks("ada@example.com").message_id
    assert re.fullmatch(r"<[0-9a-f]{32}@example\.org>", first)
    others = {
        LetterMarker(KEY, "spring", "example.org").marks("bob@example.com").message_id,
        LetterMarker(KEY, "autumn", "example.org").marks("ada@example.com").message_id,
        LetterMarker(b"other", "spring", "example.org").marks("ada@example.com").message_id,
    }
    assert first not in others
    assert len(others) == 3


@given(st.binary(max_size=200), st.text(), st.text())
def test_both_marks_are_halves_of_an_hmac(key: bytes, campaign: str, letter_key: str) -> None:
    text = f"message-id\0{campaign}\0{letter_key}".encode()
    tag = hmac.new(key, text, "sha256").hexdigest()
    marks = LetterMarker(key, campaign, "example.org").marks(letter_key)
    assert marks == (f"<{tag[:32]}@example.org>", f"=_{tag[32:]}")


def test_a_boundary_is_one_that_parsers_take_and_bodies_cannot_hold() -> None:
    mark = LetterMarker(KEY, "spring", "example.org").marks("ada@example.com").boundary
    assert mark.startswith("=_")
    assert len(mark) <= 70
    text = f'Content-Type: multipart/mixed; boundary="{mark}"\n\n--{mark}\n\nx\n--{mark}--\n'
    parsed = email.message_from_string(text, policy=email.policy.default)
    assert [part.get_payload() for part in parsed.iter_parts()] == ["x"]
