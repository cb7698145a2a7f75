"""People who ask for no more mail while the run is going."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.mail.scripted_smtp import ScriptedServer, on, say
from fakes.prepared.sending import Mailing, relay

Serve = Callable[..., ScriptedServer]
LIST = "suppressed.csv"
R3 = "r3@example.com"


@pytest.fixture
def suppressed(tmp_path: Path) -> Path:
    """The list named in the config; nobody is on it yet."""
    path = tmp_path / LIST
    path.write_text("email\n")
    return path


def mailing(folder: Path, server: ScriptedServer, **how: object) -> Mailing:
    return Mailing(folder, relay(server), suppress=[LIST], **how)  # type: ignore[arg-type]


def adds(path: Path, text: str) -> Callable[[str], bool]:
    """The `test` of a rule that appends to the list when the rule is acted on."""

    def act(_command: str) -> bool:
        with path.open("a") as file:
            file.write(text)
        return True

    return act


def test_who_is_suppressed_while_waiting_for_a_retry_is_not_tried_again(
    serve: Serve, tmp_path: Path, suppressed: Path
) -> None:
    """Fault 60: an address comes onto the suppression list while its letter is deferred.
    By: scripted server that greylists it once.
    Then: skipped as suppressed, not tried again; the others are sent; exit 0.
    """
    wish = adds(suppressed, "R3@Example.com\n")
    server = serve(on("RCPT", say("450 4.7.1 come again"), where="r3@", test=wish, times=1))
    ending = mailing(tmp_path, server, retry=("1.5s",)).send()
    assert ending.passed(R3) == ["deferred", "skipped"]
    assert ending.results[R3].reason == "suppressed"
    assert ending.all_but(R3) == {"sent"}
    assert sorted(letter.recipient for letter in server.accepted) == sorted(
        set(ending.states) - {R3}
    )
    assert ending.exit_code == 0


def test_who_is_suppressed_before_being_claimed_gets_nothing(
    serve: Serve, tmp_path: Path, suppressed: Path
) -> None:
    """Fault 60: an address comes onto the suppression list while letters to others are going.
    By: scripted server that is slow once; a list longer than what is in memory at once.
    Then: skipped as suppressed; the others are sent.
    """
    last = "r400@example.com"
    wish = adds(suppressed, f"{last}\n")
    server = serve(on("MAIL", say("250 ok", delay_s=1.2), test=wish, times=1))
    body = "Hello {{ number }}\n" + f"{'x' * 70}\n" * 1400  # 100 KB: about 320 fit
    ending = mailing(tmp_path, server, people=400, body=body).send()
    assert ending.passed(last) == ["skipped"]
    assert ending.results[last].reason == "suppressed"
    assert ending.all_but(last) == {"sent"}
    assert len(server.accepted) == 399


def test_who_is_suppressed_between_plan_and_run_gets_nothing(
    serve: Serve, tmp_path: Path, suppressed: Path
) -> None:
    """Fault 60: an address comes onto the suppression list after the plan was made.
    By: scripted server.
    Then: skipped as suppressed, although it was planned; the others are sent.
    """
    server = serve()
    planned = mailing(tmp_path, server)
    planned.plan()
    adds(suppressed, f"{R3}\n")("")
    ending = planned.send()
    assert ending.passed(R3) == ["skipped"]
    assert ending.all_but(R3) == {"sent"}


def test_a_list_that_is_written_just_now_is_read_a_moment_later(
    serve: Serve, tmp_path: Path, suppressed: Path
) -> None:
    """Fault 60: the suppression list is away for a moment, as while an editor replaces it.
    By: scripted server that greylists a letter once.
    Then: nobody is claimed until it is back; the one on it is skipped, the others are sent.
    """
    away, back = tmp_path / "away", tmp_path / LIST

    def take_away(_command: str) -> bool:
        suppressed.rename(away)
        return True

    def put_back(_command: str) -> bool:
        away.write_text(f"email\n{R3}\n")
        away.rename(back)
        return True

    server = serve(
        on("RCPT", say("450 4.7.1 come again"), where="r3@", test=take_away, times=1),
        on("RCPT", say("250 ok", delay_s=2.5), where="r4@", times=1),  # it is looked at meanwhile
        on("DOT", say("250 ok"), where="r4@", test=put_back),
    )
    ending = mailing(tmp_path, server, retry=("1.5s",)).send()
    assert ending.passed(R3) == ["deferred", "skipped"]
    assert ending.all_but(R3) == {"sent"}


def test_a_list_that_cannot_be_read_stops_the_run(
    serve: Serve, tmp_path: Path, suppressed: Path
) -> None:
    """Fault 60: a line without an address comes into the suppression list.
    By: scripted server that greylists a letter once.
    Then: nobody further is claimed; what is on the way is finished; exit 65 names file and line;
    mended, the next run sends to the rest.
    """
    mess = adds(suppressed, "somebody\n")
    server = serve(on("RCPT", say("450 4.7.1 come again"), where="r3@", test=mess, times=1))
    going = mailing(tmp_path, server, retry=("1.2s",))
    ending = going.send()
    assert ending.exit_code == 65
    assert ending.sentence.startswith(
        f"{LIST}:2: this line would keep nobody out: there is no address"
    )
    assert ending.states[R3] == "deferred"
    assert ending.all_but(R3) == {"sent"}
    suppressed.write_text("email\n")
    assert going.send().all_but() == {"sent"}
