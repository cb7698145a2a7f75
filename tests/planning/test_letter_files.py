"""What letters are made of goes to other hosts, and nothing that is private."""

from __future__ import annotations

import pickle
from contextlib import closing
from pathlib import Path

import pytest

from campaign.config.loader import Campaign
from campaign.errors import DataError
from campaign.fleet.press import work_of
from campaign.journal.reading.reader import Reader
from campaign.planning.inputs import render_spec
from campaign.planning.letter_files import letter_files
from campaign.rendering.render import RenderSpec
from fakes.prepared.campaigns import TOML, planned

_OWN = 'html = "body.html"\nattachments = ["files/{{ plan }}"]'


def spec_of(campaign: Campaign) -> RenderSpec:
    with closing(Reader.open(*campaign.journal)) as reader:
        return render_spec(campaign, reader.plan_record(), reader.sources())


def test_templates_and_attachments_of_single_recipients_go_along_and_nothing_private(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAMPAIGN_SECRET", "a secret of thirty-two letters ..")
    secret = '[unsubscribe]\nsecret = [{ env = "CAMPAIGN_SECRET" }, { file = "files/key" }]'
    toml = TOML.replace('html = "body.html"', _OWN).replace("[unsubscribe]", secret)
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "gold").write_text("gold")
    (tmp_path / "files" / "key").write_text("another secret of thirty-two letters")
    (tmp_path / "files" / "key").chmod(0o600)
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "part.html").write_text("part")
    campaign = planned(tmp_path, toml=toml)
    spec = spec_of(campaign)
    names = letter_files(campaign, spec)
    assert names == ["body.html", "body.txt", "files/gold", "templates/part.html"]
    assert spec.token_of("ada@example.com")
    written = pickle.dumps(work_of(spec, names))
    assert b"secret of thirty-two" not in written
    assert b"eve@example.com" not in written


def test_files_that_cells_choose_outside_of_the_folder_are_not_sent_away(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "gold").write_text("gold")
    campaign = planned(
        tmp_path / "c", toml=TOML.replace('html = "body.html"', _OWN.replace("files", "../files"))
    )
    spec = spec_of(campaign)
    with pytest.raises(DataError, match=r"\.\./files/gold lies outside the campaign's folder"):
        work_of(spec, letter_files(campaign, spec))
