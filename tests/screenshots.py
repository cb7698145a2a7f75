"""Pictures of every page, desktop and phone, light and dark, for docs/screenshots.

In: the sample campaign.  Out: PNG files.  Touches: a temporary folder, a browser.

Run by `make screenshots`: python tests/screenshots.py docs/screenshots
"""

from __future__ import annotations

import argparse
import io
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from PIL import Image
from playwright.sync_api import Browser, Page

from campaign.cli.rehearsal import rehearsal_of
from campaign.cli.services.serving import press
from campaign.clock import SystemClock, iso
from campaign.config.loader import Campaign, load
from campaign.journal.reading.reader import Reader
from campaign.journal.writing.events import add_events
from campaign.outcomes import Event
from campaign.preview.server import start as start_preview
from campaign.records import State
from campaign.report.page import report
from campaign.report.several import draw_lines, gather_lines
from campaign.report.wording import wording
from campaign.sandbox import inbox
from campaign.watch import app as watch
from fakes.mail.scripted_smtp import Script, ScriptedServer
from fakes.prepared.open_campaigns import open_campaign
from fakes.prepared.open_day import live_a_day
from fakes.prepared.sending import Mailing, relay
from fakes.processes.serving import serving, write
from fakes.web.browser import DESKTOP, PHONE, Visit, chromium
from fakes.web.serve_site import ONE_CLICK, link
from feedback.mailbox import SENT_AT, sent_campaign

ROOT = Path(__file__).parents[1]
COLOURS = 128  # flat pages need no more, and each picture is some 40 KB
Act = Callable[[Page], Any]


def shoot(
    browser: Browser, url: str, name: str, out: Path, path: str = "", act: Act | None = None,
    *, tall: bool = False,
) -> None:  # fmt: skip
    """One page in four pictures."""
    for width, viewport in (("desktop", DESKTOP), ("phone", PHONE)):
        for scheme in ("light", "dark"):
            visit = Visit(browser, url, path, viewport=viewport, color_scheme=scheme)
            visit.page.wait_for_timeout(900)
            if act:
                act(visit.page)
                visit.page.wait_for_timeout(500)
            picture = Image.open(io.BytesIO(visit.page.screenshot(full_page=tall)))
            small = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
            small.save(out / f"{name}-{width}-{scheme}.png", optimize=True)
            visit.close()


@contextmanager
def running(server: Any) -> Iterator[str]:
    yield server.url
    server.stop()


def campaign_command(*arguments: str) -> None:
    """In a process of its own, as people run it."""
    subprocess.run(
        [sys.executable, "-m", "campaign.cli.main", *arguments], stdout=subprocess.DEVNULL
    )


def shoot_leaving(folder: Path, out: Path) -> None:
    """The pages of `campaign serve`, for somebody who has not left yet and then has."""
    with serving(write(folder, "sqlite:///suppression.sqlite")) as site, chromium() as browser:
        address, target = f"{site.address}/?", link()
        shoot(browser, address, "serve-unsubscribe", out, target)
        shoot(browser, address, "serve-choose", out, f"{target}&view=choose")
        connection = site.connection()
        connection.request("POST", target, ONE_CLICK)
        assert connection.getresponse().status == 200
        connection.close()
        shoot(browser, address, "serve-unsubscribed", out, f"{target}&l=zh")


def shoot_course(folder: Path, out: Path) -> None:
    """A run in the middle of its way, beside its plan."""
    folder.mkdir()
    people = [f"r{number}@{'gmail.com' if number % 3 else 'example.com'}" for number in range(900)]
    start = f"[schedule]\nstart = {iso(time.time() - 5)}\n"
    limits = '[limits."gmail.com"]\nrates = ["12/s"]\n'
    with ScriptedServer(Script()) as server:
        way = relay(server, more='rates = ["30/s"]\n') + limits
        Mailing(folder, way, people=people, more=start, name="spring").plan()
        time.sleep(8)  # it begins late
        campaign_command("run", str(folder), "--yes", "--limit", "420")
    with chromium() as browser, running(watch.start(load(folder))) as url:
        shoot(browser, url, "run-course", out, tall=True)


def shoot_open(folder: Path, out: Path) -> None:
    """An open campaign after a day."""
    campaign = open_campaign(folder, port=25)
    live_a_day(campaign, time.time())
    with chromium() as browser, running(watch.start(campaign)) as url:
        shoot(browser, url, "run-open", out, tall=True)


def shoot_campaigns(folder: Path, out: Path) -> None:
    """The page over many campaigns: the list was old in the spring, and was cleaned since."""
    day_s = 86400.0
    gone = (14, 31, 58, 26, 12, 9, 7, 6)
    spam = (0, 1, 5, 3, 1, 0, 1, 0)
    names = ("january", "february", "march", "april", "may", "june", "july", "august")
    for at, name in enumerate(names):
        made = sent_campaign(
            folder / name, people=1000, name=name, at=SENT_AT - day_s * 30 * (9 - at)
        )
        told = {"bounced": range(gone[at]), "complained": range(200, 200 + spam[at]),
                "unsubscribed": range(300, 304 + at % 3), "replied": range(400, 402)}  # fmt: skip
        add_events(*made.journal, [
            Event(f"{kind} {row}", row + 1, SENT_AT, kind,
                  "recipient-gone" if kind == "bounced" else "", "", "bounces", "")
            for kind, rows in told.items() for row in rows
        ])  # fmt: skip
    page = folder / "campaigns.html"
    lines = gather_lines(folder / name for name in names)
    page.write_text(draw_lines(lines, SENT_AT, wording("en")), encoding="utf-8")
    with chromium() as browser:
        shoot(browser, page.as_uri(), "campaigns", out, tall=True)


def tell_of_some(campaign: Campaign) -> None:
    """As if `campaign bounces --watch` had read some mail meanwhile."""
    with closing(Reader.open(*campaign.journal)) as reader:
        sent = [result.row for result in reader.results(State.SENT)]
    told = [
        ("bounced", "recipient-gone", "550 5.1.1 <...>: User unknown in virtual mailbox table"),
        ("bounced", "recipient-refuses", "552 5.2.2 mailbox full"),
        ("complained", "", "abuse, reported by Yahoo!-Mail-Feedback/2.0"),
        ("unsubscribed", "", "a mail: unsubscribe"),
        ("replied", "", "Re: your plan renews"),
    ]
    now_s = time.time()
    add_events(
        *campaign.journal,
        [
            Event(f"{row}", row, now_s - at, kind, class_, said, "bounces", "")
            for at, (row, (kind, class_, said)) in enumerate(zip(sent[3:], told, strict=False))
        ],
    )


def dark_phone(page: Page) -> None:
    page.keyboard.press("d")
    page.keyboard.press("w")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        shoot_leaving(Path(temporary) / "serve", out)
        shoot_course(Path(temporary) / "course", out)
        shoot_open(Path(temporary) / "open", out)
        shoot_campaigns(Path(temporary) / "campaigns", out)
        folder = Path(temporary) / "sample_data"
        for name in ("sample_data", "templates"):
            shutil.copytree(ROOT / name, Path(temporary) / name, dirs_exist_ok=True)
        campaign_command("plan", str(folder))
        campaign = load(folder)
        body = Path(temporary) / "templates/renewal/body.html"
        with chromium() as browser, running(start_preview(campaign, press)) as url:
            time.sleep(6)  # the survey of all letters
            shoot(browser, url, "preview", out, "/?row=11")
            shoot(browser, url, "preview-list", out)
            shoot(browser, url, "preview-other-eyes", out, "/?row=12", dark_phone)
            shoot(browser, url, "preview-headers", out, "/?row=11",
                  lambda page: page.keyboard.press("3"))  # fmt: skip
            shoot(browser, url, "overview", out, "/overview", tall=True)
            campaign_command("check", str(folder), "--offline")
            shoot(browser, url, "check", out, "/check", tall=True)
            good = body.read_text(encoding="utf-8")
            body.write_text(good.replace("first_name", "frist_name", 1), encoding="utf-8")
            time.sleep(2)
            shoot(browser, url, "preview-fault", out, "/?row=11")
            body.write_text(good, encoding="utf-8")
        letters = Path(temporary) / "letters"
        campaign_command("preview", str(folder), "--out", str(letters), "--sample", "6")
        with chromium() as browser:
            shoot(browser, (letters / "index.html").as_uri(), "preview-files", out)
            chosen = next(letters.glob("0*.html"))
            shoot(browser, chosen.as_uri(), "preview-file", out, tall=True)
        campaign_command("run", str(folder), "--sandbox", "--yes")
        rehearsed = rehearsal_of(campaign)
        tell_of_some(rehearsed)
        page = Path(temporary) / "report.html"
        page.write_text(report(rehearsed, SystemClock()), encoding="utf-8")
        mail = folder / "state/sandbox"
        with chromium() as browser:
            with running(watch.start(rehearsed)) as url:
                shoot(browser, url, "run", out, tall=True)
            with running(inbox.start(mail, "127.0.0.1:2525")) as url:
                shoot(browser, url, "inbox", out)
                shoot(browser, url, "inbox-turned-away", out, "/refusals")
            shoot(browser, page.as_uri(), "report", out, tall=True)


if __name__ == "__main__":
    main()
