"""No string of CR, LF and dots ends a message, whoever the server is.

All strings of these three characters, in the subject, in a cell of the body and in the template
itself, are sent one after another over one connection: a server that saw an end of a message
where there is none would have one message more, or another body.  `make fuzz` sends all 1,092 of
up to six characters, `make test` those of up to three.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from email.message import EmailMessage
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aiosmtpd.controller import Controller

from campaign.errors import RenderError
from campaign.records import Letter
from campaign.rendering.render import Renderer
from campaign.smtp.endpoint import Timeouts
from fakes.mail.postfix import OPEN, can_run, private_postfix
from fakes.mail.postman import Postman, endpoint_of, letter, run
from fakes.mail.sink import PROGRAM, smtp_sink
from fakes.ports import own_port
from fakes.prepared.letters import job, parse, spec, text_of, write

LENGTH = 6 if os.environ.get("HYPOTHESIS_PROFILE") == "fuzz" else 3
STRINGS = [
    "".join(chars) for length in range(1, LENGTH + 1) for chars in product("\r\n.", repeat=length)
]
# How a string stands in the text: between letters, on lines of its own, and at the very end.
FRAMES = ("a{}b\n", "a\n{}\nb\n", "a\n{}")
BEHIND = "MAIL FROM:<x@x.example>\r\nRCPT TO:<x@x.example>\r\nDATA\r\n"
# A busy machine is no fault of the server's.
LONG = Timeouts(**dict.fromkeys(Timeouts.__dataclass_fields__, 60.0))


class Sent(NamedTuple):
    """One message as it must arrive."""

    letter: Letter
    data: bytes  # without dot-stuffing
    text: str  # of the body


@pytest.fixture(scope="module")
def all_sent(tmp_path_factory: pytest.TempPathFactory) -> list[Sent]:
    found: list[Sent] = []

    def add(renderer: Renderer, row: dict[str, str], text: str) -> None:
        number = len(found) + 1
        message = renderer.render(job(row, number, f"{number}@example.com", date_s=1.8e9))
        made = letter(number, wire=message.wire, size_bytes=message.size_bytes)
        canonical = text.replace("\r\n", "\n").replace("\r", "\n")
        found.append(Sent(made, message.wire.replace(b"\r\n..", b"\r\n."), canonical))

    folder = tmp_path_factory.mktemp("letters")
    write(folder, "cell.txt", "{{ cell }}")
    in_cell = Renderer(spec(folder, ("cell",), text="cell.txt"))
    write(folder, "body.txt", "Hello.\n")
    in_subject = Renderer(spec(folder, ("cell",), text="body.txt", subject="a{{ cell }}b"))
    for string in STRINGS:
        for frame in FRAMES:
            text = frame.format(string)
            add(in_cell, {"cell": text}, text)
        add(in_cell, {"cell": f"a{string}{BEHIND}"}, f"a{string}{BEHIND}")
        write(folder, "itself.txt", f"a{string}b\n{string}{BEHIND}")
        in_template = Renderer(spec(folder, ("cell",), text="itself.txt"))
        add(in_template, {"cell": ""}, f"a{string}b\n{string}{BEHIND}")
        try:
            add(in_subject, {"cell": string}, "Hello.\n")
        except RenderError:
            assert set(string) != {"."}  # a line end in a subject is refused
        else:
            assert set(string) == {"."}
    return found


def send(all_sent: list[Sent], port: int) -> None:
    """All over one connection; every one is accepted."""
    postman = Postman([sent.letter for sent in all_sent])
    endpoint = endpoint_of(port)
    run(postman.travel(endpoint, limit=len(all_sent) + 1, timeouts=LONG), uv=True)
    assert postman.sent == list(range(1, len(all_sent) + 1))


class Kept:
    """What aiosmtpd was given."""

    def __init__(self) -> None:
        self.found: list[tuple[str, bytes]] = []
        self._lock = threading.Lock()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        with self._lock:
            self.found += [(to, envelope.content) for to in envelope.rcpt_tos]
        return "250 ok"


@pytest.fixture
def kept() -> Iterator[tuple[int, Kept]]:
    handler = Kept()
    controller = Controller(handler, hostname="127.0.0.1", port=own_port(), ready_timeout=60)
    controller.start()
    yield controller.port, handler
    controller.stop()


def test_the_intended_text_is_what_a_reader_finds(all_sent: list[Sent]) -> None:
    for sent in all_sent:
        mail = parse(sent.data)
        assert mail.keys() == ["From", "MIME-Version", "Date", "To", "Subject", "Message-ID",
                               "Content-Type", "Content-Transfer-Encoding"]  # fmt: skip
        text = sent.text if sent.text.endswith("\n") else f"{sent.text}\n"
        assert text_of(mail) in (sent.text, text)


def test_aiosmtpd_gets_each_message_once_and_as_it_is(
    all_sent: list[Sent], kept: tuple[int, Kept]
) -> None:
    port, handler = kept
    send(all_sent, port)
    expected = [(sent.letter.recipient, sent.data) for sent in all_sent]
    assert handler.found == expected


@pytest.mark.skipif(not Path(PROGRAM).exists(), reason="smtp-sink is not installed")
def test_smtp_sink_gets_each_message_once_and_as_it_is(all_sent: list[Sent]) -> None:
    with smtp_sink(dump=True) as sink:
        send(all_sent, sink.port)
        found = {dumped.recipient: dumped.raw for dumped in sink.messages()}
        count = len(list(sink.folder.iterdir()))
    expected = {sent.letter.recipient: sent.data.replace(b"\r\n", b"\n") for sent in all_sent}
    assert count == len(all_sent)
    assert found == expected


@pytest.mark.skipif(not can_run(), reason="a Postfix of its own needs root and the package")
def test_postfix_gets_each_message_once_and_as_it_is(all_sent: list[Sent]) -> None:
    with private_postfix(own_port(), OPEN) as server:
        send(all_sent, server.port)
        files = server.delivered(len(all_sent), 120.0)
    found = dict(map(delivered, files))
    expected = {sent.letter.recipient: sent.data.replace(b"\r\n", b"\n") for sent in all_sent}
    assert len(files) == len(all_sent)
    assert found == expected


def delivered(file: bytes) -> tuple[str, bytes]:
    """Recipient and message of a file in the Maildir, without what Postfix put in front."""
    head, _, rest = file.partition(b"\nFrom: ")
    trace = EmailMessage()
    for line in head.split(b"\n"):
        name, _, value = line.partition(b": ")
        if name == b"Delivered-To":
            trace["Delivered-To"] = value.decode()
    return str(trace["Delivered-To"]), b"From: " + rest
