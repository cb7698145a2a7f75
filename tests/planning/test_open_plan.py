"""The plan of an open campaign, which whoever comes first makes."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from campaign.cli.main import main
from campaign.clock import SystemClock
from campaign.journal.store import Journal
from campaign.planning.inputs import new_record
from campaign.planning.opening import sources_of
from fakes.prepared.open_campaigns import open_campaign

_ASKS = """
import sys
from pathlib import Path
from campaign.clock import SystemClock
from campaign.config.loader import load
from campaign.planning.opening import ensure_open_plan
print(ensure_open_plan(load(Path(sys.argv[1])), SystemClock()).plan_id)
"""


def test_a_process_that_begins_while_another_makes_the_plan_waits_for_it(tmp_path: Path) -> None:
    """`serve --api`, `consume` and `run` begin together after a boot; one ended with 74 then."""
    campaign = open_campaign(tmp_path / "shop")
    clock = SystemClock()
    opened = Journal.open(*campaign.journal, clock=clock, create=True, campaign="shop")
    with closing(opened) as journal:
        child = subprocess.Popen(
            [sys.executable, "-c", _ASKS, str(campaign.folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(3)
        record = new_record(campaign, clock)
        planning = journal.plan(record)
        for source in sources_of(campaign):
            planning.add_source(source)
        planning.mark("allow")
        planning.finish()
    said, errors = child.communicate(timeout=60)
    assert (child.returncode, said.strip()) == (0, record.plan_id), errors


def test_a_plan_says_what_a_run_would_be_refused_for_and_not_what_a_server_would(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    campaign = open_campaign(tmp_path / "shop")
    keys = '[serve]\napi_keys = [{ env = "SHOP_API_KEY" }]\n'
    campaign.file.write_text(campaign.text + keys)
    assert main(["plan", str(campaign.folder)]) == 0
    told = capsys.readouterr()
    assert "SHOP_API_KEY is not set" in told.err
    assert told.out.endswith(f", campaign run {campaign.folder} sends them\n")
    campaign.file.write_text(
        campaign.text.replace("[relay]", "[relay]\nusername='a'\npassword={env='SHOP_LOGIN'}")
    )
    assert main(["plan", str(campaign.folder)]) == 0
    told = capsys.readouterr()
    refused = f"campaign run {campaign.folder} would refuse to send, until this is mended:\n"
    assert "SHOP_LOGIN is not set" in told.out.partition(refused)[2]
