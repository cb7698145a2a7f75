"""addresses.tokens: deterministic, unforgeable, silent about the address."""

from __future__ import annotations

import base64
import email
import email.policy
import hmac
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.addresses.tokens import (
    LetterMarker,
    TokenError,
    read_unsubscribe_token,
    unsubscribe_token,
)

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


@given(st.from_regex(r"[a-z0-9-]{1,64}", fullmatch=True), st.text(max_size=80))
def test_an_unsubscribe_token_reads_back(campaign: str, recipient_key: str) -> None:
    token = unsubscribe_token(KEY, campaign, recipient_key)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", token)
    assert read_unsubscribe_token(KEY, token) == (campaign, recipient_key)


def test_an_unsubscribe_token_does_not_show_the_address() -> None:
    token = unsubscribe_token(KEY, "spring", "ada@example.com")
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    assert b"ada" not in raw
    assert b"example" not in raw


@given(st.data())
def test_a_changed_token_is_refused(data: st.DataObject) -> None:
    token = unsubscribe_token(KEY, "spring", "ada@example.com")
    raw = bytearray(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(TokenError):
        read_unsubscribe_token(KEY, base64.urlsafe_b64encode(raw).decode())


@given(st.text(max_size=60))
def test_no_text_a_visitor_makes_up_is_a_token(text: str) -> None:
    with pytest.raises(TokenError):
        read_unsubscribe_token(KEY, text)


def test_a_token_of_another_key_is_refused() -> None:
    with pytest.raises(TokenError):
        read_unsubscribe_token(b"other", unsubscribe_token(KEY, "spring", "ada@example.com"))
