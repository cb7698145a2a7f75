"""What a transcript shows of a session, and what it must not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from campaign.smtp.opening.connect import connect
from campaign.smtp.transcript import Transcript
from fakes.certificates import Authority
from fakes.clock import FakeClock
from fakes.mail.postman import Postman, endpoint_of, letter, run
from fakes.mail.scripted_smtp import Act, Script, ScriptedServer, drop, on, say

Journey = Callable[..., tuple[Postman, ScriptedServer]]


@pytest.fixture
def take_down(journey: Journey, tmp_path: Path) -> Callable[..., str]:
    def go(script: Script, letters: object = 1, **how: object) -> str:
        path = tmp_path / "session.txt"
        transcript = Transcript(path.open("w", encoding="utf-8"), FakeClock())
        journey(script, letters, transcript=transcript, **how)
        return path.read_text(encoding="utf-8")

    return go


def test_every_line_has_its_direction_and_its_time(take_down: Callable[..., str]) -> None:
    text = take_down(Script(extensions=()))
    stamp = "2027-01-15T08:00:00.000Z"
    assert text.splitlines() == [
        f"{stamp} SERVER -> CLIENT: 220 scripted.example ESMTP",
        f"{stamp} CLIENT -> SERVER: EHLO client.example",
        f"{stamp} SERVER -> CLIENT: 250 scripted.example",
        f"{stamp} CLIENT -> SERVER: MAIL FROM:<ada@example.org>",
        f"{stamp} SERVER -> CLIENT: 250 2.1.0 sender ok",
        f"{stamp} CLIENT -> SERVER: RCPT TO:<1@example.com>",
        f"{stamp} SERVER -> CLIENT: 250 2.1.5 recipient ok",
        f"{stamp} CLIENT -> SERVER: DATA",
        f"{stamp} SERVER -> CLIENT: 354 go ahead",
        f"{stamp} CLIENT -> SERVER: Subject: letter 1",
        f"{stamp} -- message of 28 bytes, of which 9 not shown",
        f"{stamp} CLIENT -> SERVER: .",
        f"{stamp} SERVER -> CLIENT: 250 2.0.0 queued as 0.1",
        f"{stamp} CLIENT -> SERVER: QUIT",
        f"{stamp} SERVER -> CLIENT: 221 2.0.0 bye",
        f"{stamp} -- closed: finished",
    ]


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256", "XOAUTH2"])
def test_secrets_are_blanked(take_down: Callable[..., str], mechanism: str) -> None:
    text = take_down(
        Script(mechanisms=(mechanism,), users={"ada": "open sesame"}),
        endpoint={
            "username": "ada",
            "secret": lambda: "open sesame",
            "secret_is_token": mechanism == "XOAUTH2",
        },
    )
    said = [line.partition("SERVER: ")[2] for line in text.splitlines() if "CLIENT ->" in line]
    login = said[1 : said.index("MAIL FROM:<ada@example.org> SIZE=28")]
    assert login
    assert set(login) <= {f"AUTH {mechanism} ***", "***"}


def test_a_body_is_cut_after_its_headers(take_down: Callable[..., str]) -> None:
    text = take_down(Script(), [letter(1, body=b"private words\r\n" * 9000)])
    assert "private" not in text
    assert "Subject: letter 1" in text
    assert "of which 135004 not shown" in text


def test_what_goes_over_tls_is_shown_in_clear(
    take_down: Callable[..., str], authority: Authority
) -> None:
    text = take_down(
        Script(certificate=authority.issue("127.0.0.1")),
        endpoint={"security": "starttls", "ca_file": authority.ca_file},
    )
    assert " -- TLS begins\n" in text
    assert text.count("CLIENT -> SERVER: EHLO client.example") == 2
    assert "250 2.0.0 queued as 0.1" in text


def test_an_attempt_in_clear_after_failed_tls_is_taken_down_in_the_same_file(
    take_down: Callable[..., str], authority: Authority
) -> None:
    text = take_down(
        Script(on("HANDSHAKE", drop()), certificate=authority.issue("127.0.0.1")),
        endpoint={"security": "opportunistic"},
    )
    assert " -- no TLS with 127.0.0.1" in text
    assert text.endswith("-- closed: finished\n")


def test_a_connection_that_cannot_be_made_leaves_a_closed_file(tmp_path: Path, uv: bool) -> None:
    path = tmp_path / "session.txt"
    file = path.open("w", encoding="utf-8")
    postman = Postman([letter(1)])
    with pytest.raises(Exception, match="cannot connect"):
        run(postman.travel(endpoint_of(1), transcript=Transcript(file, FakeClock())), uv=uv)
    assert file.closed
    assert "cannot connect" in path.read_text(encoding="utf-8")


class Cutter(FakeClock):
    """Cancels a task with the given entry of the transcript."""

    def __init__(self, entry: int) -> None:
        super().__init__()
        self.left = entry
        self.task: asyncio.Task[Any] | None = None

    def now_s(self) -> float:
        self.left -= 1
        if self.left == 0 and self.task:
            self.task.cancel()
        return super().now_s()


WITH_TLS = [(say("220 go ahead"), entry) for entry in range(1, 9)]
IN_CLEAR = [(drop("220 go ahead"), entry) for entry in range(1, 10)]


@pytest.mark.parametrize(("act", "entry"), WITH_TLS + IN_CLEAR)
def test_an_opening_called_off_at_any_line_leaves_a_closed_file(
    serve: Callable[[Script], ScriptedServer],
    authority: Authority,
    tmp_path: Path,
    uv: bool,
    act: Act,
    entry: int,
) -> None:
    pair = authority.issue("127.0.0.1")
    server = serve(Script(on("STARTTLS", act), certificate=pair, extensions=()))
    endpoint = endpoint_of(server.port, security="opportunistic")
    path = tmp_path / "session.txt"
    file = path.open("w", encoding="utf-8")
    clock = Cutter(entry)

    async def main() -> None:
        opening = connect(endpoint, Postman(), limit=1, transcript=Transcript(file, clock))
        clock.task = asyncio.create_task(opening)
        with pytest.raises(asyncio.CancelledError):
            await clock.task
        assert file.closed
        while not all(session.ended.is_set() for session in server.sessions):
            await asyncio.sleep(0.01)  # in which the connection hears of its end

    run(main(), uv=uv)
    assert path.read_text(encoding="utf-8").count("-- closed: ") == 1


def test_nothing_is_written_after_the_end(tmp_path: Path) -> None:
    path = tmp_path / "session.txt"
    transcript = Transcript(path.open("w", encoding="utf-8"), FakeClock())
    transcript.close("given up")
    transcript.note("no TLS")
    transcript.close("finished")
    assert path.read_text(encoding="utf-8").endswith("-- closed: given up\n")


def test_control_characters_of_the_server_are_escaped(tmp_path: Path) -> None:
    path = tmp_path / "session.txt"
    transcript = Transcript(path.open("w", encoding="utf-8"), FakeClock())
    transcript.server(b"250 \x1b[2Jcleared \xff\r\n")
    transcript.close("done")
    assert r"250 \x1b[2Jcleared \xff" in path.read_text(encoding="utf-8")
