"""Markdown bodies and inlined styles."""

from __future__ import annotations

import html
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.rendering.html.markup import escaped_markdown, markdown_page, style_inliner
from fakes.prepared.letters import ADA, compiler_for, parsed, rendered, spec, text_of, write

pytest.importorskip("markdown_it")

NOBODYS = {0x10F000 + at: "\ufffd" for at in range(128) if not chr(at).isalnum()}


def body(markdown: str) -> str:
    page = markdown_page()(markdown)
    return page.partition("<body>\n")[2].partition("</body>")[0]


def test_markdown_makes_the_html_and_is_the_text(tmp_path: Path) -> None:
    write(tmp_path, "body.md", "# Hello {{ first_name }}\n\nSee [this](https://x.example/).\n")
    mail = parsed(rendered(spec(tmp_path, markdown="body.md")))
    html = text_of(mail, "text/html")
    assert "<h1>Hello Ada</h1>" in html
    assert '<p>See <a href="https://x.example/">this</a>.</p>' in html
    assert html.startswith("<!doctype html>")
    assert text_of(mail) == "# Hello Ada\n\nSee [this](https://x.example/).\n"


def test_a_text_of_its_own_stands_beside_markdown(tmp_path: Path) -> None:
    write(tmp_path, "body.md", "# Hello\n")
    write(tmp_path, "body.txt", "Hello\n")
    mail = parsed(rendered(spec(tmp_path, markdown="body.md", text="body.txt")))
    assert text_of(mail) == "Hello\n"


@pytest.mark.parametrize(
    "cell",
    ["*a*", "# a", "[a](https://evil.example)", "<script>alert(1)</script>", "a\n\n# b", "- a",
     "1. a", "    code", "\tcode", "`a`", "&amp;", "a\\", "a\n---", "![](x)", "| a |\n|-|\n| b |",
     "<https://evil.example>", "~~a~~", "a  \nb", "> a", "```\na"],
)  # fmt: skip
def test_a_cell_in_markdown_is_text_only(tmp_path: Path, cell: str) -> None:
    write(tmp_path, "body.md", "{{ first_name }}\n")
    mail = parsed(rendered(spec(tmp_path, markdown="body.md"), {**ADA, "first_name": cell}))
    html = text_of(mail, "text/html").partition("<body>\n")[2].partition("</body>")[0]
    escaped = cell.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert html.replace("&quot;", '"') == f"<p>{escaped}</p>\n"


@given(st.text(st.characters(codec="ascii", exclude_characters="\0\r\x0b\x0c\x1c\x1d\x1e\x1f")))
def test_any_ascii_cell_in_markdown_is_text_only(cell: str) -> None:
    html = body(f"x{escaped_markdown(cell)}x")
    assert html.startswith("<p>x")
    assert html.endswith("x</p>\n")
    assert "<" not in html[3:-5]


@given(st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs"])))
def test_any_cell_is_shown_as_it_is_in_text_and_in_code(cell: str) -> None:
    shown = html.escape(cell).translate(NOBODYS)
    cell = escaped_markdown(cell)
    assert body(f"x{cell}x") == f"<p>x{shown}x</p>\n"
    assert body(f"`x{cell}x`") == f"<p><code>x{shown}x</code></p>\n"
    assert body(f"```\nx{cell}x\n```") == f"<pre><code>x{shown}x\n</code></pre>\n"


@pytest.mark.parametrize(
    ("target", "written"),
    [
        ("https://x.example/a b", "https://x.example/a%20b"),
        ("https://x.example/(a)?b=c&d=*e*#f", "https://x.example/(a)?b=c&amp;d=*e*#f"),
        ("https://x.example/<a>", "https://x.example/%3Ca%3E"),
        ('https://x.example/" onclick="', "https://x.example/%22%20onclick=%22"),
        ("https://x.example/姓名", "https://x.example/%E5%A7%93%E5%90%8D"),
    ],
)
def test_a_cell_in_the_target_of_a_link_is_part_of_it(target: str, written: str) -> None:
    cell = escaped_markdown(target)
    assert body(f"[x]({cell})") == f'<p><a href="{written}">x</a></p>\n'
    assert body(f"[x][1]\n\n[1]: {cell}") == f'<p><a href="{written}">x</a></p>\n'
    assert f'<img src="{written}" alt="x" />' in body(f"![x]({cell})")


@pytest.mark.parametrize("target", ["javascript:alert(1)", "JaVaScRiPt:x", "data:text/html,x"])
def test_a_cell_makes_no_link_to_a_script(target: str) -> None:
    cell = escaped_markdown(target)
    assert "href" not in body(f"[x]({cell})\n\n<{cell}>\n\n[x][1]\n\n[1]: {cell}")


def test_what_a_macro_gives_back_is_not_escaped_twice(tmp_path: Path) -> None:
    write(tmp_path, "body.md", "{% macro m(x) %}**{{ x }}**{% endmacro %}{{ m('a*b') }}")
    compiler = compiler_for(tmp_path)
    written = compiler.file("body.md", "markdown").render(compiler.values())
    assert body(written) == "<p><strong>a*b</strong></p>\n"


def test_html_in_markdown_is_shown_not_obeyed() -> None:
    assert body("<b>x</b>\n") == "<p>&lt;b&gt;x&lt;/b&gt;</p>\n"


def test_a_link_to_a_script_is_no_link() -> None:
    assert "<a" not in body("[x](javascript:alert(1))\n")


def test_styles_are_written_into_elements_and_media_rules_stay(tmp_path: Path) -> None:
    pytest.importorskip("css_inline")
    write(
        tmp_path,
        "body.html",
        "<html><head><style>p { color: red } @media print { p { color: black } }</style></head>"
        '<body><p>{{ first_name }}</p><img src="cid:logo"></body></html>',
    )
    html = text_of(parsed(rendered(spec(tmp_path, html="body.html", inline_css=True))), "text/html")
    assert '<p style="color: red;">Ada</p>' in html
    assert "@media print" in html
    assert 'src="cid:logo"' in html  # no image of this name is ours


def test_the_conditions_of_outlook_survive_inlined_styles() -> None:
    pytest.importorskip("css_inline")
    conditions = (
        "<!--[if mso]><p>a</p><![endif]--><![if !mso]><p>b</p><![endif]>"
        "<!--[if !mso]><!--><p>c</p><!--<![endif]-->"
    )
    page = f"<html><head></head><body>{conditions}</body></html>"
    assert style_inliner()(page) == page


def test_no_style_sheet_is_fetched_or_read(tmp_path: Path) -> None:
    pytest.importorskip("css_inline")
    sheet = write(tmp_path, "a.css", "p { color: red }")
    html = f'<link rel="stylesheet" href="file://{sheet}"><link rel="stylesheet" href="{sheet}">'
    assert "red" not in style_inliner()(f"<html><head>{html}</head><body><p>x</p></body></html>")
