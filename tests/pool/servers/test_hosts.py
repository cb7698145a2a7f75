"""How far ahead a server is spoken to, and what is kept of that."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from campaign.pool.servers.hosts import GOOD_FOR_S, KnownHost, KnownHosts, NoMemory
from campaign.pool.servers.memory import FileMemory
from campaign.records import Stage
from campaign.smtp.ends import End, EndedBy
from campaign.smtp.extensions import Extensions
from campaign.smtp.protocol import Client, Step
from campaign.smtp.replies.parsing import make_reply
from fakes.clock import FakeClock
from fakes.mail.postman import endpoint_of, letter

OFFERED = dict.fromkeys(("PIPELINING", "SIZE", "DSN", "8BITMIME"), "")
TAKEN = b"250 ok\r\n250 ok\r\n354 go\r\n"


class Wire:
    """As much of a connection as is looked at."""

    def __init__(self) -> None:
        self.session = Client()
        self.session.extensions = Extensions("", OFFERED)
        self.is_finishing = False

    def finish(self) -> None:
        self.is_finishing = True

    def carry(self, row: int) -> None:
        """A letter up to its dot, and the next envelope behind it where that may go there."""
        session = self.session
        if session.open is None:
            session.envelope(letter(row))
        while session.phase.name != "BODY":
            session.receive(TAKEN if session.open_step else b"250 ok\r\n")
            if not session.open_step and not session.out:
                session.receive(b"354 go\r\n")
            session.out.clear()
        session.end_data()
        if session.can_take:
            session.envelope(letter(row + 1))


def ended(cause: EndedBy) -> End:
    return End(cause, Stage.MAIL, cause.value)


class Memory:
    """Keeps facts as long as the test runs."""

    def __init__(self) -> None:
        self.facts: dict[str, dict[str, float]] = {}

    def get(self, host: str) -> Mapping[str, float]:
        return self.facts.get(host, {})

    def learned(self, host: str, what: str, at: float) -> None:
        self.facts.setdefault(host, {})[what] = at


def host(
    memory: Any = None, clock: FakeClock | None = None, said: list[str] | None = None
) -> KnownHost:
    lines = said if said is not None else []
    return KnownHost("a:25", memory or NoMemory(), clock or FakeClock(), lines.append)


def wires(host: KnownHost, count: int) -> list[Any]:
    made = [cast(Any, Wire()) for _ in range(count)]
    for wire in made:
        host.joined(wire)
    return made


def steps(made: list[Any]) -> list[int]:
    return [int(wire.session.step) for wire in made]


def ride(known: KnownHost, wire: Any, row: int) -> None:
    """A letter is accepted, and the next envelope answered."""
    wire.carry(row)
    wire.session.receive(b"250 queued\r\n")
    known.answered(wire, Stage.DOT, accepted=True)


def test_one_connection_climbs_a_step_and_the_others_follow_when_it_is_proven() -> None:
    known = host()
    first, second, _third = made = wires(known, 3)
    assert steps(made) == [1, 0, 0]
    ride(known, first, 1)
    assert steps(made) == [2, 1, 1]
    ride(known, second, 11)
    assert steps(made) == [2, 1, 1]
    ride(known, first, 2)  # rides nowhere yet: its envelope was not behind a dot
    assert steps(made) == [2, 1, 1]
    ride(known, first, 3)
    assert steps(made) == [2, 2, 2]
    assert steps(wires(known, 1)) == [2]


def test_when_the_connection_that_tries_ends_for_another_reason_another_one_tries() -> None:
    known = host()
    first, second = wires(known, 2)
    known.left(first, ended(EndedBy.QUIT))
    assert steps([second]) == [1]
    assert known.step is Step.SINGLY


def test_a_step_that_fails_when_tried_is_kept_for_thirty_days() -> None:
    memory, clock, said = Memory(), FakeClock(), list[str]()
    known = host(memory, clock, said)
    first, second = wires(known, 2)
    ride(known, first, 1)
    first.carry(2)
    first.session.receive(b"250 queued\r\n")
    known.answered(first, Stage.DOT, accepted=True)
    first.carry(3)
    assert first.session.is_ride_unanswered
    assert known.left(first, ended(EndedBy.BREAK))
    assert steps([second]) == [1]
    assert list(memory.facts["a:25"]) == ["step 1"]
    assert len(said) == 1
    later = host(memory, clock)
    (wire,) = wires(later, 1)
    ride(later, wire, 1)
    assert steps([wire]) == [1]
    clock.sleep(GOOD_FOR_S + 1)
    forgotten = host(memory, clock)
    (wire,) = wires(forgotten, 1)
    ride(forgotten, wire, 1)
    assert steps([wire]) == [2]


def proven(known: KnownHost) -> list[Any]:
    made = wires(known, 2)
    for row in (1, 2, 3):
        ride(known, made[0], row)
    assert steps(made) == [2, 2]
    return made


def test_a_proven_step_is_tried_again_by_one_connection_after_a_first_loss() -> None:
    memory, clock = Memory(), FakeClock()
    known = host(memory, clock)
    first, second = proven(known)
    first.carry(4)
    assert known.left(first, ended(EndedBy.BREAK))
    assert steps([second]) == [1]
    assert not memory.facts
    known.recover(clock.tick_s() + 599)
    assert steps([second]) == [1]
    (third,) = wires(known, 1)
    known.recover(clock.tick_s() + 600)
    assert steps([second, third]) == [2, 1]
    second.session.receive(b"250 queued\r\n")
    second.carry(5)
    assert known.left(second, ended(EndedBy.BREAK))
    known.recover(clock.tick_s() + 1e6)
    assert steps([third]) == [1]
    assert list(memory.facts["a:25"]) == ["step 1"]


def test_a_server_proven_to_bear_it_may_close_behind_its_reply() -> None:
    known = host()
    first, second = proven(known)
    first.carry(4)
    first.session.receive(b"250 queued\r\n")
    assert not known.left(first, ended(EndedBy.BREAK))
    assert steps([second]) == [2]


def test_silence_behind_an_answered_dot_is_a_fall_even_from_a_proven_step() -> None:
    known = host()
    first, second = proven(known)
    first.carry(4)
    first.session.receive(b"250 queued\r\n")
    assert known.left(first, ended(EndedBy.SILENCE))
    assert steps([second]) == [1]


def test_each_host_is_judged_by_itself_and_each_extension_told_once() -> None:
    said, memory = list[str](), Memory()
    hosts = KnownHosts(memory, FakeClock(), said.append)
    one, other = hosts.of(endpoint_of(25, host="a")), hosts.of(endpoint_of(25, host="b"))
    assert hosts.of(endpoint_of(25, host="a")) is one
    first, second = wires(one, 2)
    (elsewhere,) = wires(other, 1)
    refusal = make_reply(555, ("SIZE what",))
    assert one.is_to_blame(first, letter(1), Stage.MAIL, refusal)
    assert one.is_to_blame(second, letter(2), Stage.MAIL, refusal)
    assert len(said) == 1
    assert [wire.is_finishing for wire in (first, second, elsewhere)] == [True, True, False]
    (later,) = wires(one, 1)
    assert "SIZE" not in later.session.parameters_used(letter(1))
    assert "SIZE" in elsewhere.session.parameters_used(letter(1))
    assert list(memory.facts["a:25"]) == ["without SIZE"]


def test_servers_that_nobody_is_connected_to_are_forgotten_when_there_are_many() -> None:
    hosts = KnownHosts(NoMemory(), FakeClock(), lambda line: None)
    kept = hosts.of(endpoint_of(25, host="kept"))
    wires(kept, 1)
    for number in range(3000):
        hosts.of(endpoint_of(25, host=f"mx{number}"))
    assert hosts.of(endpoint_of(25, host="kept")) is kept
    assert len(hosts._known) <= 1000


@given(st.lists(st.sampled_from(["ride", "lose", "join", "refuse"]), max_size=25), st.data())
def test_never_more_than_one_connection_is_above_what_is_proven(
    events: list[str], data: st.DataObject
) -> None:
    known = host()
    made = wires(known, 2)
    for number, event in enumerate(events):
        if event == "join" or not made:
            made += wires(known, 1)
            continue
        wire = made[data.draw(st.integers(0, len(made) - 1))]
        if event == "ride":
            ride(known, wire, 10 * number)
        elif event == "refuse":
            known.is_to_blame(wire, letter(number), Stage.MAIL, make_reply(503, ("bad sequence",)))
        else:
            made.remove(wire)
            known.left(wire, ended(EndedBy.BREAK))
        above = [wire for wire in made if wire.session.step > known.step]
        assert len(above) <= 1
        assert all(wire.session.step <= known.step + 1 for wire in above)


# -- the file ----------------------------------------------------------------------------------


def test_facts_are_kept_in_a_file_that_the_first_of_them_makes(tmp_path: Path) -> None:
    path = tmp_path / "state" / "hosts.sqlite"
    memory = FileMemory(path, lambda line: None)
    assert memory.get("a:25") == {}
    assert not path.exists()
    memory.learned("a:25", "step 1", 5.0)
    memory.learned("a:25", "without SIZE", 6.0)
    memory.learned("a:25", "without DSN", 7.0)
    memory.learned("b:25", "letters 5", 8.0)
    memory.learned("a:25", "step 0", 9.0)
    again = FileMemory(path, lambda line: None)
    assert again.get("a:25") == {"step 0": 9.0, "without SIZE": 6.0, "without DSN": 7.0}
    assert again.get("b:25") == {"letters 5": 8.0}


def test_a_file_that_is_no_database_is_told_of_once_and_stops_nothing(tmp_path: Path) -> None:
    path = tmp_path / "hosts.sqlite"
    path.write_text("garbage" * 1000)
    said: list[str] = []
    memory = FileMemory(path, said.append)
    assert memory.get("a:25") == {}
    memory.learned("a:25", "step 1", 5.0)
    assert len(said) == 1
    assert str(path) in said[0]


def test_a_fact_that_makes_no_sense_is_passed_over() -> None:
    memory, clock = Memory(), FakeClock()
    for what in ("step 9", "step x", "letters many", "letters", "", "colour blue"):
        memory.learned("a:25", what, clock.now_s())
    memory.learned("a:25", "letters 7", clock.now_s())
    assert host(memory, clock).letters_per_connection == 7
