"""preflight.verify.rows: syntax by RFC 5321 and 6531, what we can write to, and what only looks
like it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from campaign.addresses.disposable import none_installed
from campaign.preflight.verify.findings import DomainFinding, Standing
from campaign.preflight.verify.rows import Judge

TSV = Path(__file__).parents[2] / "addresses" / "syntax.tsv"
CASES = [line.split("\t") for line in TSV.read_text(encoding="utf-8").split("\n")[1:-1]]
# What isemail (Dominic Sayers, version 3.05) says of 163 addresses; the 164th stands there twice.
ISEMAIL = [
    (kind, json.loads(address))
    for kind, address in (
        line.split("\t")
        for line in (TSV.parent / "isemail.tsv").read_text(encoding="utf-8").split("\n")[1:-1]
    )
]
# By kind, what is to be thought of a cell with such an address.
VERDICTS = {
    "valid": {"good"},
    "blank": {"good"},  # around an address it means nothing in a list
    "smtp-only": {"doubtful"},  # quoted, or an IP address: right, and not supported
    "one-label": {"bad"},  # the owner of a top-level domain is no recipient (RFC 7085)
    "numeric": {"bad"},
    "comment": {"bad"},  # allowed in a header field, and never in a list or an envelope
    "message-only": {"bad"},
    "obsolete": {"bad", "doubtful"},  # RFC 5322, 4: may be read, must not be written
    "error": {"bad"},
}
EVERY_DOMAIN_IS_GOOD = Judge(
    lambda domain: (DomainFinding(Standing.GOOD, "", mx="mx.example"), 1), none_installed()
)


@pytest.mark.parametrize(("cell", "verdict"), CASES)
def test_the_syntax_alone_decides_where_the_domain_is_good(cell: str, verdict: str) -> None:
    address, finding = EVERY_DOMAIN_IS_GOOD.of_cell(cell)
    assert str(finding.standing) == verdict, finding.reason
    assert (address is not None) == (verdict == "good")
    if verdict == "bad":
        assert finding.cause == "syntax"


def test_the_addresses_of_isemail_are_judged_as_their_kind_says() -> None:
    assert len(ISEMAIL) == 163
    wrong = []
    for kind, cell in ISEMAIL:
        standing = str(EVERY_DOMAIN_IS_GOOD.of_cell(cell)[1].standing)
        # Line ends and blanks around an address, and a dot behind it, are mended.
        is_mended = cell.strip().rstrip(".") == "test@example.org"
        if standing not in VERDICTS[kind] and not (is_mended and standing == "good"):
            wrong.append((kind, cell, standing))
    # Nobody makes a mailbox that has no name: `""@example.org` is right by the grammar alone.
    assert wrong == [("smtp-only", '""@example.org', "bad")]


def test_the_table_has_the_kinds_of_cases_that_matter() -> None:
    assert len(CASES) >= 80
    assert {verdict for _, verdict in CASES} == {"good", "bad", "doubtful"}


@pytest.mark.parametrize("standing", list(Standing))
def test_a_slip_never_changes_what_the_dns_says_but_good(standing: Standing) -> None:
    judge = Judge(lambda domain: (DomainFinding(standing, "cause"), 1), none_installed())
    found = judge.of_cell("ada@gmial.com")[1]
    is_good = standing is Standing.GOOD
    assert found.standing is (Standing.DOUBTFUL if is_good else standing)
    assert found.suggestion == "ada@gmail.com"


def test_many_rows_of_a_domain_are_no_slip_but_of_a_large_provider() -> None:
    judge = Judge(lambda domain: (DomainFinding(Standing.GOOD, ""), 500), none_installed())
    assert judge.of_cell("ada@gmial.com")[1].suggestion == "ada@gmail.com"
    assert judge.of_cell("ada@firm.nte")[1].suggestion == ""
