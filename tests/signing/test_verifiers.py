"""Three verifiers that others wrote take our signatures, and refuse what was changed.

`make dkim-fuzz` signs 10,000 hard letters, `make test` two hundred.
"""

from __future__ import annotations

import os
import re
import tempfile
from functools import cache
from pathlib import Path

import pytest

from campaign.signing.signature import signatures
from fakes.mail.dkim_keys import ed25519_signer, records, rsa_signer
from fakes.mail.dkim_verifiers import VERIFIERS, Verify
from fakes.prepared.hard_letters import hard_letters

COUNT = int(os.environ.get("DKIM_LETTERS", "200"))
each_verifier = pytest.mark.parametrize("verify", VERIFIERS.values(), ids=VERIFIERS)
LETTER = (
    b"From: Ada <ada@example.com>\r\nTo: bob@example.org\r\nSubject: Hi\r\n"
    b"List-Unsubscribe: <https://example.com/u?t=1>\r\n"
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\nHello.\r\n"
)
SIGNED = signatures(LETTER, [rsa_signer()]) + LETTER


def refolded(letter: bytes) -> bytes:
    """As a relay that keeps LF, and folds To and Subject after its own taste, hands it on."""
    text = letter.replace(b"\r\n", b"\n")
    head, gap, body = text.partition(b"\n\n")
    head = re.sub(rb"\n[ \t]+", b" ", head)
    head = re.sub(rb"(?m)^((?:To|Subject|DKIM-Signature): .{20,}?) ", rb"\1\n\t", head)
    return (head + gap + body).replace(b"\n", b"\r\n")


@cache
def signed(seed: int) -> list[bytes]:
    """Hard letters with their signature."""
    with tempfile.TemporaryDirectory() as folder:
        letters = hard_letters(Path(folder), COUNT, seed)
    return [signatures(one, [rsa_signer()]) + one for one in letters]


@each_verifier
def test_every_letter_verifies(verify: Verify) -> None:
    letters = signed(1)
    bad = [at for at, said in enumerate(verify(letters, records())) if said != ["pass"]]
    assert not bad, letters[bad[0]]


@each_verifier
def test_every_letter_verifies_after_a_relay_that_folds_anew(verify: Verify) -> None:
    letters = [refolded(one) for one in signed(2)]
    bad = [at for at, said in enumerate(verify(letters, records())) if said != ["pass"]]
    assert not bad, letters[bad[0]]


# Debian's Mail::DKIM knows RSA only.
@pytest.mark.parametrize("name", ["dkimpy", "OpenDKIM"])
def test_two_signatures_verify_each_by_itself(tmp_path: Path, name: str) -> None:
    signers = [rsa_signer(), ed25519_signer()]
    letters = [signatures(one, signers) + one for one in hard_letters(tmp_path, COUNT // 10)]
    assert VERIFIERS[name](letters, records()) == [["pass", "pass"]] * len(letters)


@each_verifier
@pytest.mark.parametrize(
    "added",
    [
        b"From: Eve <eve@example.net>", b"Subject: Pay now", b"To: eve@example.net",
        b"Reply-To: eve@example.net", b"Cc: eve@example.net",
        b"List-Unsubscribe: <https://example.net/>",
        b"List-Unsubscribe-Post: List-Unsubscribe=One-Click",
    ],
)  # fmt: skip
def test_a_second_field_makes_the_signature_fail(verify: Verify, added: bytes) -> None:
    letters = [
        SIGNED,
        added + b"\r\n" + SIGNED,
        SIGNED.replace(b"\r\n\r\n", b"\r\n" + added + b"\r\n\r\n"),
    ]
    first, *others = verify(letters, records())
    assert first == ["pass"]
    assert all(said != ["pass"] for said in others)


@each_verifier
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"Hello.", b"Hello!"),
        (b"Hi", b"Ho"),
        (b"u?t=1", b"u?t=2"),
        (b"Hello.\r\n", b"Hello.\r\nx\r\n"),
    ],
)
def test_a_change_makes_the_signature_fail(verify: Verify, before: bytes, after: bytes) -> None:
    ((said),) = verify([SIGNED.replace(before, after)], records())
    assert said != ["pass"]
