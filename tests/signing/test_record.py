"""The record of a key in the DNS."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.signing.keys import SigningKey
from campaign.signing.record import (
    as_strings,
    faults_of,
    read_record,
    record_text,
    zone_line,
)
from fakes.mail.dkim_keys import ed25519_key, rsa_key

OURS = b64encode(bytes(range(256))).decode()
OTHER = b64encode(bytes(32)).decode()


@pytest.mark.parametrize("make", [rsa_key, ed25519_key])
def test_what_we_publish_is_read_back_without_a_fault(make: Callable[[], SigningKey]) -> None:
    key = make()
    record = read_record(record_text(key.kind, key.public))
    assert (record.kind, record.public) == (key.kind, key.public)
    assert not faults_of(record, key.kind, key.public)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters='"\\')))
def test_the_strings_of_a_record_are_short_enough_and_join_to_it(text: str) -> None:
    strings = as_strings(text)
    assert "".join(strings) == text
    assert all(0 < len(string) <= 255 for string in strings)


def test_a_zone_line_has_all_strings_of_a_long_record() -> None:
    text = record_text("rsa", rsa_key(3072).public)
    line = zone_line("s1._domainkey.example.com", text)
    assert line.startswith('s1._domainkey.example.com. IN TXT ( "v=DKIM1; ')
    assert "".join(line.split('"')[1::2]) == text


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("v=DKIM1; p=", "revoked"),
        (f"v=DKIM1; k=ed25519; p={OURS}", "k=ed25519"),
        (f"p={OTHER}", "not the public part"),
        (f"v=DKIM1; h=sha1; p={OURS}", "h=sha1"),
        (f"v=DKIM1; s=tlsrpt; p={OURS}", "s=tlsrpt"),
        (f"v=DKIM1; t=y:s; p={OURS}", "t=y"),
    ],
)
def test_a_record_that_does_not_fit_says_why(text: str, fault: str) -> None:
    found = faults_of(read_record(text), "rsa", OURS)
    assert len(found) == 1
    assert fault in found[0]


@pytest.mark.parametrize(
    "text",
    [
        f"p={OURS}",
        f"v=DKIM1;p={OURS};",
        f"v = DKIM1 ; k = rsa ; p = {OURS[:80]} {OURS[80:]} ; n=a note ; zz=1",
        f"v=DKIM1; h=sha1 : sha256; s=email; t=s; p={OURS}",
        f"v=DKIM1; s=*; p={OURS}",
    ],
)
def test_records_that_verifiers_take_have_no_fault(text: str) -> None:
    assert not faults_of(read_record(text), "rsa", OURS)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no p="),
        ("v=DKIM1; k=rsa", "no p="),
        ("v=DKIM2; p=aaaa", "v= must be DKIM1"),
        ("p=aaaa; v=DKIM1", "come first"),
        ("v=DKIM1; p=aaaa; p=bbbb", "twice"),
        ("v=DKIM1; p=&quot;", "not base64"),
        ("v=DKIM1; hello; p=aaaa", "not a tag"),
    ],
)
def test_text_that_is_not_a_record_says_why(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_record(text)
