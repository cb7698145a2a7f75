"""The letters of the sample, by what mail clients need that no standard tells them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from campaign.rendering.render import Renderer
from fakes.prepared.letters import job, parsed, spec, text_of

TEMPLATES = Path(__file__).parents[2] / "templates"
ROW = {
    "email": "ada@example.com", "first_name": "Ada", "last_name": "Lovelace", "plan": "Business",
    "renews_on": "1 December 2026", "amount": "120.00", "seats": "2", "company": "Engines",
    "lines": "Two seats=100.00|Storage=20.00", "customer_id": "K-1", "note": "be kind",
}  # fmt: skip


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> str:
    campaign = spec(
        tmp_path_factory.mktemp("spring"),
        tuple(ROW),
        html=str(TEMPLATES / "renewal/body.html"),
        inline={"logo": str(TEMPLATES / "renewal/logo.png")},
    )
    return text_of(parsed(Renderer(campaign).render(job(ROW))), "text/html")


def test_outlook_for_windows_gets_tables_of_600_pixels_that_end_where_they_began(html: str) -> None:
    for_outlook = "".join(re.findall(r"<!--\[if mso\]>(.*?)<!\[endif\]-->", html, re.DOTALL))
    assert for_outlook.count('width="600"') == 2
    for tag in ("table", "tr", "td", "v:roundrect"):
        assert len(re.findall(rf"<{tag}[ >]", for_outlook)) == for_outlook.count(f"</{tag}>") > 0


def test_the_button_leads_to_the_same_place_in_outlook_and_elsewhere(html: str) -> None:
    vml = re.findall(r'<v:roundrect href="([^"]+)"', html)
    links = re.findall(r'<a href="([^"]+)" style="display:inline-block', html)
    assert vml == links == ["https://kestrel.example/account/K-1"]


def test_dark_mode_has_a_colour_for_every_link_in_outlook_com_too(html: str) -> None:
    dark = html.partition("prefers-color-scheme: dark")[2].partition("</style>")[0]
    assert re.search(r"^\s+a \{ color: #a5b4fc", dark, re.MULTILINE)
    assert "[data-ogsc] a { color: #a5b4fc" in dark
    assert "[data-ogsb] .card" in dark


def test_a_name_is_read_once_and_the_prices_are_a_table_to_a_screen_reader(html: str) -> None:
    assert re.search(r'<img src="cid:logo\.[^"]+"[^>]* alt=""', html)
    table = html[: html.index("Two seats")].rpartition("<table")[2]
    assert "presentation" not in table
    assert html.count('scope="row"') == 3
