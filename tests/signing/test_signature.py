"""The DKIM-Signature field: how it is written, whatever its values are."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaign.signing.relaxed import relaxed_body
from campaign.signing.signature import Signer, signatures
from fakes.mail.dkim_keys import ed25519_key, ed25519_signer, rsa_signer

LETTER = b"From: Ada <ada@example.com>\r\nTo: bob@example.org\r\nSubject: Hi\r\n\r\nHello.\r\n"
labels = st.integers(1, 63).map(lambda size: "a" * size)
selectors = st.lists(labels, min_size=1, max_size=3).map(".".join)
white = st.text(" \t", max_size=3)
lines = st.lists(st.tuples(white, st.text("ab.\xe9", max_size=3), white, st.just("\r\n")))


def tags(field: bytes) -> dict[str, str]:
    value = field.partition(b":")[2].decode()
    pairs = (tag.partition("=") for tag in re.sub(r"\s", "", value).split(";"))
    return {name: text for name, _, text in pairs}


def structure(field: bytes) -> list[bytes]:
    """Each line without its values: tags, and the separators of names."""
    return [re.sub(rb"[^:;=]|=(?=;|$)", b"", line) for line in field.split(b"\r\n")]


def test_it_says_what_was_done_and_no_more() -> None:
    said = tags(signatures(LETTER, [rsa_signer()]))
    assert list(said) == ["v", "a", "c", "d", "s", "h", "bh", "b"]
    assert (said["v"], said["c"]) == ("1", "relaxed/relaxed")
    assert (said["a"], said["d"], said["s"]) == ("rsa-sha256", "example.com", "s1")


def test_a_letter_carries_a_signature_of_each_key() -> None:
    both = signatures(LETTER, [rsa_signer(), ed25519_signer()])
    alone = [signatures(LETTER, [one]) for one in (rsa_signer(), ed25519_signer())]
    assert both == b"".join(alone)
    assert tags(alone[1])["a"] == "ed25519-sha256"


def test_an_end_stands_in_it_only_where_it_is_asked_for() -> None:
    signer = Signer("example.com", "e1", ed25519_key(), 3600.0)
    said = tags(signatures(LETTER, [signer], 1000.7))
    assert (said["t"], said["x"]) == ("1000", "4600")
    assert tags(signatures(LETTER, [signer], 2000.0))["t"] == "2000"


def test_the_same_letter_has_the_same_signature() -> None:
    signers = [rsa_signer(), ed25519_signer()]
    assert signatures(LETTER, signers) == signatures(LETTER, signers)


@given(labels, selectors, st.integers(0, 40))
@settings(max_examples=200)
def test_fold_points_do_not_depend_on_values(label: str, selector: str, others: int) -> None:
    more = b"".join(b"X-%d: y\r\n" % number for number in range(others))
    field = signatures(more + LETTER, [Signer(f"{label}.example", selector, ed25519_key())])
    usual = signatures(more + LETTER, [Signer("a.b", "s", ed25519_key())])
    assert structure(field) == structure(usual)
    assert all(len(line) - len(label) - len(selector) < 79 for line in field.split(b"\r\n"))


@given(labels, selectors)
def test_no_line_of_it_is_too_long_for_smtp(label: str, selector: str) -> None:
    field = signatures(LETTER, [Signer(f"{label}.example", selector, ed25519_key())])
    assert all(len(line) <= 998 for line in field.split(b"\r\n"))


@given(lines, white)
def test_the_relaxed_body_is_what_its_definition_says(
    parts: list[tuple[str, str, str, str]], rest: str
) -> None:
    """RFC 6376, 3.4.4, line by line."""
    body = "".join("".join(part) for part in parts) + rest
    expected = [re.sub("[ \t]+", " ", line).rstrip(" ") for line in body.split("\r\n")]
    while expected and not expected[-1]:
        expected.pop()
    text = "".join(f"{line}\r\n" for line in expected)
    assert relaxed_body(body.encode()) == text.encode()


@pytest.mark.parametrize("wire", [LETTER.split(b"\r\n\r\n")[0] + b"\r\n\r\n", LETTER[:-2]])
def test_letters_without_a_body_or_a_last_line_end_are_signed(wire: bytes) -> None:
    assert tags(signatures(wire, [ed25519_signer()]))["bh"]
