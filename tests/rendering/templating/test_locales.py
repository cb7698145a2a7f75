"""Each recipient is written to in the nearest language there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaign.errors import RenderError, TemplateError
from campaign.languages import fallback_chain, variants_of
from campaign.rendering.render import input_files
from campaign.rendering.templating.locales import Variants
from campaign.rendering.templating.proofread import proofread
from fakes.prepared.letters import compiler_for, parsed, rendered, spec, text_of, write

COLUMNS = ("email", "locale")


@pytest.mark.parametrize(
    ("locale", "chain"),
    [
        ("zh", ["zh"]),
        ("zh-Hant-TW", ["zh-hant-tw", "zh-hant", "zh"]),
        ("zh_CN.UTF-8", ["zh-cn", "zh"]),
        (" de@euro ", ["de"]),
        ("", []),
        ("../../etc/passwd", []),
        ("Deutsch bitte", []),
        ("zh\0", []),
    ],
)
def test_a_locale_falls_back_to_ever_wider_ones(locale: str, chain: list[str]) -> None:
    assert list(fallback_chain(locale)) == chain


def test_variants_lie_beside_their_template(tmp_path: Path) -> None:
    for name in ("body.html", "body.zh.html", "body.pt_BR.html", "body.de.txt", "other.zh.html"):
        write(tmp_path, f"t/{name}", "")
    assert variants_of(tmp_path, "t/body.html") == {
        "pt-br": "t/body.pt_BR.html",
        "zh": "t/body.zh.html",
    }


def test_a_column_of_nonsense_does_not_fill_the_memory() -> None:
    variants = Variants("default", {"zh": "zh"})
    assert {variants.pick(f"nonsense {number}") for number in range(3000)} == {"default"}
    assert variants.pick("zh-CN") == "zh"


@pytest.mark.parametrize(
    ("locale", "text"), [("zh-CN", "你好\n"), ("de", "Hallo\n"), ("fr", "Hello\n"), ("", "Hello\n")]
)
def test_the_locale_column_chooses_the_template(tmp_path: Path, locale: str, text: str) -> None:
    write(tmp_path, "body.txt", "Hello\n")
    write(tmp_path, "body.zh.txt", "你好\n")
    write(tmp_path, "body.de.txt", "Hallo\n")
    campaign = spec(tmp_path, COLUMNS, locale="locale", text="body.txt")
    mail = parsed(rendered(campaign, {"email": "ada@example.com", "locale": locale}))
    assert text_of(mail) == text


def test_every_language_is_compiled_before_the_first_letter(tmp_path: Path) -> None:
    write(tmp_path, "body.txt", "Hello\n")
    write(tmp_path, "body.zh.txt", "{{")
    campaign = spec(tmp_path, COLUMNS, locale="locale", text="body.txt")
    with pytest.raises(TemplateError, match=r"^body\.zh\.txt:1"):
        rendered(campaign, {"email": "ada@example.com", "locale": "de"})


def test_the_templates_of_all_languages_are_input_files(tmp_path: Path) -> None:
    files = [write(tmp_path, name, "x") for name in ("body.txt", "body.zh.txt")]
    message = spec(tmp_path, text="body.txt").message
    assert input_files(tmp_path, message, locale_column="locale") == files
    assert input_files(tmp_path, message) == files[:1]


def formatted(source: str, locale: str, *, list_locale: str = "", **values: str) -> str:
    pytest.importorskip("babel")
    compiler = compiler_for(Path("."), list_locale=list_locale)
    text = compiler.text(source, "message.subject").render(compiler.values(locale) | values)
    return text.replace("\u202f", " ").replace("\xa0", " ")


@pytest.mark.parametrize(
    ("source", "locale", "text"),
    [
        ('{{ "1234.5"|money("CNY") }}', "zh-CN", "¥1,234.50"),
        ('{{ "1234.5"|money("EUR") }}', "de", "1.234,50 €"),
        ('{{ "1234.5"|money("EUR") }}', "", "€1,234.50"),
        ('{{ "1234567.8"|number }}', "de-AT", "1.234.567,8"),
        ('{{ "0.25"|percent }}', "fr", "25 %"),
        ('{{ "2026-01-31"|date }}', "zh-Hans", "2026年1月31日"),
        ('{{ "2026-01-31"|date("full") }}', "de", "Samstag, 31. Januar 2026"),
        ('{{ "2026-01-31T08:00"|date("d MMM") }}', "en-GB", "31 Jan"),
        ('{{ "1"|number }}', "xx-nonsense", "1"),
    ],
)
def test_numbers_money_and_dates_are_written_as_the_reader_writes_them(
    source: str, locale: str, text: str
) -> None:
    assert formatted(source, locale) == text


@pytest.mark.parametrize(
    ("source", "list_locale", "text"),
    [
        ('{{ "1.234,50 €"|money("EUR") }}', "de", "€1,234.50"),
        ('{{ "1.234"|number }}', "de", "1,234"),
        ('{{ "1.234"|number }}', "", "1.234"),
        ('{{ "¥1,234"|money("CNY") }}', "zh", "CN¥1,234.00"),
        ('{{ "25%"|percent }}', "zh", "25%"),
        ("{{ 1.234|number }}", "de", "1.234"),
        ('{{ "2026/12/14"|date }}', "", "December 14, 2026"),
        ('{{ "14.12.2026"|date }}', "", "December 14, 2026"),
        ('{{ "3/4/2026"|date }}', "en-GB", "April 3, 2026"),
        ('{{ "3/4/2026"|date }}', "en-US", "March 4, 2026"),
        ('{{ "3. März 2026"|date }}', "de", "March 3, 2026"),
        ('{{ "2026年12月14日"|date }}', "zh", "December 14, 2026"),
        ('{{ "26/3/4"|date }}', "zh", "March 4, 2026"),
    ],
)
def test_cells_are_read_by_the_habits_of_the_list_and_written_by_the_readers(
    source: str, list_locale: str, text: str
) -> None:
    assert formatted(source, "en", list_locale=list_locale) == text


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ('{{ "面议"|money("CNY") }}', "'面议' is not a number: write it as 1234.5"),
        ('{{ "$5"|money("CNY") }}', r"'\$5' is not an amount in CNY"),
        ('{{ "3/4/2026"|date }}', "'3/4/2026' may be two different days: .* default_locale"),
        ('{{ "46370"|date }}', "looks like a day number of Excel"),
    ],
)
def test_what_can_be_read_in_two_ways_is_told(source: str, reason: str) -> None:
    with pytest.raises(RenderError, match=reason):
        formatted(source, "zh")


def test_a_row_without_a_language_is_written_to_in_the_default_one(tmp_path: Path) -> None:
    write(tmp_path, "body.zh.txt", "你好\n")
    write(tmp_path, "body.en.txt", "Hello\n")
    campaign = spec(
        tmp_path,
        COLUMNS,
        locale="locale",
        default_locale="zh-CN",
        text="body.txt",
        subjects={"zh": "续订"},
        subject="Renewal",
    )
    files = input_files(tmp_path, campaign.message, locale_column="locale", default_locale="zh-CN")
    assert [file.name for file in files] == ["body.en.txt", "body.zh.txt"]
    assert proofread(campaign) == []
    for locale, text, subject in (
        ("", "你好\n", "续订"),
        ("en-US", "Hello\n", "Renewal"),
        ("fr", "你好\n", "Renewal"),
    ):
        mail = parsed(rendered(campaign, {"email": "ada@example.com", "locale": locale}))
        assert (text_of(mail), mail["Subject"]) == (text, subject)


def test_a_campaign_in_one_language_needs_no_column_for_it(tmp_path: Path) -> None:
    pytest.importorskip("babel")
    write(tmp_path, "body.zh.txt", "{{ day|date }}\n")
    campaign = spec(tmp_path, ("email", "day"), default_locale="zh", text="body.txt")
    mail = parsed(rendered(campaign, {"email": "ada@example.com", "day": "2026/1/31"}))
    assert text_of(mail) == "2026年1月31日\n"


def test_a_macro_speaks_the_language_of_the_row(tmp_path: Path) -> None:
    pytest.importorskip("babel")
    write(tmp_path, "m.txt", "{% macro day(d) %}{{ d|date }}{% endmacro %}")
    write(tmp_path, "body.txt", '{% import "m.txt" as m %}{{ m.day("2026-01-31") }}')
    compiler = compiler_for(tmp_path)
    template = compiler.file("body.txt", "none")
    assert template.render(compiler.values("de")) == "31. Januar 2026"
    assert template.render(compiler.values("fr")) == "31 janvier 2026"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("{{ cell|number }}", r"'n/a' is not a number: write it as 1234\.5"),
        ("{{ cell|date }}", "'n/a' is not a date: write it as 2026-01-31"),
        ("{{ '1'|money(cell) }}", "'n/a' is not a currency: write its code, as EUR"),
        ("{{ 'NaN'|number }}", "'NaN' is not a number"),
    ],
)
def test_a_cell_that_cannot_be_formatted_is_named(source: str, reason: str) -> None:
    with pytest.raises(RenderError, match=rf"^message\.subject:1: {reason}"):
        formatted(source, "de", cell="n/a")


def test_a_recipient_gets_the_subject_of_the_own_language(tmp_path: Path) -> None:
    campaign = spec(
        tmp_path,
        ("email", "lang"),
        locale="lang",
        subject="Renewal",
        subjects={"zh": "{{ lang }} 续订", "pt_BR": "Renovação"},
    )
    for lang, subject in (("zh-Hant-TW", "zh-Hant-TW 续订"), ("pt-br", "Renovação"),
                          ("pt", "Renewal"), ("", "Renewal")):  # fmt: skip
        row = {"email": "ada@example.com", "lang": lang}
        assert parsed(rendered(campaign, row))["Subject"] == subject
