"""`campaign serve` as it runs: what it needs, who is too slow, how it ends."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from campaign.cli.main import main
from campaign.clock import SystemClock
from campaign.config.loader import load_tables
from campaign.suppression.store import SuppressionStore
from fakes.processes.serving import serving, start, write
from fakes.web.serve_site import ONE_CLICK, SECRET, link

STORE = "sqlite:///suppression.sqlite"
SLOW = """
import sys
from starlette.responses import Response
from starlette.routing import Route
from campaign.serve.app import RouteSet, application
from campaign.serve.asked import read_body
from campaign.serve.server import serve

async def answer(request):
    return Response(await read_body(request, within_s=0.2))

app = application([RouteSet([Route("/", answer, methods=["POST"])])])
serve(app, "127.0.0.1:0", [], lambda address: print(address, flush=True), head_within_s=0.2)
"""


def kept(folder: Path, url: str = STORE) -> list[tuple[str, str]]:
    with SuppressionStore.open(url, folder, SystemClock()) as store:
        return [(entry.key, entry.scope) for entry in store.iterate()]


def exchanged(connection: socket.socket, *parts: bytes) -> bytes:
    """What comes back until the server ends the connection."""
    for part in parts:
        connection.sendall(part)
    answer = b""
    while part := connection.recv(65536):
        answer += part
    return answer


def test_it_serves_with_nothing_but_the_secret_and_the_store(tmp_path: Path) -> None:
    with serving(write(tmp_path / "here", STORE)) as running:
        connection = running.connection()
        connection.request("POST", link(), ONE_CLICK)
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"")
        connection.request("HEAD", link())
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"")
        assert "server" not in answer.headers
        connection.request("GET", "/health")
        assert connection.getresponse().read() == b"ok\n"
        connection.close()
        assert running.stop() == 0
        assert running.process.stderr is not None
        assert running.process.stderr.read() == ""
    assert kept(tmp_path / "here") == [("ada@example.com", "newsletter")]
    assert {file.name.partition(".")[0] for file in (tmp_path / "here").iterdir()} == {
        "campaign",
        "suppression",
    }


@pytest.mark.parametrize("rest", ["[message]\nfrom = 5\n", 'nonsense = "x"\n', "[relay]\n"])
def test_what_is_wrong_elsewhere_in_the_file_does_not_stop_it(tmp_path: Path, rest: str) -> None:
    file = write(tmp_path, STORE) / "campaign.toml"
    file.write_text(rest.partition("[")[0] + file.read_text() + rest[rest.find("[") :])
    with serving(tmp_path) as running:
        assert running.port


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("127.0.0.1:0", "localhost", "is not a place to listen"),
        ('secret = { env = "CAMPAIGN_SECRET" }', 'secret = { env = "UNSET_X" }', "UNSET_X is not"),
        ("offers =", '"Of fers" =', "cannot be the name of a list"),
        ('"Offers and events"', '""', "has no title"),
        ("title =", "titel =", "titel"),
        ("sqlite:///", "mysql:///", "names no store"),
        ("[serve]", '[serve]\nlanguages = "nowhere"', "there is no folder"),
    ],
)
def test_what_is_wrong_in_its_own_tables_is_told_before_it_begins(
    tmp_path: Path,
    old: str,
    new: str,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("CAMPAIGN_SECRET", SECRET)
    file = write(tmp_path, STORE) / "campaign.toml"
    file.write_text(file.read_text().replace(old, new, 1))
    assert main(["serve", str(tmp_path)]) == 78
    assert said in capsys.readouterr().err


def test_the_sample_in_the_documentation_is_right(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/serve.md").read_text("utf-8")
    sample = page.partition("```toml\n")[2].partition("```")[0]
    (tmp_path / "campaign.toml").write_text(sample, "utf-8")
    settings = load_tables(tmp_path, ["unsubscribe", "suppression", "serve"]).settings
    assert settings.serve.lists["offers"]["zh"] == "优惠"
    assert settings.unsubscribe is not None
    assert settings.unsubscribe.list in settings.serve.lists


def test_the_folder_of_a_server_is_enough_to_ask_who_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, STORE)
    assert main(["suppress", "add", "ada@example.com", "--campaign", str(tmp_path)]) == 0
    assert main(["suppress", "why", "ada@example.com", "--campaign", str(tmp_path)]) in (0, 1)
    assert "by hand" in capsys.readouterr().out


def test_a_place_that_is_taken_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CAMPAIGN_SECRET", SECRET)
    write(tmp_path, STORE)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        assert main(["serve", str(tmp_path), "--listen", where]) == 64
    assert f"cannot listen on {where}" in capsys.readouterr().err


def test_a_unix_socket_that_a_killed_server_left_is_used_again(tmp_path: Path) -> None:
    place = tmp_path / "serve.sock"
    write(tmp_path, STORE, f"unix:{place}")
    first = start(tmp_path)
    first.process.kill()
    first.process.communicate(timeout=30)
    assert place.is_socket()
    with serving(tmp_path) as running, socket.socket(socket.AF_UNIX) as connection:
        assert place.stat().st_mode & 0o777 == 0o660
        connection.connect(str(place))
        head = f"POST {link()} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        answer = exchanged(connection, head.encode(), b"Content-Length: 26\r\n\r\n", ONE_CLICK)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert running.stop() == 0
    assert not place.exists()


def test_clients_that_are_slow_or_send_endless_heads_are_let_go() -> None:
    process = subprocess.Popen([sys.executable, "-c", SLOW], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline().rpartition(":")[2])

        def told(*parts: bytes) -> bytes:
            with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
                try:
                    return exchanged(connection, *parts)
                except ConnectionError:
                    return b""

        assert told() == b""
        assert told(b"POST / HTTP/1.1\r\nHost: a\r\nX: ") == b""
        assert told(b"POST / HTTP/1.1\r\nHost: a\r\nX: ", *[b"A" * 65536] * 40) == b""
        slow = told(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf")
        assert slow.startswith(b"HTTP/1.1 408 ")
        request = (
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nConnection: close\r\n\r\nhalf"
        )
        # On a machine that is busy this client may be too slow as well, though not each time.
        answers = (told(request) for _ in range(50))
        whole = next(each for each in answers if each.startswith(b"HTTP/1.1 200 "))
        assert whole.endswith(b"half")
    finally:
        process.kill()
        process.communicate(timeout=30)
