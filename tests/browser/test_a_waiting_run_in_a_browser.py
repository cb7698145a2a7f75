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
from fakes.mail.scripted_smtp import Script, ScriptedServer
from fakes.prepared.sending import Mailing, relay
from fakes.web.browser import PHONE, Visit


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
            expect(visit.page.locator("[data-phase]")).to_have_text("waiting")
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


def test_a_run_of_seconds_is_seen_to_wait_begin_pause_go_on_lose_some_and_expire(
    browser: Browser, tmp_path: Path
) -> None:
    phase, pausing = "[data-phase]", command("pause", tmp_path)
    with ScriptedServer(Script()) as server:
        way = relay(server, more='rates = ["4/s"]\n')
        late = f"[schedule]\nstart = {iso(time.time() + 3600)}\n"
        mailing = Mailing(tmp_path, way, people=400, more=late)
        mailing.plan()
        page = watch.start(load(tmp_path))
        visit = Visit(browser, page.url)
        seen = visit.page.locator
        expect(seen("[data-course] svg .planned")).to_have_count(2)  # the chart and its key

        def until_stopped(run: subprocess.Popen[bytes]) -> None:
            subprocess.run(pausing, check=True)
            assert run.wait(60) == 75
            expect(seen(phase)).to_have_text("stopped")

        with subprocess.Popen(command("run", tmp_path, "--yes")) as run:
            expect(seen("[data-waits]")).to_contain_text("waits for its start")
            until_stopped(run)
        assert not server.accepted
        mailing.more = f"[schedule]\nstart = {iso(time.time() + 2)}\n"
        mailing.write()
        with subprocess.Popen(command("resume", tmp_path)) as run:
            expect(seen("[data-sent]")).not_to_have_text("0")
            expect(seen(phase)).to_have_text("running")
            expect(seen("[data-course] svg .line:not(.foreseen)")).to_have_count(2)
            until_stopped(run)
        sent = len(server.accepted)
        phone = Visit(browser, page.url, viewport=PHONE, color_scheme="dark")
        expect(phone.page.locator("[data-forecast]")).to_contain_text("planned for")
        assert phone.page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
        assert phone.faults_of_access() == []
        phone.close()
        left = command("cancel", tmp_path, "--where", "number == '399'", "--because", "x", "--yes")
        subprocess.run(left, check=True)
        mailing.more = f"[schedule]\nexpire_at = {iso(time.time() + 2)}\n"
        mailing.write()
        subprocess.run(command("resume", tmp_path), check=False)
        expect(seen(phase)).to_have_text("finished")
        figures = {each: seen(".figure", has_text=each).locator("dd") for each in ("Given up",)}
        expect(seen(".figure", has_text="Cancelled").locator("dd")).to_have_text("1")
        expired = int(figures["Given up"].inner_text())
        visit.close()
        page.stop()
    accepted = len(server.accepted)
    assert accepted >= sent
    assert expired == 400 - 1 - accepted
    assert visit.errors == []
