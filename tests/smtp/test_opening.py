"""Greeting, EHLO, STARTTLS, implicit TLS and login: what goes through, and what must not."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from campaign.config.settings import Relay
from campaign.errors import ConfigError, LoginError, RelayError
from campaign.pool.endpoints import endpoint_of as endpoint_of_relay
from campaign.records import Stage
from campaign.smtp.connection import Connection
from campaign.smtp.endpoint import ConnectRefused, Endpoint, LoginRefused, Timeouts
from campaign.smtp.opening.connect import Opening, connect
from campaign.smtp.opening.dial import dial
from campaign.smtp.opening.greeting import own_name
from fakes.certificates import Authority
from fakes.mail.postman import PATIENT, Postman, endpoint_of, letter, run
from fakes.mail.scripted_smtp import SILENCE, Script, ScriptedServer, drop, on, say

Journey = Callable[..., tuple[Postman, ScriptedServer]]
Serve = Callable[[Script], ScriptedServer]


@pytest.fixture
def attempt(serve: Serve, uv: bool) -> Callable[..., tuple[Exception | Connection, ScriptedServer]]:
    """Open one connection; what came of it, and the server."""

    def go(
        script: Script, *, timeouts: Timeouts = PATIENT, **fields: Any
    ) -> tuple[Exception | Connection, ScriptedServer]:
        server = serve(script)

        async def main() -> Exception | Connection:
            postman = Postman()
            try:
                opened = await connect(
                    endpoint_of(server.port, **fields), postman, limit=9, timeouts=timeouts
                )
            except (RelayError, LoginError) as error:
                assert not postman.closings
                return error
            opened.finish()
            await asyncio.wait_for(_closed(postman), 5)
            return opened

        return run(main(), uv=uv), server

    return go


async def _closed(postman: Postman) -> None:
    while not postman.closings:
        await asyncio.sleep(0.005)


Attempt = Callable[..., tuple[Any, ScriptedServer]]


def test_ehlo_gives_the_configured_name(attempt: Attempt) -> None:
    _, server = attempt(Script(), hello="mail.example.org")
    assert server.commands == ["EHLO mail.example.org", "QUIT"]


def test_without_a_qualified_name_the_address_literal_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "localhost")
    assert own_name("192.0.2.1") == "[192.0.2.1]"
    assert own_name("2001:db8::1") == "[IPv6:2001:db8::1]"
    monkeypatch.setattr(socket, "gethostname", lambda: "mail.example.org")
    assert own_name("192.0.2.1") == "mail.example.org"


def test_a_server_without_esmtp_gets_helo_and_one_command_at_a_time(journey: Journey) -> None:
    postman, server = journey(Script(esmtp=False), 2)
    assert postman.sent == [1, 2]
    assert server.commands[:3] == [
        "EHLO client.example",
        "HELO client.example",
        "MAIL FROM:<ada@example.org>",
    ]


@pytest.mark.parametrize("greeting", ["554 5.7.1 no service", "421 4.3.2 busy", "250 what"])
def test_a_bad_greeting_refuses_the_connection(attempt: Attempt, greeting: str) -> None:
    error, server = attempt(Script(on("CONNECT", say(greeting))))
    assert isinstance(error, ConnectRefused)
    assert error.stage is Stage.GREETING
    assert error.reply is not None
    assert str(error.reply) == greeting
    assert server.commands == []


STAGES = [("CONNECT", Stage.GREETING), ("EHLO", Stage.EHLO), ("STARTTLS", Stage.STARTTLS),
          ("AUTH", Stage.AUTH)]  # fmt: skip


def full(authority: Authority, *rules: Any) -> tuple[Script, dict[str, Any]]:
    """A server with everything, and an endpoint that uses it."""
    script = Script(
        *rules,
        certificate=authority.issue("127.0.0.1", "localhost"),
        mechanisms=("PLAIN",),
        users={"ada": "secret"},
    )
    fields = {
        "security": "starttls",
        "ca_file": authority.ca_file,
        "username": "ada",
        "secret": lambda: "secret",
    }
    return script, fields


@pytest.mark.parametrize(("where", "stage"), STAGES)
@pytest.mark.parametrize("reply", ["421 4.3.2 closing", "451 4.7.0 later"])
def test_a_4xx_of_the_opening_refuses_the_connection_for_now(
    attempt: Attempt, authority: Authority, where: str, stage: Stage, reply: str
) -> None:
    script, fields = full(authority, on(where, say(reply)))
    error, _ = attempt(script, **fields)
    assert isinstance(error, ConnectRefused)
    assert (error.stage, str(error.reply)) == (stage, reply)


@pytest.mark.parametrize(("where", "stage"), STAGES)
def test_a_connection_lost_in_the_opening_is_refused(
    attempt: Attempt, authority: Authority, where: str, stage: Stage
) -> None:
    script, fields = full(authority, on(where, drop()))
    error, _ = attempt(script, **fields)
    assert isinstance(error, ConnectRefused)
    assert (error.stage, error.reply) == (stage, None)
    assert "closed the connection" in str(error)


@pytest.mark.parametrize(("where", "stage"), STAGES)
def test_silence_in_the_opening_ends_at_the_deadline_of_its_stage(
    attempt: Attempt, authority: Authority, where: str, stage: Stage
) -> None:
    script, fields = full(authority, on(where, SILENCE))
    short = Timeouts(**{"hello" if where == "EHLO" else stage.value: 0.1})
    error, _ = attempt(script, timeouts=short, **fields)
    assert isinstance(error, ConnectRefused)
    assert error.stage is stage
    assert "within 0.1 s" in str(error)


@pytest.mark.parametrize(("where", "stage"), STAGES)
def test_garbage_in_the_opening_refuses_the_connection(
    attempt: Attempt, authority: Authority, where: str, stage: Stage
) -> None:
    script, fields = full(authority, on(where, say(b"\x00\x01 what\r\n")))
    error, _ = attempt(script, **fields)
    assert isinstance(error, ConnectRefused)
    assert "no SMTP reply" in str(error)


# -- TLS ---------------------------------------------------------------------------------------


def test_starttls_encrypts_and_says_ehlo_again(journey: Journey, authority: Authority) -> None:
    script = Script(certificate=authority.issue("127.0.0.1"))
    postman, server = journey(
        script, 3, endpoint={"security": "starttls", "ca_file": authority.ca_file}
    )
    assert postman.sent == [1, 2, 3]
    assert server.sessions[0].tls_version in ("TLSv1.2", "TLSv1.3")
    assert server.commands[:3] == ["EHLO client.example", "STARTTLS", "EHLO client.example"]


def test_implicit_tls_encrypts_from_the_first_byte(journey: Journey, authority: Authority) -> None:
    script = Script(certificate=authority.issue("localhost"), implicit_tls=True)
    letters = [letter(1), letter(2, body=b"z" * 1_000_000), letter(3)]
    postman, server = journey(
        script,
        letters,
        endpoint={"security": "tls", "ca_file": authority.ca_file, "host": "localhost",
                  "address": "127.0.0.1"},
    )  # fmt: skip
    assert postman.sent == [1, 2, 3]
    assert [each.data for each in server.accepted] == [each.wire for each in letters]
    assert postman.closings[0].why == "finished"


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize(
    ("names", "days", "trusted", "sentence"),
    [
        (("127.0.0.1",), -3, True, "the certificate of 127.0.0.1 has expired"),
        (("other.example",), 30, True, "the certificate of 127.0.0.1 is for another host"),
        (("127.0.0.1",), 30, False, "the certificate of 127.0.0.1 comes from an unknown issuer"),
    ],
)
def test_a_certificate_that_does_not_hold_is_named_with_its_fault(
    attempt: Attempt,
    authority: Authority,
    security: str,
    names: tuple[str],
    days: int,
    trusted: bool,
    sentence: str,
) -> None:
    script = Script(
        certificate=authority.issue(*names, days=days, file=f"bad{days}{names[0]}"),
        implicit_tls=security == "tls",
    )
    error, server = attempt(
        script, security=security, ca_file=authority.ca_file if trusted else "", username="ada",
        secret=lambda: "secret",
    )  # fmt: skip
    assert isinstance(error, RelayError)
    assert not isinstance(error, ConnectRefused)
    assert sentence in str(error)
    assert error.remedy
    assert not any("AUTH" in command for command in server.commands)


def test_a_client_certificate_is_shown_where_configured(
    journey: Journey, attempt: Attempt, authority: Authority
) -> None:
    script = Script(
        certificate=authority.issue("127.0.0.1"), client_ca=authority.ca_file, implicit_tls=True
    )
    mine = authority.issue("client.example")
    endpoint = {"security": "tls", "ca_file": authority.ca_file}
    postman, _ = journey(
        script, 1, endpoint={**endpoint, "client_certificate": (mine.cert, mine.key)}
    )
    assert postman.sent == [1]
    error, _ = attempt(script, **endpoint)
    assert isinstance(error, ConnectRefused)


def test_tls_older_than_1_2_is_refused(attempt: Attempt, authority: Authority) -> None:
    script = Script(certificate=authority.issue("127.0.0.1"), implicit_tls=True, old_tls=True)
    error, _ = attempt(script, security="tls", ca_file=authority.ca_file)
    assert isinstance(error, ConnectRefused)
    assert error.stage is Stage.STARTTLS
    assert "nothing newer than TLS 1.1" in str(error)


def test_implicit_tls_to_a_port_in_clear_text_says_what_is_wrong(attempt: Attempt) -> None:
    error, server = attempt(Script(), security="tls", username="ada", secret=lambda: "x")
    assert isinstance(error, ConnectRefused)
    assert "speaks no TLS there" in str(error)
    assert not any("AUTH" in command for command in server.commands)


def test_no_password_goes_over_tls_that_was_not_verified_for_being_opportunistic(
    attempt: Attempt, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Opening, "is_loopback", False)
    script = Script(certificate=authority.issue("127.0.0.1"), mechanisms=("PLAIN",))
    error, server = attempt(script, security="opportunistic", username="ada", secret=lambda: "x")
    assert isinstance(error, LoginRefused)
    assert not any("AUTH " in command for command in server.commands)


def test_clear_text_injected_behind_the_consent_to_starttls_aborts(
    attempt: Attempt, authority: Authority
) -> None:
    script = Script(
        on("STARTTLS", say("220 go", extra=b"250 injected.example\r\n250 AUTH PLAIN\r\n")),
        certificate=authority.issue("127.0.0.1"),
    )
    error, server = attempt(script, security="starttls", ca_file=authority.ca_file)
    assert isinstance(error, ConnectRefused)
    assert error.stage is Stage.STARTTLS
    assert server.commands[-1] == "STARTTLS"


def test_half_a_line_injected_behind_the_consent_to_starttls_aborts(
    attempt: Attempt, authority: Authority
) -> None:
    script = Script(
        on("STARTTLS", say("220 go", extra=b"250 inj")),
        certificate=authority.issue("127.0.0.1"),
    )
    error, _ = attempt(script, security="starttls", ca_file=authority.ca_file)
    assert isinstance(error, ConnectRefused)
    assert "clear text" in str(error)


def test_starttls_that_is_required_and_not_offered_stops(attempt: Attempt) -> None:
    error, server = attempt(
        Script(mechanisms=("PLAIN",)), security="starttls", username="ada", secret=lambda: "x"
    )
    assert isinstance(error, RelayError)
    assert not isinstance(error, ConnectRefused)
    assert "does not offer STARTTLS" in str(error)
    assert server.commands == ["EHLO client.example"]


def test_opportunistic_tls_does_not_ask_whose_certificate_it_is(
    journey: Journey, authority: Authority
) -> None:
    script = Script(certificate=authority.issue("other.example", days=-9, file="worthless"))
    postman, server = journey(script, 1, endpoint={"security": "opportunistic"})
    assert postman.sent == [1]
    assert server.sessions[0].tls_version


@pytest.mark.parametrize("rules", [(on("STARTTLS", say("454 4.7.0 not now")),), ()])
def test_opportunistic_tls_goes_on_in_clear_where_there_is_none(
    journey: Journey, authority: Authority, rules: tuple[Any, ...]
) -> None:
    script = Script(*rules, certificate=authority.issue("127.0.0.1") if rules else None)
    postman, server = journey(script, 2, endpoint={"security": "opportunistic"})
    assert postman.sent == [1, 2]
    assert len(server.sessions) == 1


def test_opportunistic_tls_connects_again_in_clear_after_a_failed_handshake(
    journey: Journey, authority: Authority
) -> None:
    script = Script(on("HANDSHAKE", drop()), certificate=authority.issue("127.0.0.1"))
    postman, server = journey(script, 2, endpoint={"security": "opportunistic"})
    assert postman.sent == [1, 2]
    assert [session.tls_version for session in server.sessions] == [None, None]


def test_a_failed_handshake_is_refused_where_tls_is_required(
    attempt: Attempt, authority: Authority
) -> None:
    script = Script(on("HANDSHAKE", drop()), certificate=authority.issue("127.0.0.1"))
    error, server = attempt(script, security="starttls", ca_file=authority.ca_file)
    assert isinstance(error, ConnectRefused)
    assert len(server.sessions) == 1


def test_a_handshake_that_never_ends_is_given_up(attempt: Attempt, authority: Authority) -> None:
    script = Script(on("HANDSHAKE", SILENCE), certificate=authority.issue("127.0.0.1"))
    error, _ = attempt(
        script,
        security="starttls",
        ca_file=authority.ca_file,
        timeouts=Timeouts(starttls=0.2),
    )
    assert isinstance(error, ConnectRefused)


def test_a_ca_file_that_is_none_is_a_fault_of_the_config(
    serve: Serve, tmp_path: Path, uv: bool
) -> None:
    server = serve(Script())
    endpoint = endpoint_of(server.port, security="tls", ca_file=str(tmp_path / "none.pem"))
    with pytest.raises(ConfigError, match=r"none\.pem"):
        run(connect(endpoint, Postman(), limit=1), uv=uv)


def test_a_name_for_ehlo_that_is_none_is_a_fault_of_the_config(serve: Serve, uv: bool) -> None:
    server = serve(Script())
    endpoint = endpoint_of(server.port, hello="mail.example\r\nMAIL FROM:<>")
    with pytest.raises(ConfigError, match="control character"):
        run(connect(endpoint, Postman(), limit=1, timeouts=PATIENT), uv=uv)
    assert server.commands == []


# -- login -------------------------------------------------------------------------------------

MECHANISMS = ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256", "XOAUTH2", "OAUTHBEARER"]


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_each_mechanism_logs_in(journey: Journey, mechanism: str) -> None:
    script = Script(mechanisms=(mechanism,), users={"ada@example.org": "geheim, =\u00fc"})
    postman, server = journey(
        script,
        1,
        endpoint={
            "username": "ada@example.org",
            "secret": lambda: "geheim, =\u00fc",
            "secret_is_token": "OAUTH" in mechanism,
        },
    )
    assert postman.sent == [1]
    assert server.sessions[0].user == "ada@example.org"


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_a_refused_login_is_tried_once_and_never_again(attempt: Attempt, mechanism: str) -> None:
    script = Script(mechanisms=(mechanism,), users={"ada": "right"})
    error, server = attempt(
        script, username="ada", secret=lambda: "guessed", secret_is_token="OAUTH" in mechanism
    )
    assert isinstance(error, LoginRefused)
    assert error.exit_code == 77
    assert error.reply is not None
    assert error.reply.code in (535, 501)
    assert sum(command.startswith("AUTH") for command in server.commands) == 1
    assert "guessed" not in str(error)


@pytest.mark.parametrize("code", ["535 5.7.8", "534 5.7.9", "530 5.7.0", "538 5.7.11", "504 5.5.4"])
def test_5xx_to_auth_is_a_refused_login(attempt: Attempt, code: str) -> None:
    script = Script(on("AUTH", say(f"{code} no")), mechanisms=("PLAIN",), users={"ada": "x"})
    error, _ = attempt(script, username="ada", secret=lambda: "x")
    assert isinstance(error, LoginRefused)


@pytest.mark.parametrize(
    "prompts",
    [
        (b"", b""),
        (b"Username:", b"Password:"),
        (b"VXNlcm5hbWU", b"UGFzc3dvcmQ"),
        ("Имя пользователя".encode(), b"\xff"),
    ],
    ids=["empty", "clear text", "no padding", "other bytes"],
)
def test_the_prompts_of_login_are_for_people(
    journey: Journey, prompts: tuple[bytes, bytes]
) -> None:
    script = Script(mechanisms=("LOGIN",), prompts=prompts, users={"ada": "x"})
    postman, _ = journey(script, 1, endpoint={"username": "ada", "secret": lambda: "x"})
    assert postman.sent == [1]


def test_a_mechanism_met_with_504_gives_way_to_the_next_one_offered(journey: Journey) -> None:
    script = Script(
        mechanisms=("SCRAM-SHA-256", "CRAM-MD5", "PLAIN"),
        unknown=("SCRAM-SHA-256", "CRAM-MD5"),
        users={"ada": "x"},
    )
    postman, server = journey(script, 1, endpoint={"username": "ada", "secret": lambda: "x"})
    assert postman.sent == [1]
    tried = [line.split(" ")[1] for line in server.commands if line.startswith("AUTH")]
    assert tried == ["SCRAM-SHA-256", "CRAM-MD5", "PLAIN"]


def test_a_mechanism_met_with_504_and_no_other_points_at_auth(attempt: Attempt) -> None:
    script = Script(mechanisms=("PLAIN", "XOAUTH2"), unknown=("PLAIN",), users={"ada": "x"})
    error, _ = attempt(script, username="ada", secret=lambda: "x")
    assert isinstance(error, LoginRefused)
    assert "set auth in [relay]" in error.remedy
    assert "xoauth2" in error.remedy


@pytest.mark.parametrize("security", ["none", "starttls"])
def test_a_port_that_speaks_tls_from_the_first_byte_is_pointed_at(
    attempt: Attempt, authority: Authority, security: str
) -> None:
    script = Script(certificate=authority.issue("127.0.0.1"), implicit_tls=True)
    hasty = replace(Timeouts(), greeting=0.2)
    error, _ = attempt(script, security=security, timeouts=hasty)
    assert isinstance(error, ConnectRefused)
    assert 'say security = "tls"' in str(error)


def test_port_465_is_not_waited_for_long_in_clear_text() -> None:
    assert Endpoint("relay", "h", 465, "starttls").is_for_tls
    assert not Endpoint("relay", "h", 465, "tls").is_for_tls
    assert not Endpoint("relay", "h", 587, "starttls").is_for_tls


def test_454_to_auth_is_no_refusal_of_the_login(attempt: Attempt) -> None:
    script = Script(on("AUTH", say("454 4.7.0 later")), mechanisms=("PLAIN",), users={"ada": "x"})
    error, _ = attempt(script, username="ada", secret=lambda: "x")
    assert isinstance(error, ConnectRefused)
    assert error.stage is Stage.AUTH


def test_the_secret_is_fetched_anew_for_each_connection(journey: Journey) -> None:
    tokens = iter(["first", "second"])
    used: list[str] = []

    def secret() -> str:
        used.append(next(tokens))
        script.users["ada"] = used[-1]
        return used[-1]

    script = Script(mechanisms=("XOAUTH2",))
    postman, _ = journey(
        script,
        2,
        connections=2,
        limit=1,
        endpoint={"username": "ada", "secret": secret, "secret_is_token": True},
    )
    assert postman.sent == [1, 2]
    assert used == ["first", "second"]


def test_a_login_that_cannot_be_used_is_no_login(attempt: Attempt) -> None:
    error, server = attempt(
        Script(mechanisms=("GSSAPI", "NTLM")), username="ada", secret=lambda: "x"
    )
    assert isinstance(error, LoginRefused)
    assert "it offers: gssapi ntlm" in str(error)
    assert server.commands == ["EHLO client.example"]


def test_a_long_token_waits_for_the_first_challenge(journey: Journey) -> None:
    token = "t" * 2000
    script = Script(mechanisms=("XOAUTH2",), users={"ada": token})
    postman, server = journey(
        script,
        1,
        endpoint={"username": "ada", "secret": lambda: token, "secret_is_token": True},
    )
    assert postman.sent == [1]
    assert "AUTH XOAUTH2" in server.commands


def test_a_password_may_travel_in_clear_text_on_loopback(journey: Journey) -> None:
    script = Script(mechanisms=("PLAIN",), users={"ada": "x"})
    postman, server = journey(script, 1, endpoint={"username": "ada", "secret": lambda: "x"})
    assert postman.sent == [1]
    assert server.sessions[0].user == "ada"


def test_a_password_in_clear_text_to_elsewhere_needs_to_be_allowed(
    attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Opening, "is_loopback", False)
    script = Script(mechanisms=("PLAIN",), users={"ada": "x"})
    error, server = attempt(script, username="ada", secret=lambda: "x")
    assert isinstance(error, LoginRefused)
    assert "clear text" in str(error)
    assert not any("AUTH " in command for command in server.commands)
    opened, _ = attempt(script, username="ada", secret=lambda: "x", allow_cleartext=True)
    assert isinstance(opened, Connection)


def test_an_ipv6_address_in_brackets_is_a_host(tmp_path: Path) -> None:
    relay = Relay(host="[::1]", port=25, security="none")
    endpoint = endpoint_of_relay(relay, tmp_path)
    assert (endpoint.name, endpoint.host) == ("[::1]:25", "::1")
    listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    with listener:
        there = replace(endpoint, port=listener.getsockname()[1])
        run(dial(there, 5.0)).close()
