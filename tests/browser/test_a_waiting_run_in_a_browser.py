"""The live page says what a run waits for, while it waits; what ends the wait is seen there."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from playwright.sync_api import Browser, expect

from campaign.clock import iso
from campaign.config.loader import load
from campaign.watch import app as watch
from fakes.browser import Visit
from fakes.scripted_smtp import Script, ScriptedServer
from fakes.sending import Mailing, relay


def command(name: str, folder: Path, *options: str) -> list[str]:
    """In a process of its own: the browser's driver has the event loop of this one."""
    return [sys.executable, "-m", "campaign.cli.main", name, str(folder), *options]


def test_the_page_says_what_a_run_waits_for_until_it_is_paused_and_resumed(
    browser: Browser, tmp_path: Path
) -> None:
    with ScriptedServer(Script()) as server:
        start = f"[schedule]\nstart = {iso(time.time() + 3600)}\n"
        mailing = Mailing(tmp_path, relay(server), people=3, more=start)
        mailing.plan()
        page = watch.start(load(tmp_path))
        visit = Visit(browser, page.url)
        with subprocess.Popen(command("run", tmp_path, "--yes")) as run:
            expect(visit.page.locator("[data-phase]")).to_have_text("waiting", timeout=60_000)
            expect(visit.page.locator("[data-waits]")).to_contain_text("It waits for its start")
            subprocess.run(command("pause", tmp_path), check=True)
            assert run.wait(60) == 75
        expect(visit.page.locator("[data-phase]")).to_have_text("stopped")
        assert not server.accepted
        left = command("cancel", tmp_path, "--where", "number == '2'", "--because", "left", "--yes")
        subprocess.run(left, check=True)
        mailing.more = ""  # the start is not in the plan: it may change at any time
        mailing.write()
        subprocess.run(command("resume", tmp_path), check=True)
        expect(visit.page.locator("[data-phase]")).to_have_text("finished")
        expect(visit.page.locator("[data-sent]")).to_have_text("2")
        assert visit.errors == []
        visit.close()
        page.stop()
    assert len(server.accepted) == 2
