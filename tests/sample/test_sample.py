"""The sample campaign: made by its script, and complete."""

from __future__ import annotations

import email
import email.policy
import json
import subprocess
import sys
import zlib
from collections import Counter
from email.message import EmailMessage
from pathlib import Path

import pytest

from campaign.config.loader import Campaign, load
from campaign.config.settings import Recipients
from campaign.planning.inputs import render_spec
from campaign.recipients.cleaning import clean
from campaign.recipients.readers import read_lists
from campaign.recipients.suppression import read_suppressed
from campaign.records import Entry, Job, PlanRecord, Source
from campaign.rendering.render import Renderer
from campaign.sandbox.simulator import MAILBOXES, mailbox_of

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "sample_data"
RECORD = PlanRecord(
    campaign="sample-renewal",
    plan_id="plan",
    key=b"key" * 11,
    date_s=1_780_000_000.0,
    hashes={},
    created_s=1_780_000_000.0,
    message_id_domain="kestrel.example",
)


def entries(campaign: Campaign, settings: Recipients) -> tuple[list[Source], list[Entry]]:
    chunks = list(read_lists(campaign.folder, settings))
    return [chunk.source for chunk in chunks], [e for c in chunks for e in clean(c, settings)]


@pytest.fixture(scope="module")
def campaign() -> Campaign:
    return load(SAMPLE, need_secrets=True)


@pytest.fixture(scope="module")
def read(campaign: Campaign) -> tuple[list[Source], list[Entry]]:
    return entries(campaign, campaign.settings.recipients)


def pixels(png: bytes) -> bytes:
    """The PNG, its compressed part unpacked: zlib may pack better one day."""
    start = png.index(b"IDAT") + 4
    size = int.from_bytes(png[start - 8 : start - 4], "big")
    return png[: start - 8] + zlib.decompress(png[start : start + size])


def test_the_files_are_what_the_script_makes(tmp_path: Path) -> None:
    there = tmp_path / "sample_data"
    there.mkdir()
    (tmp_path / "templates" / "renewal").mkdir(parents=True)
    for script in SAMPLE.glob("*.py"):
        (there / script.name).write_bytes(script.read_bytes())
    subprocess.run([sys.executable, "-B", there / "make_sample.py"], check=True, timeout=60)
    for name in ("recipients.csv", "recipients-gb18030.csv", "suppressed.csv", "terms.pdf"):
        assert (there / name).read_bytes() == (SAMPLE / name).read_bytes(), name
    logo = Path("templates") / "renewal" / "logo.png"
    assert pixels((tmp_path / logo).read_bytes()) == pixels((ROOT / logo).read_bytes())


def test_the_list_has_everything_that_real_lists_have(
    campaign: Campaign, read: tuple[list[Source], list[Entry]]
) -> None:
    _, found = read
    assert len(found) == 500
    good = [entry for entry in found if not entry.reason]
    assert len(good) == 492
    keys = Counter(entry.key for entry in good)
    assert sum(count - 1 for count in keys.values()) == 7
    suppressed = set(read_suppressed(SAMPLE, campaign.settings.recipients.suppress))
    assert len(suppressed & set(keys)) == 5
    cells = "".join(entry.data for entry in good)
    assert all(sign in cells for sign in (",", ";", '\\"', "\\n", "é", "Ł", "王", "さ", "ل"))


def test_nobody_real_can_get_the_sample(read: tuple[list[Source], list[Entry]]) -> None:
    domains = {entry.domain for entry in read[1] if not entry.reason}
    assert all(domain.endswith(".example") for domain in domains)


def test_every_outcome_of_the_sandbox_but_a_block_stands_in_the_list(
    read: tuple[list[Source], list[Entry]],
) -> None:
    played = {mailbox_of(entry.address) for entry in read[1] if "@sandbox." in entry.address}
    # policy@ would open the breaker, and the demo would end there
    assert played == {name.removesuffix("@") for name, _ in MAILBOXES[:-1]} - {"policy"}


def test_the_list_of_excel_in_china_holds_the_same_rows(
    campaign: Campaign, read: tuple[list[Source], list[Entry]]
) -> None:
    settings = campaign.settings.recipients.model_copy(
        update={"files": ("recipients-gb18030.csv",)}
    )
    (source,), found = entries(campaign, settings)
    assert (source.encoding, source.delimiter) == ("gb18030", ";")
    assert [entry.data for entry in found] == [entry.data for entry in read[1]]


def test_every_row_makes_a_message_that_says_what_the_row_says(
    campaign: Campaign, read: tuple[list[Source], list[Entry]]
) -> None:
    sources, found = read
    renderer = Renderer(render_spec(campaign, RECORD, sources))
    for row, entry in enumerate(found, 1):
        if entry.reason:
            continue
        message = renderer.render(Job(row, entry.source, entry.address, entry.key, entry.data))
        if row % 10 == 0:  # parsing is 50 times slower than rendering
            cells = json.loads(entry.data)
            _check(message.wire, dict(zip(sources[0].columns, cells, strict=True)))


def _check(wire: bytes, row: dict[str, str]) -> None:
    letter = email.message_from_bytes(
        wire.replace(b"\r\n..", b"\r\n."), policy=email.policy.default
    )
    assert isinstance(letter, EmailMessage)
    first, plan = row["first_name"], row["plan"]
    assert letter["Subject"] == f"{first}, your {plan} plan renews on {row['renews_on']}"
    text, html = letter.get_body(("plain",)), letter.get_body(("html",))
    assert text is not None
    assert html is not None
    for part in (text.get_content(), html.get_content()):
        assert row["first_name"] in part
        assert row["amount"] in part
        assert ("Working with others" in part) == (plan == "Starter")
        assert ("Iris Holm" in part) == (plan == "Business")
    assert html.get_content().count("cid:logo") == 1
    types = [part.get_content_type() for part in letter.walk() if not part.is_multipart()]
    assert types == ["text/plain", "text/html", "image/png", "application/pdf"]


def test_the_pdf_knows_where_its_objects_are() -> None:
    pdf = (SAMPLE / "terms.pdf").read_bytes()
    table = pdf[int(pdf.rsplit(b"startxref\n", 1)[1].split()[0]) :].splitlines()
    assert table[0] == b"xref"
    for number, line in enumerate(table[3:10], 1):
        assert pdf[int(line[:10]) :].startswith(b"%d 0 obj" % number)
