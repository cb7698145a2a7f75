"""A letter that tries everything runs nothing and reaches nobody."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from campaign.cli.services.serving import press
from campaign.config.loader import Campaign
from campaign.planning.sample import render_sample
from campaign.preview.files import write_files
from campaign.preview.server import start
from fakes.prepared.campaigns import planned
from fakes.web.browser import Visit

CELL = '<script>parent.ran = 1</script><img src=x onerror="top.ran = 1">'


@pytest.fixture(scope="module")
def outside() -> Iterator[tuple[str, list[str]]]:
    """A web server that must never be asked."""
    asked: list[str] = []

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", asked
    server.shutdown()
    thread.join()
    server.server_close()


def hostile(to: str) -> str:
    return f"""<html><head>
<meta http-equiv="refresh" content="0; url={to}/refresh">
<link rel="stylesheet" href="{to}/sheet.css"><link rel="preconnect" href="{to}">
<link rel="prefetch" href="{to}/prefetch"><base href="{to}/">
<style>@import url({to}/import.css); body {{ background: url({to}/body.png) }}
@font-face {{ font-family: f; src: url({to}/font.woff) }} p {{ font-family: f }}</style>
<script>window.ran = parent.ran = top.ran = 1</script><script src="{to}/script.js"></script></head>
<body onload="top.ran = 1" background="{to}/background.png">
<p>Dear {{{{ first_name|safe }}}}, {{{{ plan }}}}</p>
<img src="{to}/pixel.png" onerror="top.ran = 1">
<img srcset="{to}/set.png 2x" src="cid:{{{{ plan }}}}">
<p style="background: url('{to}/style.png')">styled</p>
<a id="runs" href="javascript:top.ran = 1">click</a>
<a id="leaves" href="{to}/link">leave</a> <a id="top" href="{to}/top" target="_top">up</a>
<form action="{to}/form"><input name="a" value="b"><button id="send">send</button></form>
<iframe src="{to}/frame"></iframe><object data="{to}/object"></object>
<video src="{to}/video.mp4" poster="{to}/poster.png" autoplay></video>
<svg><image href="{to}/svg.png"/><use href="{to}/use.svg#a"/></svg>
</body></html>"""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory, outside: tuple[str, list[str]]) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("hostile")
    rows = [("ada@example.com", CELL, CELL), ("bob@example.com", "Bob", "gold")]
    campaign = planned(folder, rows=rows, html=hostile(outside[0]))
    server = start(campaign, press)
    yield server.url
    server.stop()


@pytest.mark.parametrize("images", ["1", "0"])
def test_nothing_runs_and_nothing_is_asked(
    browser: Browser, url: str, outside: tuple[str, list[str]], images: str
) -> None:
    visit = Visit(browser, url, "/?row=1")
    page = visit.page
    inside = page.frame_locator("[data-frame]")
    for name in ("runs", "leaves", "top", "send"):
        page.goto(visit.origin + "/?row=1")  # the frame may have been kept from leaving
        page.click(f"button[data-images='{images}']")
        expect(inside.locator(f"#{name}")).to_be_visible()
        inside.locator(f"#{name}").click(no_wait_after=True)
        page.wait_for_timeout(150)
    assert page.evaluate("window.ran") is None
    assert page.url.startswith(visit.origin)
    assert outside[1] == []
    visit.close()


def test_the_frame_is_as_strict_when_it_is_opened_on_its_own(
    browser: Browser, url: str, outside: tuple[str, list[str]]
) -> None:
    visit = Visit(browser, url, "/letter/1/frame")
    visit.page.wait_for_timeout(400)
    assert visit.page.evaluate("window.ran") is None
    assert outside[1] == []
    visit.close()


def test_a_hostile_cell_is_text_wherever_the_page_shows_it(
    browser: Browser, url: str, outside: tuple[str, list[str]]
) -> None:
    visit = Visit(browser, url, "/?row=1")
    expect(visit.page.locator(".cells").first).to_contain_text("onerror=")
    expect(visit.page.locator("#subject")).to_contain_text("<script>")
    kinds = visit.page.locator("[data-warnings] [data-kind]").evaluate_all(
        "badges => badges.map(badge => badge.dataset.kind)"
    )
    assert {"script", "danger", "insecure", "alt"} <= set(kinds)
    assert visit.page.evaluate("window.ran") is None
    visit.close()


def test_letters_as_files_are_as_strict(
    browser: Browser, tmp_path: Path, outside: tuple[str, list[str]]
) -> None:
    rows = [("ada@example.com", CELL, CELL), ("bob@example.com", "Bob", "gold")]
    campaign = planned(tmp_path / "hostile", rows=rows, html=hostile(outside[0]))
    files: list[Path] = []
    # Rendering has a loop of its own, and the browser keeps one in this thread.
    thread = threading.Thread(target=lambda: files.append(written(campaign, tmp_path / "letters")))
    thread.start()
    thread.join()
    visit = Visit(browser, files[0].as_uri())
    visit.page.wait_for_timeout(500)
    frame = visit.page.frame_locator("iframe[name=letter]")
    expect(frame.locator("h1")).to_contain_text(CELL)
    letter = frame.frame_locator("iframe")
    expect(letter.locator("p").first).to_contain_text("Dear")
    frame.locator("label[for=phone]").click()
    frame.locator("label[for=headers]").click()
    expect(frame.locator(".of-headers")).to_contain_text("Message-ID")
    assert visit.page.evaluate("window.ran") is None
    visit.page.click(".wide a[href='000002.html']")
    expect(frame.locator("h1")).to_contain_text("Bob")
    assert outside[1] == []
    assert visit.faults_of_access() == []
    visit.page.goto((tmp_path / "letters/000001.html").as_uri())
    assert visit.faults_of_access() == []
    visit.close()


def written(campaign: Campaign, folder: Path) -> Path:
    sample = render_sample(campaign, 2)
    write_files(folder, campaign.settings.name, sample.letters, sample)
    return folder / "index.html"
