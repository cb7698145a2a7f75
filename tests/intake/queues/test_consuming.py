"""A message is acknowledged when it is a letter or a dead letter, and not before."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from campaign.cli.main import main
from campaign.clock import SystemClock
from campaign.errors import BacklogFullError, JournalError, UsageError
from campaign.intake.queues.addresses import read_queue_url
from campaign.intake.queues.consuming import TRIES_MAX, QueueConsumer
from campaign.intake.queues.deadletters import DeadLetter, DeadLetters
from campaign.intake.queues.kafka import KafkaSource
from campaign.intake.queues.source import PREFETCH, BrokerLost, QueueMessage, key_of
from campaign.intake.requests import AcceptedRequest, LetterRequest
from campaign.journal.arrivals import FIRST, Arrivals
from fakes.prepared.open_campaigns import open_campaign

URL = "sqlite:///journal.sqlite"
GOOD = json.dumps({"template": "code", "to": "ada@example.com", "data": {"code": "1"}}).encode()


class Script:
    """A broker: hands out what it has until it is acknowledged, and goes when it is told to."""

    def __init__(self, *messages: QueueMessage, downs: int = 0) -> None:
        self.left = list(messages)
        self.acknowledged: list[str] = []
        self.downs = downs  # times that it cannot be reached
        self.most_out = 0
        self._out = 0

    async def open(self) -> None:
        self._out = 0
        if self.downs:
            self.downs -= 1
            raise BrokerLost("it cannot be reached: nobody is there")

    async def messages(self) -> AsyncIterator[QueueMessage]:
        for message in list(self.left):
            self._out += 1
            self.most_out = max(self.most_out, self._out)
            yield message
        await asyncio.Event().wait()

    async def acknowledge(self, message: QueueMessage) -> None:
        self._out -= 1
        self.left.remove(message)
        self.acknowledged.append(message.key)

    async def close(self) -> None:
        pass


class Letters:
    """An intake that remembers, or does as it is told."""

    def __init__(self, *troubles: Exception | None) -> None:
        self.troubles = list(troubles)
        self.asked: list[LetterRequest] = []
        self.kept: dict[str, LetterRequest] = {}

    async def accept(self, request: LetterRequest) -> AcceptedRequest:
        self.asked.append(request)
        await asyncio.sleep(0)
        trouble = self.troubles.pop(0) if self.troubles else None
        if trouble:
            raise trouble
        self.kept[request.key] = request
        return AcceptedRequest("id", "<m@x>", "accepted")


class Outcome(NamedTuple):
    source: Script
    dead: list[DeadLetter]
    said: list[str]


def message(key: str = "k", body: bytes = GOOD, *, is_again: bool = False) -> QueueMessage:
    return QueueMessage(body, key, is_again, None)


@pytest.fixture
def consume(tmp_path: Path) -> Callable[..., Outcome]:
    def run(source: Script, letters: Letters) -> Outcome:
        said: list[str] = []

        async def main() -> list[DeadLetter]:
            with closing(DeadLetters.open(URL, tmp_path)) as store:
                stopping = asyncio.Event()
                consumer = QueueConsumer(
                    source, "q", letters, store, SystemClock(), say=said.append, trouble_s=0.01
                )
                running = asyncio.create_task(consumer.run(stopping))
                async with asyncio.timeout(30):
                    while source.left:
                        await asyncio.sleep(0.005)
                stopping.set()
                await running
                return store.all()

        return Outcome(source, asyncio.run(main()), said)

    return run


def test_a_message_becomes_a_letter_with_its_key(consume: Callable[..., Outcome]) -> None:
    letters = Letters()
    found = consume(Script(message("a"), message("b")), letters)
    assert sorted(found.source.acknowledged) == ["a", "b"]
    assert {key: asked.template for key, asked in letters.kept.items()} == {
        "a": "code",
        "b": "code",
    }
    assert letters.asked[0].scope == "queue q"
    assert found.dead == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "Invalid JSON"),
        (b"[]", "object"),
        (b'{"template": "code"}', "to: Field required"),
        (GOOD[:-1] + b', "tenant": 1}', "tenant: Extra inputs"),
        (b"\xff\xfe", "Invalid JSON"),
    ],
)
def test_what_is_no_message_is_a_dead_letter_with_its_reason(
    consume: Callable[..., Outcome], body: bytes, reason: str
) -> None:
    found = consume(Script(message("bad", body), message("good")), letters := Letters())
    (dead,) = found.dead
    assert (dead.id, dead.body) == ("bad", body.decode("latin-1"))
    assert reason in dead.reason
    assert sorted(found.source.acknowledged) == ["bad", "good"]
    assert list(letters.kept) == ["good"]
    assert any("dead letter" in sentence for sentence in found.said)


def test_without_an_id_nobody_could_tell_a_repeat(consume: Callable[..., Outcome]) -> None:
    found = consume(Script(message("")), letters := Letters())
    assert "no id" in found.dead[0].reason
    assert letters.asked == []


def test_what_is_only_for_now_is_waited_for(consume: Callable[..., Outcome]) -> None:
    letters = Letters(
        BacklogFullError("full", retry_after_s=0.01), JournalError("the disk is full")
    )
    found = consume(Script(message()), letters)
    assert list(letters.kept) == ["k"]
    assert len(letters.asked) == 3
    assert found.dead == []
    assert found.said == [
        "q: no letters are accepted: full (come again in 0 s)",
        "q: no letters are accepted: the disk is full",
    ]


def test_poison_is_dead_after_five_tries(consume: Callable[..., Outcome]) -> None:
    letters = Letters(*[RuntimeError("a fault of ours")] * 9)
    found = consume(Script(message()), letters)
    assert len(letters.asked) == TRIES_MAX
    assert "after 5 tries: RuntimeError" in found.dead[0].reason


def test_what_kills_us_each_time_is_dead_after_five_times(
    consume: Callable[..., Outcome], tmp_path: Path
) -> None:
    with closing(DeadLetters.open(URL, tmp_path)) as store:
        assert [store.tried("q", "k") for _ in range(TRIES_MAX)] == [1, 2, 3, 4, 5]
    found = consume(Script(message(is_again=True)), letters := Letters())
    assert letters.asked == []
    assert "handed out 5 times" in found.dead[0].reason


def test_a_broker_that_is_away_is_waited_for(consume: Callable[..., Outcome]) -> None:
    found = consume(Script(message(), downs=1), letters := Letters())
    assert list(letters.kept) == ["k"]
    assert "it is tried again in 1 s" in found.said[0]
    assert found.said[1] == "q: the broker is there again"


def test_no_more_than_the_prefetch_is_taken_at_once(consume: Callable[..., Outcome]) -> None:
    source = Script(*(message(str(n)) for n in range(4 * PREFETCH)))
    consume(source, Letters())
    assert source.most_out <= PREFETCH + 1


def test_a_header_names_the_message_before_the_broker_does() -> None:
    assert key_of({"Idempotency-Key": "a"}, "b") == "a"
    assert key_of({"idempotency_key": b"a"}, b"b") == "a"
    assert key_of({"Idempotency-Key": ["a", "b"]}, "c") == "a"
    assert key_of({}, b"1-0") == "1-0"
    assert key_of({}, None) == ""


def test_dead_letters_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    campaign = open_campaign(tmp_path)
    assert main(["consume", "--dead", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "0 dead letters\n"
    with closing(DeadLetters.open(*campaign.journal)) as store:
        store.bury(DeadLetter("q", "id", "{", "Invalid JSON", 5.0))
    assert main(["consume", "--dead", str(tmp_path), "--json"]) == 1
    (dead,) = json.loads(capsys.readouterr().out)["dead"]
    assert (dead["id"], dead["reason"], dead["body"]) == ("id", "Invalid JSON", "{")


def test_dead_letters_become_letters_once_the_template_is_mended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    campaign = open_campaign(tmp_path)
    asked = {"template": "code", "to": "ada@example.com", "data": {"kode": "1"}}
    bodies = {"a": json.dumps(asked), "b": json.dumps(asked | {"to": "bob@example.com"}), "c": "{"}
    with closing(DeadLetters.open(*campaign.journal)) as store:
        for id_, body in bodies.items():
            store.bury(DeadLetter("q", id_, body, "it was wrong then", 5.0))
    assert main(["consume", "--dead", "--retry", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert "letters now: 0" in said.err
    assert "code.subject: 'code' is undefined" in said.out
    (tmp_path / "letters/code.txt").write_text("{{ kode }}", "utf-8")
    toml = (tmp_path / "campaign.toml").read_text("utf-8")
    (tmp_path / "campaign.toml").write_text(toml.replace("{{ code }} is", "This is"), "utf-8")
    assert main(["consume", "--dead", "--retry", "--id", "a", str(tmp_path)]) == 1
    assert "letters now: 1" in capsys.readouterr().err
    for _ in range(2):  # a second time there is nothing left to do
        assert main(["consume", "--dead", "--retry", str(tmp_path)]) == 1
    with closing(DeadLetters.open(*campaign.journal)) as store:  # the application sent it again
        store.bury(DeadLetter("q", "a", bodies["a"], "it was wrong then", 6.0))
    assert main(["consume", "--dead", "--retry", str(tmp_path)]) == 1
    with closing(Arrivals.open(*campaign.journal)) as arrivals:
        kept = [each.letter.address for each in arrivals.between(0, 10, FIRST, 10)]
    assert kept == ["ada@example.com", "bob@example.com"]
    capsys.readouterr()
    assert main(["consume", "--dead", "--drop", "--id", "x", str(tmp_path)]) == 64
    assert "no dead letter with the id x" in capsys.readouterr().err
    assert main(["consume", "--dead", "--drop", "--id", "c", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "0 dead letters\n"


def test_a_url_names_a_queue_and_shows_no_password() -> None:
    address = read_queue_url("amqp://app:s%40@mq.example/vhost?queue=letters")
    assert address.server == "amqp://mq.example:5672/vhost"
    assert (address.user, address.password, address.queue) == ("app", "s@", "letters")
    assert address.shown == "amqp://mq.example:5672 letters"
    assert read_queue_url("nats://h?queue=q", "secret").password == "secret"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqs://x/?queue=a", "not the url of a queue"),
        ("amqp://h:99999/?queue=a", "not the url of a queue"),
        ("redis://h/", "which queue"),
        ("redis://h/?queue=a&topic=b", "has no topic"),
    ],
)
def test_what_is_no_queue_is_said(url: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read_queue_url(url)


class Record(NamedTuple):
    topic: str
    partition: int
    offset: int
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


class Topic:
    """What aiokafka's consumer is to `KafkaSource`: records from the last place committed."""

    def __init__(self, records: list[Record]) -> None:
        self.records = records
        self.read = self.committed = 0

    async def start(self) -> None:
        self.read = self.committed

    async def stop(self) -> None:
        pass

    async def topics(self) -> set[str]:
        return {"t"}

    async def getmany(self, timeout_ms: int, max_records: int) -> dict[str, list[Record]]:
        await asyncio.sleep(0)
        batch = self.records[self.read : self.read + min(max_records, 3)]
        self.read += len(batch)
        return {"p": batch} if batch else {}

    async def commit(self) -> None:
        self.committed = self.read


def test_a_place_in_kafka_moves_when_the_whole_batch_is_kept(tmp_path: Path) -> None:
    topic = Topic([Record("t", 0, n, GOOD) for n in range(7)])
    letters = Letters()
    committed_at: list[int] = []
    commit = topic.commit

    async def watched() -> None:
        assert len(letters.kept) >= topic.read
        committed_at.append(len(letters.kept))
        await commit()

    topic.commit = watched  # type: ignore[method-assign]

    async def main() -> None:
        with closing(DeadLetters.open(URL, tmp_path)) as store:
            stopping = asyncio.Event()
            source = KafkaSource(
                read_queue_url("kafka://h/?queue=t"),
                lambda _: topic,  # type: ignore[arg-type]
            )
            consumer = QueueConsumer(source, "q", letters, store, SystemClock(), say=print)
            running: asyncio.Task[Any] = asyncio.create_task(consumer.run(stopping))
            async with asyncio.timeout(30):
                while topic.committed < 7:
                    await asyncio.sleep(0.005)
            stopping.set()
            await running

    asyncio.run(main())
    assert set(letters.kept) == {f"t:0:{n}" for n in range(7)}
    assert committed_at == [3, 6, 7]


def test_a_broker_of_kafka_that_answers_no_commit_is_said_and_the_batch_comes_again(
    tmp_path: Path,
) -> None:
    """aiokafka asks for ever who keeps the places of the group, when no broker is left."""
    topic = Topic([Record("t", 0, n, GOOD) for n in range(2)])
    letters = Letters()
    commit, tries, said = topic.commit, [0], []

    async def silent_at_first() -> None:
        tries[0] += 1
        if tries[0] == 1:
            await asyncio.Event().wait()
        await commit()

    topic.commit = silent_at_first  # type: ignore[method-assign]

    async def main() -> None:
        with closing(DeadLetters.open(URL, tmp_path)) as store:
            stopping = asyncio.Event()
            source = KafkaSource(
                read_queue_url("kafka://h/?queue=t"),
                lambda _: topic,  # type: ignore[arg-type]
                answer_s=0.01,
            )
            consumer = QueueConsumer(source, "q", letters, store, SystemClock(), say=said.append)
            running: asyncio.Task[Any] = asyncio.create_task(consumer.run(stopping))
            async with asyncio.timeout(30):
                while topic.committed < 2:
                    await asyncio.sleep(0.005)
            stopping.set()
            await running

    asyncio.run(main())
    assert set(letters.kept) == {"t:0:0", "t:0:1"}
    assert [line.split(";")[0] for line in said] == [
        "q: the broker has gone: no answer within 0.01 s",
        "q: the broker is there again",
    ]
