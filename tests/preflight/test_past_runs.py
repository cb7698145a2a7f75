"""Growth against what this sender sent before."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from campaign.cli.main import main
from campaign.clock import SystemClock
from campaign.config.loader import load
from campaign.preflight.past_runs import PastRun, growth_findings, past_runs
from campaign.routing.sites import provider_of_domain
from fakes.mail.sink import smtp_sink
from fakes.prepared.campaigns import TOML, planned, write

NOW_S = 1_795_000_000.0


def title(domain: str) -> str:
    known = provider_of_domain(domain)
    return known.title if known else ""


def past(name: str, days: float, **domains: int) -> PastRun:
    counted = Counter({domain.replace("_", "."): count for domain, count in domains.items()})
    return PastRun(name, NOW_S - days * 86400, counted.total(), counted)


def levels(domains: dict[str, int], *runs: PastRun) -> dict[str, tuple[str, str]]:
    found = growth_findings(Counter(domains), runs, title)
    return {one.id: (one.level, one.evidence) for one in found}


def test_twice_of_before_at_one_provider_is_warned_of() -> None:
    runs = (past("autumn", 3, gmail_com=900, qq_com=500), past("summer", 60, gmail_com=1000))
    found = levels({"gmail.com": 2000, "qq.com": 600, "own.test": 9}, *runs)
    level, evidence = found["volume-growth"]
    assert level == "warn"
    assert "2,000, 1,000 in summer" in evidence
    assert "QQ" not in evidence
    level, evidence = found["list-growth"]
    assert (level, "2,609 now, 1,400 in autumn" in evidence) == ("ok", True)


def test_less_than_twice_is_well() -> None:
    found = levels({"gmail.com": 1999}, past("autumn", 3, gmail_com=1000))
    assert {level for level, _ in found.values()} == {"ok"}


def test_a_provider_never_written_to_before_is_growth() -> None:
    found = levels({"gmail.com": 500}, past("autumn", 3, own_test=500))
    level, evidence = found["volume-growth"]
    assert (level, "0 in any of them" in evidence) == ("warn", True)


def test_few_letters_are_no_growth() -> None:
    found = levels({"gmail.com": 99}, past("autumn", 3, gmail_com=1))
    assert {level for level, _ in found.values()} == {"ok"}


def test_a_list_that_has_doubled_is_warned_of() -> None:
    found = levels({"own.test": 2800}, past("autumn", 3, own_test=1400))
    assert found["list-growth"][0] == "warn"


def test_without_a_past_nothing_is_known() -> None:
    assert {level for level, _ in levels({"gmail.com": 9}).values()} == {"not-checked"}


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """A campaign that was sent, one of another sender, one that was not, one that is broken."""
    with smtp_sink() as sink:
        toml = TOML.replace("port = 1", f"port = {sink.port}")
        write(tmp_path / "autumn", toml=toml.replace('"spring"', '"autumn"'))
        write(tmp_path / "other", toml=toml.replace("ada@example.com", "ada@other.example"))
        for name in ("autumn", "other"):
            assert main(["run", str(tmp_path / name), "--yes"]) == 0
    planned(tmp_path / "never")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/campaign.toml").write_text("name = ")
    write(tmp_path / "spring")
    return tmp_path


def test_the_folders_beside_a_campaign_tell_what_was_sent(folders: Path) -> None:
    now_s = SystemClock().now_s()
    (run,) = past_runs(load(folders / "spring"), now_s)
    assert (run.name, run.sent) == ("autumn", 4)
    assert run.domains == Counter({"example.com": 3, "qq.example": 1})
    assert abs(run.ended_s - now_s) < 600
    assert past_runs(load(folders / "spring"), now_s + 91 * 86400) == []
