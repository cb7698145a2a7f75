"""addresses.tokens: they find their way back, whatever mail clients do; no others do."""

from __future__ import annotations

import base64
import re
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from campaign.addresses.syntax import LOCAL_MAX
from campaign.addresses.tokens import (
    LIST_MAX,
    Sender,
    UnsubscribeTokens,
    Unsubscription,
    campaign_digest,
    key_digest,
    read_verp_token,
    verp_token,
)

TOKENS = UnsubscribeTokens(["a secret"])
ADA = Unsubscription("newsletter", "ada@example.com", "spring")
TOKEN = TOKENS.token(*ADA)
# Made by the version before lists had names, for ada@example.com in "spring" with "a secret".
OLD_TOKEN = "syb5c5AI1idkcfJtsLFfOOm153QH2HWDpFsXz9yuAnztMuHME8g"

lists = st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,30}[a-z0-9])?", fullmatch=True)
campaigns = st.from_regex(r"[a-z0-9-]{1,64}", fullmatch=True)
keys = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=320)

PLAN_ID = "5b0f"
PLAN_KEY = bytes(range(32))


@given(lists, keys, campaigns)
@example("l" * LIST_MAX, "k" * 320, "c" * 64)
def test_an_unsubscribe_token_reads_back(list_: str, key: str, campaign: str) -> None:
    token = TOKENS.token(list_, key, campaign)
    assert re.fullmatch(r"u[A-Za-z0-9_-]+", token)
    assert len(token) <= 120
    found = TOKENS.read(token)
    assert found is not None
    assert found.list == list_
    assert found.key in (key, key_digest(key))
    assert found.campaign in (campaign, campaign_digest(campaign))


def test_an_address_of_usual_length_stands_in_the_token_itself() -> None:
    address = "somebody.with-a-long.name@mail.example-company.com"
    found = TOKENS.read(TOKENS.token("newsletter", address, "spring-renewal-of-everybody-2026"))
    assert found is not None
    assert found.key == address


def test_an_unsubscribe_token_does_not_show_the_address() -> None:
    raw = base64.urlsafe_b64decode(TOKEN[3:] + "=" * (-len(TOKEN[3:]) % 4))
    assert b"ada" not in raw
    assert b"example" not in raw


MANGLED = {
    "as it was": f"t={TOKEN}",
    "a whole URL": f"https://EXAMPLE.com/u?t={TOKEN}",
    "a path": f"/u/{TOKEN}/",
    "behind another parameter": f"x=1&t={TOKEN}&utm_source=mail",
    "& written as in HTML": f"x=1&amp;t={TOKEN}",
    "quoted-printable": f"t=3D{TOKEN}",
    "quoted-printable, its = taken for the parameter's": f"3D{TOKEN}",
    "every sign quoted-printable": f"t=3D{TOKEN.replace('-', '=2D').replace('_', '=5F')}",
    "broken by a soft line break": f"t={TOKEN[:40]}=\r\n{TOKEN[40:]}",
    "percent-encoded": "t%3D" + TOKEN.replace("-", "%2D").replace("_", "%5f"),
    "percent-encoded twice": quote("t%3D" + TOKEN.replace("-", "%2D").replace("_", "%5F")),
    "a subject": f"Re: unsubscribe {TOKEN}",
    "in angle brackets": f"<https://example.com/u?t={TOKEN}>",
}


@pytest.mark.parametrize("text", MANGLED.values(), ids=MANGLED.keys())
def test_what_mail_clients_do_to_a_link_is_undone(text: str) -> None:
    assert TOKENS.read(text) == ADA


def test_decoding_quoted_printable_that_was_none_leaves_the_token_whole() -> None:
    assert not re.match("[0-9A-Fa-f]", TOKEN)  # "=u." does not stand for a byte


@given(st.data())
def test_a_changed_token_is_nobodys(data: st.DataObject) -> None:
    raw = bytearray(base64.urlsafe_b64decode(TOKEN[3:] + "=" * (-len(TOKEN[3:]) % 4)))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    assert TOKENS.read(TOKEN[:3] + base64.urlsafe_b64encode(raw).decode().rstrip("=")) is None


@given(st.text(max_size=200))
@example("t=" + "A" * 5000)
@example("u" + "A" * 119)
@example(" ".join("B" * 40 for _ in range(500)))
def test_no_text_a_visitor_makes_up_is_a_token(text: str) -> None:
    assert TOKENS.read(text, ["spring"]) is None


def test_the_first_secret_signs_and_all_are_read() -> None:
    rotated = UnsubscribeTokens(["a new secret", "a secret"])
    assert rotated.token(*ADA) != TOKEN
    assert rotated.read(TOKEN) == ADA
    assert rotated.read(rotated.token(*ADA)) == ADA
    assert UnsubscribeTokens(["a new secret"]).read(TOKEN) is None


def test_a_token_of_before_lists_had_names_is_still_read() -> None:
    rotated = UnsubscribeTokens(["a new secret", "a secret"])
    found = rotated.read(f"t={OLD_TOKEN}", ["autumn", "spring"])
    assert found == Unsubscription("*", "ada@example.com", "spring")
    assert rotated.read(OLD_TOKEN, ["autumn"]) is None
    assert rotated.read("t" + OLD_TOKEN[1:], ["spring"]) is None


def test_a_name_too_long_for_a_list_is_refused() -> None:
    with pytest.raises(ValueError, match="not the name of a list"):
        TOKENS.token("l" * 33, "ada@example.com", "spring")


@given(st.binary(min_size=1, max_size=64), st.text(), st.integers(1, 2**32 - 1))
def test_an_envelope_sender_reads_back_in_any_case(key: bytes, plan_id: str, row: int) -> None:
    token = verp_token(key, plan_id, row)
    assert re.fullmatch("[a-z2-7]{32}", token)
    assert len(f"bounces-of-a-large-sender+{token}") <= LOCAL_MAX
    plans = {plan_id: key, "another": b"of another plan"}
    for text in (token, f"b+{token}@b.example.com", f"<B+{token.upper()}@B.EXAMPLE.COM>"):
        assert read_verp_token(plans, text) == Sender(plan_id, row)


@given(st.data())
def test_a_forged_envelope_sender_is_nobodys(data: st.DataObject) -> None:
    raw = bytearray(base64.b32decode(verp_token(PLAN_KEY, PLAN_ID, 7).upper()))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    forged = base64.b32encode(raw).decode().lower()
    assert read_verp_token({PLAN_ID: PLAN_KEY}, f"b+{forged}@b.example.com") is None


@given(st.text(max_size=200))
@example("a" * 32)
@example("b+" + "a" * 32 + "@b.example.com")
def test_no_address_somebody_makes_up_is_an_envelope_sender(text: str) -> None:
    assert read_verp_token({PLAN_ID: PLAN_KEY}, text) is None
