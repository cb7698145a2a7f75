"""An application that knows SMTP alone has the same promise: 250 is kept for good."""

from __future__ import annotations

import asyncio
import email
import email.policy
import random
import signal
import smtplib
import sqlite3
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from campaign.cli.main import main
from campaign.clock import SystemClock
from campaign.config.loader import Campaign
from campaign.errors import BacklogFullError, BadLetterError, JournalError, KeyConflictError
from campaign.intake.lasting import lasting
from campaign.intake.smtp.eight_bit import in_seven_bits
from campaign.intake.smtp.submitting import refusal
from campaign.intake.troubles import Troubles
from campaign.journal.arrivals import FIRST, Arrival, Arrivals
from campaign.rendering.asked import asked_of
from fakes.certificates import Authority
from fakes.mail.recorder import recorder
from fakes.prepared.open_campaigns import open_campaign
from fakes.prepared.triggering import audited, one_pass, results
from fakes.processes.smtp_door import Door, door

KEY = "0123456789abcdef0123456789abcdef"
# Of `letter()` to ada@example.com, as 03156d8~1 made it: its message counted byte for byte.
OF_BEFORE = "d4ca5ff7b9d290c946db7d18f96f64b5b878008fc50ab8c354917da2b09b638c"
SCOPED = "abcdef0123456789abcdef0123456789"
SERVE = """
[serve]
api_keys = [{ env = "SHOP_KEY", label = "shop" }, { env = "CODE_KEY", templates = ["code"] }]
"""


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_KEY", KEY)
    monkeypatch.setenv("CODE_KEY", SCOPED)


@pytest.fixture
def shop(tmp_path: Path) -> Campaign:
    return open_campaign(tmp_path / "shop", more=SERVE)


def letter(n: int = 1, message_id: str = "<{n}@app.example>", **fields: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Shop <shop@example.com>"
    message["To"] = "Ada <ada@example.com>"
    message["Subject"] = f"Order {n}"
    if message_id:
        message["Message-ID"] = message_id.format(n=n)
    for name, value in fields.items():
        message[name.replace("_", "-")] = value
    message.set_content(f"Thank you for order {n}.\n.\nEnd\n")
    return message


def kept(campaign: Campaign) -> list[Arrival]:
    with closing(Arrivals.open(*campaign.journal)) as arrivals:
        return arrivals.between(0, 10_000, FIRST, 10_000)


def test_what_is_accepted_is_kept_whole_with_a_row_for_each_recipient(shop: Campaign) -> None:
    with door(shop.folder) as opened, opened.client() as client:
        assert client.ehlo()[0] == 250
        assert client.has_extn("pipelining")
        assert client.has_extn("enhancedstatuscodes")
        assert not client.has_extn("8bitmime")
        assert client.esmtp_features["size"] == "10000000"
        client.login("anything", KEY)
        sent = letter(X_Order="7", Bcc_note="x")
        client.send_message(sent, to_addrs=["ada@example.com", "BOB@example.com"])
        again = client.send_message(sent, to_addrs=["BOB@example.com", "ada@example.com"])
        assert again == {}
        client.mail("shop@example.com")
        client.rcpt("ada@example.com")
        code, said = client.data(sent.as_bytes(policy=sent.policy.clone(linesep="\r\n")))
        assert (code, said[:18]) == (250, b"2.0.0 Accepted as ")
        assert opened.end() == 0
    arrivals = kept(shop)
    assert [arrival.letter.address for arrival in arrivals] == [
        "ada@example.com", "BOB@example.com",
    ]  # fmt: skip
    for arrival in arrivals:
        assert arrival.letter.message_id == "<1@app.example>"
        message = asked_of(arrival.letter.data).message
        assert message == sent.as_bytes(policy=sent.policy.clone(linesep="\r\n")).decode()


def test_the_same_message_id_is_one_letter_and_another_text_is_refused(shop: Campaign) -> None:
    with door(shop.folder) as opened, opened.client() as client:
        client.login("shop", KEY)
        for _ in range(3):
            client.send_message(letter())
        with pytest.raises(smtplib.SMTPDataError) as refused:
            client.send_message(letter(2, "<1@app.example>"))
        assert refused.value.smtp_code == 554
        client.send_message(letter(3, ""))
        client.send_message(letter(3, ""))  # without a Message-ID nobody can know
    assert len(kept(shop)) == 3


def test_a_message_that_a_library_writes_out_anew_is_the_same_message(shop: Campaign) -> None:
    """smtplib makes other boundaries each time, and many libraries another Date."""
    sent = letter()
    sent.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="a.pdf")
    with door(shop.folder) as opened, opened.client() as client:
        client.login("shop", KEY)
        for hour in (9, 10):
            del sent["Date"]
            sent["Date"] = f"Sat, 28 Nov 2026 {hour:02}:00:00 +0000"
            client.send_message(sent)
        assert opened.end() == 0
        assert opened.complaints == "what is being accepted is finished first\n"
    assert len(kept(shop)) == 1
    assert lasting(b"A: b\n\nboundary=x") != lasting(b"A: b\n\nboundary=y")


def test_a_message_that_a_version_before_0_2_kept_is_still_known_by_its_bytes(
    shop: Campaign,
) -> None:
    """It is what a mail server repeats, whose reply was lost just before the update."""
    raw = letter().as_bytes(policy=letter().policy.clone(linesep="\r\n"))
    with door(shop.folder) as opened, opened.client() as client:
        client.login("shop", KEY)
        client.sendmail("shop@example.com", "ada@example.com", raw)
        with closing(sqlite3.connect(shop.folder / "state/journal.sqlite.intake")) as store:
            store.execute("UPDATE arrivals SET digest = ?, data = ''", (OF_BEFORE,))
            store.commit()
        client.sendmail("shop@example.com", "ada@example.com", raw)
        with pytest.raises(smtplib.SMTPDataError, match="used before"):
            client.sendmail("shop@example.com", "ada@example.com", raw + b"more\r\n")
    assert len(kept(shop)) == 1


def test_8_bit_text_that_libraries_send_unasked_is_kept_in_seven_bits(shop: Campaign) -> None:
    sent = letter()
    sent.set_content("您好 王小明\n", cte="8bit")
    sent.add_attachment(bytes(range(256)), maintype="application", subtype="x", filename="发票.pdf")
    with door(shop.folder) as opened, opened.client() as client:
        client.login("shop", KEY)
        client.send_message(sent)
        client.send_message(sent)
        assert opened.end() == 0
    (arrival,) = kept(shop)
    written = asked_of(arrival.letter.data).message
    assert written.isascii()
    found = email.message_from_string(written, policy=email.policy.default)
    text, attachment = found.iter_parts()
    assert text.get_content() == "您好 王小明\r\n"
    assert (attachment.get_filename(), attachment.get_content()) == ("发票.pdf", bytes(range(256)))
    unchanged = set(sent.keys()) - {"Content-Type"}  # with a boundary of chance
    assert all(found[name] == sent[name] for name in unchanged)


@pytest.mark.parametrize(
    "message",
    [
        "Subject: 你好\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nx\r\n",
        "DKIM-Signature: v=1\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n你好\r\n",
        "Subject: no character set\r\n\r\n你好\r\n",
        "Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n你好\r\n",
        'Content-Type: multipart/signed; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n你好\r\n--b--\r\n",
    ],
)
def test_8_bit_text_that_nobody_else_may_convert_is_refused(message: str) -> None:
    assert in_seven_bits(message.encode()) is None


def test_a_forwarded_message_is_converted_within() -> None:
    inner = b"Content-Type: text/plain; charset=gb18030\r\n\r\n" + "你好\r\n".encode("gb18030")
    outer = (
        b"Subject: Fwd\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    )
    found = in_seven_bits(outer + inner)
    assert found is not None
    parsed = email.message_from_bytes(found, policy=email.policy.default)
    assert parsed["Content-Transfer-Encoding"] == "7bit"
    assert parsed.get_content().get_content() == "你好\r\n"


def test_who_has_no_key_may_not_send(shop: Campaign) -> None:
    with door(shop.folder) as opened:
        with opened.client() as client:
            with pytest.raises(smtplib.SMTPSenderRefused) as refused:
                client.send_message(letter())
            assert refused.value.smtp_code == 530
        with opened.client() as client:
            with pytest.raises(smtplib.SMTPAuthenticationError) as wrong:
                client.login("shop", "not the key")
            assert wrong.value.smtp_code == 535
            with pytest.raises(smtplib.SMTPAuthenticationError, match="finished messages"):
                client.login("shop", SCOPED)
        with opened.client() as client:
            client.ehlo()
            for attempt in range(3):
                code, _ = client.docmd("AUTH", "PLAIN AHNob3AAd3Jvbmc=")
                assert code == (421 if attempt == 2 else 535)
            with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
                client.noop()
    assert kept(shop) == []


def test_what_cannot_be_a_letter_is_refused_in_a_reply(shop: Campaign) -> None:
    with door(shop.folder) as opened, opened.client() as client:
        client.login("shop", KEY)
        with pytest.raises(smtplib.SMTPRecipientsRefused) as recipients:
            client.sendmail("shop@example.com", ["ada@"], b"From: a@example.com\r\n\r\nx\r\n")
        ((code, said),) = recipients.value.recipients.values()
        assert (code, said[:5]) == (553, b"5.1.3")
        for message, code in (
            (b"Subject: no author\r\n\r\nx\r\n", 554),
            ("From: a@example.com\r\n\r\nä\r\n".encode(), 554),
            (b"From: a@example.com\r\n\r\n" + b"x" * 5000 + b"\r\n", 500),
        ):
            with pytest.raises(smtplib.SMTPDataError) as refused:
                client.sendmail("shop@example.com", ["ada@example.com"], message)
            assert refused.value.smtp_code == code
        with pytest.raises(smtplib.SMTPSenderRefused) as too_large:
            client.sendmail("shop@example.com", ["ada@example.com"], b"x\r\n" * 4_000_000)
        assert too_large.value.smtp_code == 552
    assert kept(shop) == []


def test_replies_say_whether_to_come_again() -> None:
    assert refusal(KeyConflictError("x")).startswith("554 5.6.0 ")
    assert refusal(BadLetterError("no From\r\n250 ok")) == "554 5.6.0 No From?250 ok"
    assert refusal(BacklogFullError("full", retry_after_s=3)).startswith("451 4.3.1 Full")
    assert refusal(JournalError("the disk is full")) == (
        "451 4.3.0 Letters cannot be accepted just now; try again later"
    )


def test_a_run_sends_it_as_it_was_written(tmp_path: Path) -> None:
    with recorder() as relay:
        campaign = open_campaign(tmp_path / "shop", more=SERVE, port=relay.port)
        with door(campaign.folder) as opened, opened.client() as client:
            client.login("shop", KEY)
            client.send_message(letter(7), to_addrs=["ada@example.com", "bob@example.com"])
        assert one_pass(campaign).exit_code == 0
        assert dict(relay.accepted) == {"ada@example.com": 1, "bob@example.com": 1}
        ids = {each for found in relay.message_ids.values() for each in found}
        assert ids == {b"<7@app.example>"}
        assert {each.message_id for each in results(campaign)} == {"<7@app.example>"}
        audited(campaign)


def test_with_a_certificate_a_key_never_travels_in_clear_text(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair = authority.issue("127.0.0.1")
    toml = SERVE + f'certificate = {{ cert = "{pair.cert}", key = "{pair.key}" }}\n'
    campaign = open_campaign(tmp_path / "shop", more=toml)
    trusted = ssl.create_default_context(cafile=authority.ca_file)
    with door(campaign.folder) as opened:
        with opened.client() as client:
            client.ehlo()
            assert not client.has_extn("auth")
            assert client.docmd("AUTH", "PLAIN AHNob3AAd3Jvbmc=")[0] in (530, 538)
            assert client.docmd("MAIL", "FROM:<a@example.com>")[0] == 530
        with opened.client(context=trusted) as client:
            client.login("shop", KEY)
            client.send_message(letter())
    assert len(kept(campaign)) == 1


def test_keys_and_campaigns_that_will_not_do_are_said_at_once(
    shop: Campaign, tmp_path: Path, capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    from fakes.prepared import campaigns

    at = ["serve", str(shop.folder), "--smtp"]
    assert main([*at, "192.0.2.1:25"]) == 78
    assert "clear text" in capfd.readouterr().err
    assert main([*at, "25"]) == 64
    monkeypatch.setenv("SHOP_KEY", "hunter2")
    assert main([*at, "127.0.0.1:0"]) == 78
    assert "who guesses it" in capfd.readouterr().err
    listed = campaigns.write(tmp_path / "listed")
    assert main(["serve", str(listed), "--smtp", "127.0.0.1:0"]) == 78
    assert "has a list" in capfd.readouterr().err
    without = open_campaign(tmp_path / "without")
    assert main(["serve", str(without.folder), "--smtp", "127.0.0.1:0"]) == 78
    assert "api_keys" in capfd.readouterr().err


def test_killed_while_it_accepts_it_keeps_what_it_said_and_takes_nothing_twice(
    shop: Campaign,
) -> None:
    count, kills = 80, 2
    dice = random.Random(8)
    accepted: set[int] = set()
    lock = threading.Lock()
    numbers = iter(range(count))

    def application(opened: Door) -> None:
        """Each letter again and again, until it is accepted."""
        client: smtplib.SMTP | None = None
        for n in _each(numbers, lock):
            while True:
                try:
                    if client is None:
                        client = opened.client()
                        client.login("shop", KEY)
                    client.send_message(letter(n), to_addrs=[f"person{n}@example.com"])
                    break
                except (smtplib.SMTPException, OSError):
                    if client is not None:
                        client.close()
                    client = None
                    threading.Event().wait(0.1)  # it is being started
            with lock:
                accepted.add(n)
        if client is not None:
            client.close()

    with door(shop.folder) as opened:
        threads = [threading.Thread(target=application, args=(opened,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(kills):
            enough = len(accepted) + dice.randrange(5, 25)
            while len(accepted) < min(enough, count):
                threading.Event().wait(0.002)
            opened.end(signal.SIGKILL)
            there = {int(arrival.letter.message_id[1:].partition("@")[0]) for arrival in kept(shop)}
            assert accepted - there == set()
            opened.start()
        for thread in threads:
            thread.join(120)
            assert not thread.is_alive()
        opened.end()
    addresses = [arrival.letter.address for arrival in kept(shop)]
    assert sorted(addresses) == sorted(f"person{n}@example.com" for n in range(count))


def _each(numbers: Iterator[int], lock: threading.Lock) -> Iterator[int]:
    while True:
        with lock:
            n = next(numbers, None)
        if n is None:
            return
        yield n


def test_a_client_that_says_nothing_more_does_not_keep_it_from_ending(shop: Campaign) -> None:
    async def main_() -> None:
        from campaign.intake.api.keys import Keys
        from campaign.intake.smtp.listening import taking_submissions

        class Nobody:
            async def accept_together(self, requests: object) -> list[Any]:
                raise AssertionError

        async with taking_submissions(
            Nobody(),
            Keys.of(shop.settings, shop.folder),
            "127.0.0.1",
            0,
            size_max=1000,
            troubles=Troubles(print, SystemClock()),
        ) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            assert (await reader.readline()).startswith(b"220")
            writer.write(b"EHLO x\r\n")
            await reader.readline()
        await reader.read()  # to the end: it was closed
        writer.close()

    asyncio.run(main_())
