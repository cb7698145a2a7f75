"""Every command that lasts serves its figures, and together they are all of the list."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from campaign.cli.main import main
from campaign.clock import SystemClock
from campaign.errors import UsageError
from campaign.metrics.exposition import METRICS
from campaign.metrics.figures import Counts
from campaign.metrics.server import serving_metrics
from campaign.webhooks.signature import new_secret
from fakes.mail.recorder import recorder
from fakes.prepared import campaigns
from fakes.prepared.triggering import wait_until
from fakes.web.hook_server import hook_server
from webhooks.conftest import HOOK

Figures = dict[tuple[str, ...], float]


def scrape(address: str) -> Figures:
    host, _, path = address.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(host, timeout=30)
    connection.request("GET", f"/{path}")
    answer = connection.getresponse()
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    text = answer.read().decode()
    connection.close()
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@contextmanager
def lasting(*arguments: str) -> Iterator[str]:
    """A command with --metrics, and the address it says."""
    process = subprocess.Popen(
        [sys.executable, "-m", "campaign.cli.main", *arguments, "--metrics", "127.0.0.1:0"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "CAMPAIGN_SECRET": "0123456789abcdef0123456789abcdef"},
    )
    assert process.stderr is not None
    said = ""
    try:
        for line in process.stderr:
            said += line
            if line.startswith("Metrics: "):
                break
        else:
            raise AssertionError(said)
        drained = threading.Thread(target=process.stderr.read)
        drained.start()
        yield line.removeprefix("Metrics: ").strip()
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
        drained.join()
        process.stderr.close()


def test_every_command_that_lasts_serves_figures_and_all_metrics_are_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_SECRET", new_secret())
    served: Figures = {}
    with recorder(is_open=False) as relay, hook_server() as hooks:
        toml = campaigns.TOML.replace("port = 1\n", f"port = {relay.port}\n")
        toml = toml.replace(
            'mailto = "out@example.com"',
            'url = "https://example.com/u"\nsecret = { env = "CAMPAIGN_SECRET" }',
        )
        monkeypatch.setenv("CAMPAIGN_SECRET", "0123456789abcdef0123456789abcdef")
        folder = campaigns.write(
            tmp_path, toml=toml + HOOK.format(url=hooks.url, events='["sent"]')
        )
        with lasting("run", str(folder), "--yes") as address:
            figures = _until(address, lambda s: s.get(("campaign_run_active", "spring")) == 1)
            assert figures["campaign_recipients", "spring", "sent"] == 0
            relay.door.set()
            hooks.wait_for(lambda s: len(s.taken) >= 4)
            served |= figures
        with lasting("webhooks", str(folder), "--follow") as address:
            figures = scrape(address)
            assert figures["campaign_recipients", "spring", "sent"] == 4
            assert figures["campaign_webhook_told_total", "spring", hooks.url] == 4
            served |= figures
        with lasting("sandbox", str(folder), "--port", "0", "--no-web") as address:
            figures = scrape(address)
            assert figures["campaign_sandbox_messages_total", "accepted"] == 0
            served |= figures
        served |= _bounces(folder)
        served |= _serve(folder, tmp_path)
    missing = {metric.name for metric in METRICS} - {name for name, *_ in served}
    # A run that is finished has nobody deferred, and nothing came back.
    # A queue is consumed in tests/intake.
    assert missing <= {
        "campaign_next_due_timestamp_seconds", "campaign_events_total", "campaign_consumed_total",
    }  # fmt: skip


def _bounces(folder: Path) -> Figures:
    box = folder / "Maildir"
    for part in ("cur", "new", "tmp"):
        (box / part).mkdir(parents=True)
    (box / "new" / "1").write_bytes(b"From: x@example.org\r\nSubject: hello\r\n\r\nhello\r\n")
    with lasting("bounces", str(box), "--campaign", str(folder), "--watch") as address:
        return _until(address, lambda figures: ("campaign_mails_read_total", "other") in figures)


def _serve(folder: Path, tmp_path: Path) -> Figures:
    path = f"{tmp_path}/serve.sock"
    with lasting("serve", str(folder), "--listen", f"unix:{path}") as address:
        with socket.socket(socket.AF_UNIX) as client:
            # The file is there before anybody listens.
            wait_until(lambda: client.connect_ex(path) == 0)
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            code = client.recv(65536)[9:12].decode()
        return _until(address, lambda figures: ("campaign_http_requests_total", code) in figures)


def _until(address: str, is_so: Callable[[Figures], bool]) -> Figures:
    for _ in range(200):
        figures = scrape(address)
        if is_so(figures):
            return figures
        threading.Event().wait(0.1)
    raise AssertionError(figures)


def test_what_came_back_and_when_it_goes_on_are_figures(tmp_path: Path) -> None:
    from campaign.journal.writing.events import add_events
    from campaign.metrics.figures import JournalFigures
    from campaign.outcomes import Event
    from fakes.prepared.journals import URL, deferred, planned, run, sending

    run(planned(tmp_path, 2), [sending(1), deferred(1, due=77.0)])
    add_events(URL, tmp_path, [Event("d", 1, 5.0, "bounced", "", "550", "box", "<x@y>")])
    figures = {(s.name, *s.labels): s.value for s in JournalFigures("spring", URL, tmp_path)()}
    assert figures["campaign_events_total", "spring", "bounced"] == 1
    assert figures["campaign_next_due_timestamp_seconds", "spring"] == 77.0
    assert figures["campaign_changes_total", "spring"] == 2


def test_a_journal_that_is_gone_is_a_figure(tmp_path: Path) -> None:
    from campaign.metrics.figures import JournalFigures

    found = JournalFigures("spring", "sqlite:///gone.sqlite", tmp_path)()
    assert [(s.name, s.value) for s in found] == [("campaign_journal_up", 0)]


def test_only_the_figures_are_served_and_once_a_second(tmp_path: Path) -> None:
    asked = Counts("campaign_http_requests_total")

    def collect() -> object:
        asked.add("200")
        return asked()

    with serving_metrics("127.0.0.1", 0, [collect], SystemClock()) as address:  # type: ignore[list-item]
        first = scrape(address)
        assert scrape(address) == first
        connection = http.client.HTTPConnection(address.removeprefix("http://").partition("/")[0])
        connection.request("GET", "/state/journal.sqlite")
        assert connection.getresponse().status == 404
        connection.close()


def test_a_port_that_is_taken_is_said(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with serving_metrics("127.0.0.1", 0, [], SystemClock()) as address:
        port = int(address.rpartition(":")[2].partition("/")[0])
        with (
            pytest.raises(UsageError, match="cannot listen"),
            serving_metrics("127.0.0.1", port, [], SystemClock()),
        ):
            raise AssertionError
    assert main(["sandbox", str(tmp_path), "--metrics", "9464"]) == 64
    assert "--metrics: '9464' is not a place to listen" in capfd.readouterr().err


def test_what_does_not_last_has_no_metrics(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = campaigns.write(tmp_path)
    for command in (["status"], ["webhooks"], ["bounces"]):
        assert main([*command, str(folder), "--metrics", "127.0.0.1:0"]) == 64
        assert "for what lasts" in capfd.readouterr().err
