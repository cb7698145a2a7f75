"""The render pool: every job gets its message, whatever becomes of the workers."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

import campaign
from campaign.addresses.tokens import UnsubscribeTokens
from campaign.errors import CampaignError, ConfigError, DriftError, TemplateError
from campaign.records import Job, Message
from campaign.rendering.render import RenderSpec, UnsubscribeSpec
from campaign.workers.pool import RenderPool
from campaign.workers.start import WorkerProcess, workers_ahead, workers_for
from campaign.workers.worker import WorkerLimits
from fakes.prepared.letters import all_of, job, parsed, spec, write

# 10,000,000,000 turns: only a limit ends it.
HANG = (
    "{% if cell == 'hang' %}{% for i in range(100000) %}{% for j in range(100000) %}"
    "{% endfor %}{% endfor %}{% endif %}{{ cell }}"
)
BOMB = "{{ '{:2000000000d}'.format(1) if cell == 'bomb' else cell }}"
LOOP_BOMB = (
    "{% set long = cell * 99999 %}"
    "{% if cell == 'bomb' %}{% for n in range(99999) %}{{ long }}{% endfor %}{% endif %}{{ cell }}"
)
DIED_TWICE = "render: the worker died twice (memory or time limit)"


def jobs(*cells: str) -> list[Job]:
    return [job({"cell": cell}, number) for number, cell in enumerate(cells, 1)]


def subjects(messages: list[Message]) -> list[str]:
    return [message.problem or parsed(message)["Subject"] for message in messages]


def run(
    spec: RenderSpec,
    use: Callable[[RenderPool], Awaitable[None]],
    workers: int = 1,
    limits: WorkerLimits | None = None,
    ahead: deque[WorkerProcess] | None = None,
) -> None:
    async def main() -> None:
        async with RenderPool(spec, workers=workers, limits=limits, ahead=ahead) as pool:
            await use(pool)

    asyncio.run(main())


def cells(folder: Path, subject: str = "{{ cell }}") -> RenderSpec:
    return spec(folder, ("cell",), subject=subject)


def is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_messages_come_in_the_order_of_the_jobs(tmp_path: Path) -> None:
    async def use(pool: RenderPool) -> None:
        batches = [jobs(*(f"{batch}-{row}" for row in range(50))) for batch in range(12)]
        found = await asyncio.gather(*(pool.render(batch) for batch in batches))
        for batch, messages in enumerate(found):
            assert subjects(messages) == [f"{batch}-{row}" for row in range(50)]
            assert [message.row for message in messages] == list(range(1, 51))

    run(cells(tmp_path), use, workers=2)


def test_a_letter_gets_its_unsubscribe_token_from_the_process_that_has_the_secret(
    tmp_path: Path,
) -> None:
    tokens = UnsubscribeTokens(["the secret of the tokens"])
    campaign = spec(
        tmp_path,
        ("cell",),
        subject="{{ unsubscribe_url }}",
        unsubscribe=UnsubscribeSpec("https://example.com/u", "", "news", tokens),
    )

    async def use(pool: RenderPool) -> None:
        (message,) = await pool.render(jobs("x"))
        token = tokens.token("news", "ada@example.com", "spring")
        assert parsed(message)["Subject"] == f"https://example.com/u?t={token}"

    run(campaign, use)


def test_a_check_says_all_about_the_messages_but_their_bytes(tmp_path: Path) -> None:
    async def use(pool: RenderPool) -> None:
        some = jobs("one", "", "three")
        rendered, checked = await pool.render(some), await pool.check(some)
        without = [Message(m.row, b"", m.size_bytes, m.needs_smtputf8, m.problem) for m in rendered]
        assert [all_of(message) for message in checked] == [all_of(message) for message in without]
        assert [message.size_bytes > 0 for message in checked] == [True, False, True]
        assert "the subject is empty" in checked[1].problem

    run(cells(tmp_path), use)


def test_letters_arrive_whole_whatever_their_size(tmp_path: Path) -> None:
    sizes = [10, 2_000_000, 0, 300_000, 300_000, 300_000, 300_000, 70_000, 1_100_000, 5]

    async def use(pool: RenderPool) -> None:
        many = [job({"cell": f"{n}{'x' * size}"}, n) for n, size in enumerate(sizes, 1)]
        for _ in range(3):
            found, backwards = await asyncio.gather(pool.render(many), pool.render(many[::-1]))
            assert [len(text(message)) for message in found] == [
                size + len(str(n)) for n, size in enumerate(sizes, 1)
            ]
            assert [message.wire for message in backwards] == [m.wire for m in found[::-1]]

    def text(message: Message) -> str:
        return str(parsed(message).get_content()).strip()

    write(tmp_path, "cell.txt", "{{ cell }}")
    run(spec(tmp_path, ("cell",), text="cell.txt"), use)


def test_no_jobs_are_no_messages(tmp_path: Path) -> None:
    async def use(pool: RenderPool) -> None:
        assert await pool.render([]) == []

    run(cells(tmp_path), use)


def test_a_row_that_cannot_be_rendered_has_its_reason(tmp_path: Path) -> None:
    async def use(pool: RenderPool) -> None:
        bad, good = await pool.render(jobs("", "x"))
        assert all_of(bad) == all_of(Message(1, b"", 0, False, "render: the subject is empty"))
        assert subjects([good]) == ["x"]

    run(cells(tmp_path), use)


def test_messages_larger_than_the_pipe_arrive_whole(tmp_path: Path) -> None:
    content = os.urandom(1_500_000)
    write(tmp_path, "big.bin", content)

    async def use(pool: RenderPool) -> None:
        for message in await pool.render(jobs("a", "b", "c")):
            (attachment,) = parsed(message).iter_attachments()
            assert attachment.get_payload(decode=True) == content

    run(spec(tmp_path, ("cell",), subject="{{ cell }}", attachments=["big.bin"]), use)


def test_a_machine_with_tables_of_media_types_renders_attachments_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Debian's /etc/mime.types, which Python reads and a confined worker may not."""
    table = tmp_path / "etc" / "mime.types"
    table.parent.mkdir()
    table.write_text("text/x-other txt\n")
    added = f"import mimetypes\nmimetypes.knownfiles.append({str(table)!r})\n"
    (tmp_path / "etc" / "sitecustomize.py").write_text(added)
    monkeypatch.setenv("PYTHONPATH", str(table.parent))
    (tmp_path / "c" / "files").mkdir(parents=True)
    (tmp_path / "c" / "files" / "a.txt").write_text("of a")

    async def use(pool: RenderPool) -> None:
        (message,) = await pool.render(jobs("a"))
        assert not message.problem
        (attachment,) = parsed(message).iter_attachments()
        assert attachment.get_content_type() == "text/plain"

    run(spec(tmp_path / "c", ("cell",), attachments=["files/{{ cell }}.txt"]), use)


def test_a_large_fixed_file_is_kept_once_for_all_workers(tmp_path: Path) -> None:
    write(tmp_path, "big.bin", os.urandom(100_000))

    async def use(pool: RenderPool) -> None:
        one, other = (process._shared for process in pool._processes)
        assert len(one) == 1
        assert one[0] is other[0]

    run(spec(tmp_path, ("cell",), attachments=["big.bin"]), use, workers=2)


def test_a_template_fault_is_raised_when_the_pool_is_entered(tmp_path: Path) -> None:
    write(tmp_path, "body.html", "a\n{{ ")
    with pytest.raises(TemplateError) as caught:
        run(spec(tmp_path, html="body.html"), lambda _: asyncio.sleep(0), workers=2)
    assert caught.value.place == "body.html:2"
    assert caught.value.exit_code == 78


def test_a_config_fault_is_raised_as_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"message\.headers: Bcc"):
        run(spec(tmp_path, headers={"Bcc": "x"}), lambda _: asyncio.sleep(0))


def test_a_worker_that_does_not_start_in_time_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(CampaignError, match=r"did not start: no answer within 0\.001 s"):
        run(cells(tmp_path), lambda _: asyncio.sleep(0), limits=WorkerLimits(start_s=0.001))


def test_a_row_that_hangs_costs_itself_only(tmp_path: Path) -> None:
    async def use(pool: RenderPool) -> None:
        found = await asyncio.gather(
            pool.render(jobs("a", "hang", "b")), pool.render(jobs("c")), pool.render(jobs("d"))
        )
        assert [subjects(messages) for messages in found] == [["a", DIED_TWICE, "b"], ["c"], ["d"]]

    run(cells(tmp_path, HANG), use, limits=WorkerLimits(wall_s=0.1))


def test_the_cpu_limit_ends_a_row_that_hangs(tmp_path: Path) -> None:
    async def use(pool: RenderPool) -> None:
        assert subjects(await pool.render(jobs("hang"))) == [DIED_TWICE]
        assert subjects(await pool.render(jobs("a"))) == ["a"]

    run(cells(tmp_path, HANG), use, limits=WorkerLimits(cpu_s=0))


def test_a_row_that_takes_too_long_is_told_with_its_line(tmp_path: Path) -> None:
    async def use(pool: RenderPool) -> None:
        before = pool.pids
        a, hang, b = subjects(await pool.render(jobs("a", "hang", "b")))
        assert (a, b) == ("a", "b")
        what = "it takes more than 0.1 s of processor time for one recipient"
        assert hang == f"render: message.subject:2: {what}"
        assert pool.pids == before  # the worker is none the worse for it

    run(cells(tmp_path, "\n" + HANG), use, limits=WorkerLimits(row_s=0.1))


def test_a_template_that_runs_away_ends_the_plan_after_a_few_rows(tmp_path: Path) -> None:
    write(tmp_path, "body.txt", "Hello\n" + HANG)

    async def use(pool: RenderPool) -> None:
        await pool.render(jobs("a", "b", *["hang"] * 100))

    runaway = spec(tmp_path, ("cell",), text="body.txt")
    with pytest.raises(TemplateError) as caught:
        run(runaway, use, workers=2, limits=WorkerLimits(row_s=0.1))
    assert str(caught.value) == (
        "body.txt:2: it takes more than 0.1 s of processor time for one recipient,"
        " for 3 recipients in a row (mend what repeats itself there)"
    )


def test_rows_that_end_their_workers_end_the_plan_too(tmp_path: Path) -> None:
    async def use(pool: RenderPool) -> None:
        await pool.render(jobs("a", *["hang"] * 50))

    with pytest.raises(TemplateError, match="3 recipients in a row, to row 4, each ended a render"):
        run(cells(tmp_path, HANG), use, limits=WorkerLimits(wall_s=0.1))


@pytest.mark.parametrize("limits", ["-v 900000", "-t 3000", "-f 3000"])
def test_a_worker_starts_within_the_limits_of_its_shell(tmp_path: Path, limits: str) -> None:
    write(tmp_path, "body.txt", "Hello {{ email }}\n")
    found = _under(limits, tmp_path)
    assert found.stdout == "ada@example.com\n", found.stderr


@pytest.mark.parametrize("limits", ["-v 250000", "-f 100"])
def test_limits_that_are_too_tight_are_named_with_a_remedy(tmp_path: Path, limits: str) -> None:
    write(tmp_path, "body.txt", "Hello {{ email }}\n")
    found = _under(limits, tmp_path)
    said = found.stdout.strip()
    assert said == "ada@example.com" or f"`ulimit {limits[:2]}` allows" in said, found.stderr


_RENDER_ONE = """
import asyncio, sys
from pathlib import Path
from campaign.errors import CampaignError
from campaign.workers.pool import RenderPool
from fakes.prepared.letters import job, parsed, spec

async def main():
    async with RenderPool(spec(Path(sys.argv[1]), text="body.txt"), workers=1) as pool:
        [message] = await pool.render([job()])
        print(message.problem or parsed(message)["To"])

try:
    asyncio.run(main())
except CampaignError as error:
    print(error)
"""


def _under(limits: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Render one letter in a process that a shell has limited, its own memory left as it was."""
    command = f'ulimit -S -H {limits} || exit 3; exec "$@"'
    run = [sys.executable, "-c", _RENDER_ONE, str(folder)]
    return subprocess.run(
        ["bash", "-c", command, "bash", *run],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
    )


@pytest.mark.parametrize("source", [BOMB, LOOP_BOMB])
def test_a_row_that_wants_too_much_memory_costs_itself_only(tmp_path: Path, source: str) -> None:
    async def use(pool: RenderPool) -> None:
        a, bomb, b = subjects(await pool.render(jobs("a", "bomb", "b")))
        assert (a, b) == ("a", "b")
        assert bomb.startswith("render: ")
        assert bomb.endswith("the template needs more memory than it may have")

    run(cells(tmp_path, source), use, limits=WorkerLimits(memory_bytes=500_000_000))


def test_a_worker_killed_from_outside_loses_nothing(tmp_path: Path) -> None:
    async def use(pool: RenderPool) -> None:
        for _ in range(5):
            under_way = [asyncio.create_task(pool.render(jobs(*"abcdef"))) for _ in range(8)]
            await asyncio.sleep(0)
            for pid in pool.pids:
                os.kill(pid, signal.SIGKILL)
            for messages in await asyncio.gather(*under_way):
                assert subjects(messages) == list("abcdef")
        assert len(pool.pids) == 2

    run(cells(tmp_path), use, workers=2)


def test_a_worker_that_dies_while_it_starts_costs_no_row(tmp_path: Path) -> None:
    async def use(pool: RenderPool) -> None:
        under_way = asyncio.create_task(pool.render(jobs("a")))
        await asyncio.sleep(0)
        for _ in range(2):  # the worker that has the row, then its successor
            (pid,) = pool.pids
            os.kill(pid, signal.SIGKILL)
            while pool.pids == [pid]:
                await asyncio.sleep(0.001)
        assert subjects(await under_way) == ["a"]

    run(cells(tmp_path), use)


def test_the_first_workers_are_replaced_when_they_die_while_they_start(tmp_path: Path) -> None:
    async def main() -> None:
        pool = RenderPool(cells(tmp_path), workers=2)
        opening = asyncio.create_task(pool.__aenter__())
        await asyncio.sleep(0)
        first = pool.pids
        for pid in first:
            os.kill(pid, signal.SIGKILL)
        await opening
        assert subjects(await pool.render(jobs("a"))) == ["a"]
        assert len(pool.pids) == 2
        assert not set(pool.pids) & set(first)
        await pool.close()

    asyncio.run(main())


def test_workers_that_always_die_while_they_start_are_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[int] = []

    class Doomed(WorkerProcess):
        def __init__(self) -> None:
            super().__init__()
            started.append(self.pid)
            os.kill(self.pid, signal.SIGKILL)

    monkeypatch.setattr("campaign.workers.pool.WorkerProcess", Doomed)
    with pytest.raises(CampaignError, match="did not start: it ended without a word"):
        run(cells(tmp_path), lambda _: asyncio.sleep(0))
    assert len(started) == 4


def test_a_row_that_only_waited_when_a_worker_died_may_die_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[int]] = []

    async def use(pool: RenderPool) -> None:
        attempt = pool._attempt

        async def dying(given: list[Job], is_check: bool) -> list[Message]:
            asked.append([job.row for job in given])
            dies = len(asked) == 1 or asked.count(asked[-1]) == 1
            return [] if dies else await attempt(given, is_check)

        monkeypatch.setattr(pool, "_attempt", dying)
        assert subjects(await pool.render(jobs("a", "b"))) == [DIED_TWICE, "b"]

    run(cells(tmp_path), use)
    assert asked == [[1, 2], [1], [2], [2]]


def test_a_template_edited_while_workers_run_reaches_nobody(tmp_path: Path) -> None:
    campaign_spec = spec(tmp_path, ("cell",), subject="{{ cell }}")
    text = tmp_path / "body.txt"
    planned = text.read_bytes()

    def has_read() -> None:
        if text.read_bytes() != planned:
            raise DriftError("changed since the plan was made: body.txt")

    async def main() -> None:
        async with RenderPool(campaign_spec, workers=1, has_read=has_read) as pool:
            assert subjects(await pool.render(jobs("a"))) == ["a"]
            text.write_text("SECOND")
            os.kill(pool.pids[0], signal.SIGKILL)
            with pytest.raises(DriftError, match=r"body\.txt"):
                await pool.render(jobs("b"))

    asyncio.run(main())


def test_a_worker_starts_where_no_larger_pipe_may_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = fcntl.fcntl

    def refuse(end: int, what: int, value: int) -> int:
        if what == fcntl.F_SETPIPE_SZ:
            raise PermissionError(errno.EPERM, "over pipe-user-pages-soft")
        return ask(end, what, value)

    async def use(pool: RenderPool) -> None:
        assert subjects(await pool.render(jobs("a"))) == ["a"]

    monkeypatch.setattr(fcntl, "fcntl", refuse)
    run(cells(tmp_path), use)


def test_there_are_no_more_workers_than_cores_that_we_may_use() -> None:
    one = {min(os.sched_getaffinity(0))}
    asked = (
        f"import os; os.sched_setaffinity(0, {one});"
        " from campaign.workers.start import worker_count;"
        " print(worker_count(), worker_count(3))"
    )
    found = subprocess.run([sys.executable, "-c", asked], check=True, capture_output=True)
    assert found.stdout == b"1 3\n"


def test_a_worker_that_would_have_nothing_to_do_is_not_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))
    rows = (0, 1, 200, 201, 1_600, 1_000_000)
    assert [workers_for(each) for each in rows] == [1, 1, 1, 2, 8, 8]
    assert [workers_for(each, 3) for each in rows] == [3] * len(rows)


def test_a_stopped_worker_is_replaced(tmp_path: Path) -> None:
    async def use(pool: RenderPool) -> None:
        (pid,) = pool.pids
        os.kill(pid, signal.SIGSTOP)
        assert subjects(await pool.render(jobs("a"))) == ["a"]
        assert pool.pids != [pid]

    run(cells(tmp_path), use, limits=WorkerLimits(wall_s=0.4))


def test_a_worker_that_is_kept_from_the_processor_is_not_taken_for_one_that_hangs(
    tmp_path: Path,
) -> None:
    """It is nice: of a processor that another process keeps busy it has one part in thirty."""
    slow = "{% for i in range(300) %}{% for j in range(3000) %}{% endfor %}{% endfor %}{{ cell }}"
    processor = min(os.sched_getaffinity(0))

    async def use(pool: RenderPool) -> None:
        before = pool.pids
        busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        try:
            for pid in (busy.pid, *before):
                os.sched_setaffinity(pid, {processor})
            assert subjects(await pool.render(jobs("a"))) == ["a"]
        finally:
            busy.kill()
            busy.wait()
        assert pool.pids == before

    run(cells(tmp_path, slow), use, limits=WorkerLimits(wall_s=0.4))


def test_workers_that_die_leave_no_descriptor_behind(tmp_path: Path) -> None:
    async def use(pool: RenderPool) -> None:
        await pool.render(jobs("a"))
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(5):
            os.kill(pool.pids[0], signal.SIGKILL)
            assert subjects(await pool.render(jobs("a"))) == ["a"]
        while len(os.listdir("/proc/self/fd")) > before:
            await asyncio.sleep(0.01)

    run(cells(tmp_path), use)


def test_a_cancelled_caller_disturbs_nobody(tmp_path: Path) -> None:
    async def use(pool: RenderPool) -> None:
        tasks = [asyncio.create_task(pool.render(jobs("a"))) for _ in range(9)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert subjects(await pool.render(jobs("b"))) == ["b"]

    run(cells(tmp_path), use)


def test_closing_leaves_no_process_behind(tmp_path: Path) -> None:
    async def main() -> None:
        pool = RenderPool(cells(tmp_path, HANG), workers=2)
        async with pool:
            pids = pool.pids
            hanging = asyncio.create_task(pool.render(jobs("hang")))
            waiting = [asyncio.create_task(pool.render(jobs("hang"))) for _ in range(9)]
            await asyncio.sleep(0.05)
        for task in [hanging, *waiting]:
            with pytest.raises(CampaignError, match="stopped"):
                await task
        with pytest.raises(CampaignError, match="stopped"):
            await pool.render(jobs("a"))
        assert not any(is_alive(pid) for pid in pids)

    asyncio.run(main())


def test_workers_have_no_secret_in_their_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMTP_PASSWORD", "hunter2")

    async def use(pool: RenderPool) -> None:
        environment = Path(f"/proc/{pool.pids[0]}/environ").read_bytes()
        assert b"PATH=" in environment
        assert b"hunter2" not in environment

    run(cells(tmp_path), use)


def test_workers_have_their_three_streams_and_the_shelf_and_nothing_else(tmp_path: Path) -> None:
    async def use(pool: RenderPool) -> None:
        folder = Path(f"/proc/{pool.pids[0]}/fd")
        open_files = {path.name: os.readlink(path) for path in folder.iterdir()}
        assert len(open_files) == 4
        assert sum(target.startswith("/memfd:letters") for target in open_files.values()) == 1
        assert not any(target.startswith("socket:") for target in open_files.values())

    run(cells(tmp_path), use)


def test_workers_are_confined_before_they_see_a_template(tmp_path: Path) -> None:
    async def use(pool: RenderPool) -> None:
        assert "NoNewPrivs:\t1" in Path(f"/proc/{pool.pids[0]}/status").read_text()

    run(cells(tmp_path), use)


def test_workers_do_not_load_what_they_do_not_need(tmp_path: Path) -> None:
    code = (
        "import sys, campaign.workers.worker;"
        "print({'pandas', 'sqlalchemy', 'typer', 'pydantic', 'asyncio', 'ssl', 'lxml',"
        " 'email_validator', 'dns'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "set()\n"


def test_workers_that_were_started_ahead_are_taken_before_others_are_started(
    tmp_path: Path,
) -> None:
    async def use(pool: RenderPool) -> None:
        assert pool.pids[:2] == pids
        assert len(pool.pids) == 3
        assert subjects(await pool.render(jobs("a", "b"))) == ["a", "b"]

    with workers_ahead(2) as ahead:
        pids = [worker.pid for worker in ahead]
        run(cells(tmp_path), use, workers=3, ahead=ahead)
        assert not ahead
    assert not any(map(is_alive, pids))


def test_workers_that_nobody_took_are_ended() -> None:
    with workers_ahead(2) as ahead:
        pids = [worker.pid for worker in ahead]
        assert all(map(is_alive, pids))
    assert not any(map(is_alive, pids))


def test_a_worker_that_died_before_it_was_taken_is_replaced(tmp_path: Path) -> None:
    async def use(pool: RenderPool) -> None:
        assert subjects(await pool.render(jobs("a"))) == ["a"]
        assert pool.pids != [dead.pid]

    with workers_ahead(1) as ahead:
        (dead,) = ahead
        os.kill(dead.pid, signal.SIGKILL)
        dead.wait()
        run(cells(tmp_path), use, ahead=ahead)


def test_where_no_worker_can_be_started_one_sentence_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    descriptors = os.listdir("/proc/self/fd")
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(CampaignError, match="a render worker cannot be started: No such file"):
        WorkerProcess()
    assert os.listdir("/proc/self/fd") == descriptors


def test_a_worker_that_nobody_talks_to_ends_by_itself() -> None:
    worker = [sys.executable, "-m", "campaign.workers.worker"]
    done = subprocess.run(worker, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_signals_of_the_terminal_do_not_end_a_worker(
    tmp_path: Path, number: signal.Signals
) -> None:
    async def use(pool: RenderPool) -> None:
        pids = pool.pids
        os.kill(pids[0], number)
        assert subjects(await pool.render(jobs("a"))) == ["a"]
        assert pool.pids == pids
        assert os.getpgid(pids[0]) != os.getpgid(0)

    run(cells(tmp_path), use)


def test_workers_give_way_to_the_process_that_started_them(tmp_path: Path) -> None:
    async def use(pool: RenderPool) -> None:
        await pool.render(jobs("a"))
        (pid,) = pool.pids
        assert os.getpriority(os.PRIO_PROCESS, pid) > os.getpriority(os.PRIO_PROCESS, 0)
        # Linux weighs niceness only among processes of one session (sched(7), autogroup).
        assert os.getsid(pid) == os.getsid(0)

    run(cells(tmp_path), use)


def test_workers_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    code = f"""
import asyncio, pathlib, time
from campaign.workers.confinement import landlock_version
from campaign.workers.pool import RenderPool
from fakes.prepared.letters import spec, job
async def main():
    async with RenderPool(spec(pathlib.Path({str(tmp_path)!r})), workers=2) as pool:
        print(*pool.pids, flush=True)
        time.sleep(60)
asyncio.run(main())
"""
    paths = [str(Path(campaign.__file__).parent.parent), str(Path(__file__).parent.parent)]
    parent = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
    )
    assert parent.stdout
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(pids) == 2
    parent.kill()
    parent.communicate()
    while any(is_alive(pid) for pid in pids):
        time.sleep(0.01)
