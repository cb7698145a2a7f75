"""The report in the languages of its readers."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import campaign.pages.causes
import campaign.report.page
import campaign.report.several
import campaign.report.wording
from campaign.cli.main import main
from campaign.clock import SystemClock
from campaign.config.loader import load
from campaign.errors import UsageError
from campaign.pages.causes import cause_of
from campaign.planning.skips import SKIP_WORDS
from campaign.records import ReplyClass, State
from campaign.report.page import report
from campaign.report.wording import asked_wording, wording
from feedback.mailbox import sent_campaign

LOOKS = (
    Path(campaign.report.page.__file__).parent / "look/report.html",
    Path(campaign.report.page.__file__).parent / "look/several.html",
    Path(campaign.pages.causes.__file__).parent / "look/charts.html",
)
OF_TABLES = {"no reason given", "once", "twice", "3 to 5 times", "6 to 10 times", "more"}
UNITS = {"ms", "s", "m", "h", "d"}


def said() -> set[str]:
    """Every sentence of the report, as its templates and modules have it."""
    found = OF_TABLES | UNITS | set(SKIP_WORDS.values()) | {str(state) for state in State}
    for look in LOOKS:
        text = look.read_text()
        found |= set(re.findall(r'\b_\("([^"]+)"', text))
        for one, many in re.findall(r'of_count\(.*?, "([^"]+)", "([^"]+)"\)', text):
            found |= {one, many}
    for module in (campaign.report.page, campaign.report.several, campaign.report.wording):
        tree = ast.parse(Path(module.__file__ or "").read_text())
        for call in ast.walk(tree):
            if (
                isinstance(call, ast.Call)
                and isinstance(call.func, ast.Attribute)
                and call.func.attr == "say"
                and isinstance(call.args[0], ast.Constant)
            ):
                found.add(call.args[0].value)
    found |= set(campaign.report.page._ENDINGS.values())
    classes = [*ReplyClass, "paced", "dns", "render", "", "unheard of"]
    for class_ in classes:
        found |= set(cause_of(class_))
    return found


def test_every_sentence_of_the_report_is_there_in_chinese_and_no_other() -> None:
    assert set(wording("zh").texts) == said()


def test_a_translation_has_the_fields_of_its_sentence() -> None:
    for english, chinese in wording("zh").texts.items():
        fields = re.findall(r"{\w*}", english)
        assert sorted(re.findall(r"{\w*}", chinese)) == sorted(fields), english


def test_the_report_is_in_the_default_language_of_the_list(tmp_path: Path) -> None:
    spring = sent_campaign(tmp_path / "spring", people=3)
    assert '<html lang="en">' in report(spring, SystemClock())
    toml = tmp_path / "spring" / "campaign.toml"
    toml.write_text(
        toml.read_text().replace("[recipients]\n", '[recipients]\ndefault_locale = "zh_CN"\n')
    )
    page = report(load(tmp_path / "spring"), SystemClock())
    assert '<html lang="zh">' in page
    assert "没有遗漏。" in page
    shown = re.sub(r"<style>.*?</style>|<[^>]*>", " ", page, flags=re.S)
    assert re.findall(r"\b(?:sent|failed|of|the|was)\b", shown, flags=re.I) == []


def test_the_language_can_be_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent_campaign(tmp_path / "spring", people=3)
    monkeypatch.chdir(tmp_path)
    assert main(["report", "spring", "-o", "r.html", "--language", "zh-Hant-TW"]) == 0
    assert '<html lang="zh">' in (tmp_path / "r.html").read_text()
    assert main(["report", "spring", "-o", "r.html", "--language", "tlh"]) == 64
    assert "not written in 'tlh' (it is in en, zh)" in capsys.readouterr().err
    with pytest.raises(UsageError):
        asked_wording("tlh")


def test_times_and_durations_are_written_as_the_language_writes_them() -> None:
    assert wording("zh").duration(5400) == "1小时30分"
    assert wording("en").duration(5400) == "1h30m"
    assert wording("zh").moment(0) == ""
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", wording("zh").moment(1_000_000))
