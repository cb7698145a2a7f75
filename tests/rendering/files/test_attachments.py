"""Files that travel with a letter, and files that must not."""

from __future__ import annotations

import dataclasses
import os
import re
from pathlib import Path

import pytest

from campaign.errors import ConfigError, RenderError, TemplateError
from campaign.rendering.files.attachments import PersonalFiles
from campaign.rendering.render import Renderer
from fakes.prepared.letters import (
    ADA,
    all_of,
    compiler_for,
    job,
    parsed,
    rendered,
    spec,
    text_of,
    write,
)

ROW = {**ADA, "invoice": "0042"}


def files(folder: Path, *attachments: str, row: dict[str, str] = ROW) -> dict[str, bytes]:
    """Name and content of each attachment of the row's message."""
    message = rendered(spec(folder, tuple(row), attachments=attachments), row)
    found = parsed(message).iter_attachments()
    return {str(part.get_filename()): part.get_payload(decode=True) for part in found}  # type: ignore[misc]


def test_fixed_and_personal_files_are_attached(tmp_path: Path) -> None:
    write(tmp_path, "terms.pdf", b"terms")
    write(tmp_path, "invoices/0042.pdf", b"invoice")
    assert files(tmp_path, "invoices/{{ invoice }}.pdf", "terms.pdf") == {
        "terms.pdf": b"terms",
        "0042.pdf": b"invoice",
    }


def test_a_cell_may_name_several_files(tmp_path: Path) -> None:
    for name in ("a.pdf", "b c.pdf", "账单.pdf"):
        write(tmp_path, f"files/{name}", name)
    row = {**ADA, "files": "a.pdf; b c.pdf\n账单.pdf;"}
    assert list(files(tmp_path, "files/{{ files }}", row=row)) == ["a.pdf", "b c.pdf", "账单.pdf"]


def test_a_path_that_renders_to_nothing_attaches_nothing(tmp_path: Path) -> None:
    assert files(tmp_path, "{% if invoice == 'x' %}a.pdf{% endif %}") == {}


def test_an_empty_cell_is_no_file_name(tmp_path: Path) -> None:
    (tmp_path / "invoices").mkdir()
    with pytest.raises(RenderError, match="attachment 'invoices/' names no file"):
        files(tmp_path, "invoices/{{ invoice }}", row={**ROW, "invoice": ""})


def test_a_missing_file_costs_its_row(tmp_path: Path) -> None:
    with pytest.raises(RenderError, match=r"attachment 'invoices/0042\.pdf': No such file"):
        files(tmp_path, "invoices/{{ invoice }}.pdf")


def test_a_missing_file_that_all_get_stops_the_campaign(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match=r"^terms\.pdf: attachment 'terms\.pdf': No such file"):
        files(tmp_path, "terms.pdf")


@pytest.mark.parametrize(
    "cell",
    ["../secret", "../../etc/passwd", "/etc/passwd", "//etc/passwd", "a/../../secret", ".", "..",
     "link", "loop", "a\0b"],
)  # fmt: skip
def test_a_path_made_from_cells_stays_beneath_its_folder(tmp_path: Path, cell: str) -> None:
    write(tmp_path, "secret", b"secret")
    write(tmp_path, "invoices/a/x", b"")
    (tmp_path / "invoices/link").symlink_to(tmp_path / "secret")
    (tmp_path / "invoices/loop").symlink_to(tmp_path / "invoices/loop")
    with pytest.raises(RenderError, match="attachment"):
        files(tmp_path, "invoices/{{ invoice }}", row={**ROW, "invoice": cell})


def test_a_folder_beside_it_with_a_longer_name_is_outside(tmp_path: Path) -> None:
    write(tmp_path, "invoices-old/x", b"secret")
    (tmp_path / "invoices").mkdir()
    with pytest.raises(RenderError, match="leads out of 'invoices/'"):
        files(tmp_path, "invoices/{{ invoice }}", row={**ROW, "invoice": "../invoices-old/x"})


@pytest.mark.parametrize(
    "source",
    ["{{ invoice }}", "/{{ invoice }}", "./{{ invoice }}", "../{{ invoice }}", "a/../{{ invoice }}",
     "{% print invoice %}", "x-{{ invoice }}.pdf"],
)  # fmt: skip
def test_a_path_made_from_cells_begins_with_a_folder_of_its_own(
    tmp_path: Path, source: str
) -> None:
    write(tmp_path, "0042", b"own")
    with pytest.raises(ConfigError, match="begin it with a folder"):
        files(tmp_path, source)


@pytest.mark.parametrize("cell", ["list.csv", "state/journal.sqlite-wal", "key.pem", "link"])
def test_no_cell_reaches_a_file_of_the_campaign_itself(tmp_path: Path, cell: str) -> None:
    for name in ("list.csv", "state/journal.sqlite-wal", "key.pem", "0042.pdf"):
        write(tmp_path, f"all/{name}", b"secret")
    (tmp_path / "all/link").symlink_to(tmp_path / "all/key.pem")
    private = tuple(str(tmp_path / "all" / name) for name in ("list.csv", "state/", "key.pem"))
    campaign = spec(tmp_path, tuple(ROW), attachments=["all/{{ invoice }}"])
    campaign = dataclasses.replace(campaign, private=private)
    with pytest.raises(RenderError, match="is a file of the campaign itself"):
        rendered(campaign, {**ROW, "invoice": cell})
    assert rendered(campaign, {**ROW, "invoice": "0042.pdf"}).wire


def test_a_path_written_in_the_config_may_lead_anywhere(tmp_path: Path) -> None:
    write(tmp_path, "shared/terms.pdf", b"terms")
    write(tmp_path, "shared/0042.pdf", b"invoice")
    found = files(tmp_path / "c", "../shared/terms.pdf", "../shared/{{ invoice }}.pdf")
    assert found == {"terms.pdf": b"terms", "0042.pdf": b"invoice"}


def test_a_pipe_or_a_folder_is_no_attachment(tmp_path: Path) -> None:
    (tmp_path / "invoices").mkdir()
    os.mkfifo(tmp_path / "invoices/pipe")
    (tmp_path / "invoices/folder").mkdir()
    for cell in ("pipe", "folder"):
        with pytest.raises(RenderError, match="is not a file"):
            files(tmp_path, "invoices/{{ invoice }}", row={**ROW, "invoice": cell})


def test_a_file_of_50_mb_is_refused(tmp_path: Path) -> None:
    (tmp_path / "invoices").mkdir()
    with (tmp_path / "invoices/0042.pdf").open("wb") as file:
        file.truncate(50_000_001)  # sparse: it takes no room
    with pytest.raises(RenderError, match=r"has 50\.0 MB, more than 50\.0 MB"):
        files(tmp_path, "invoices/{{ invoice }}.pdf")


def test_a_file_of_many_recipients_is_encoded_once_and_again_when_it_changes(
    tmp_path: Path,
) -> None:
    path = write(tmp_path, "own/a.pdf", b"one")
    compiler = compiler_for(tmp_path)
    source = PersonalFiles(compiler, tmp_path, "own/{{ name }}")
    values = compiler.values() | {"name": "a.pdf"}
    (first,), (second,) = source.files(values), source.files(values)
    assert first is second
    path.write_bytes(b"other")
    assert source.files(values) != [first]


def test_an_inline_image_is_found_by_its_name(tmp_path: Path) -> None:
    write(tmp_path, "logo.png", b"\x89PNG")
    write(tmp_path, "body.html", '<p>Hello</p><img src="cid:logo" alt="">')
    message = parsed(rendered(spec(tmp_path, html="body.html", inline={"logo": "logo.png"})))
    alternative = message.get_payload()
    related = alternative[1]  # type: ignore[index]
    assert message.get_content_type() == "multipart/alternative"
    assert related.get_content_type() == "multipart/related"  # type: ignore[union-attr]
    html, image = related.iter_parts()  # type: ignore[union-attr]
    assert html.get_content_type() == "text/html"
    content_id = image["Content-ID"].strip("<>")
    assert re.fullmatch(r"logo\.[0-9a-f]{32}@example\.com", content_id)
    assert f'src="cid:{content_id}"' in text_of(message, "text/html")
    assert image.get_payload(decode=True) == b"\x89PNG"


def test_a_name_that_cannot_be_a_content_id_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "logo.png", b"")
    write(tmp_path, "body.html", "x")
    with pytest.raises(ConfigError, match="cannot be written as cid:"):
        rendered(spec(tmp_path, html="body.html", inline={"lo go>": "logo.png"}))


def test_an_own_attachment_that_changed_since_the_plan_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "invoices/0042.pdf", b"planned")
    renderer = Renderer(spec(tmp_path, tuple(ROW), attachments=("invoices/{{ invoice }}.pdf",)))
    planned = renderer.render(job(ROW))
    assert planned.snapshot
    again = job(ROW, snapshot=planned.snapshot)
    assert all_of(renderer.render(again)) == all_of(planned)
    path.write_bytes(b"changed since")
    with pytest.raises(RenderError, match="not what it was when the plan was made"):
        renderer.render(again)


def test_a_letter_without_own_attachments_has_no_snapshot(tmp_path: Path) -> None:
    write(tmp_path, "terms.pdf", b"terms")
    assert rendered(spec(tmp_path, attachments=("terms.pdf",))).snapshot == ""
