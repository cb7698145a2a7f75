"""The signers: every letter comes back signed, or none leaves."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

import campaign
from campaign.errors import CampaignError, ConfigError
from campaign.records import Message
from campaign.signing.signature import signatures
from campaign.signing.spec import KeyPlace, SignatureSpec, SigningSpec
from campaign.workers.pool import RenderPool
from campaign.workers.signing.signers import Signers, look_at_keys
from fakes.clock import FakeClock
from fakes.mail.dkim_keys import ed25519_key, ed25519_signer, rsa_key, rsa_signer
from fakes.prepared.letters import all_of, job, spec, write

HEAD = b"From: ada@example.com\r\nTo: bob@example.org\r\nSubject: %d\r\n\r\n"


def signing(folder: Path, *entries: SignatureSpec) -> SigningSpec:
    for name, pem in (("rsa.pem", rsa_key().pem), ("ed.pem", ed25519_key().pem)):
        write(folder, name, pem).chmod(0o600)
    usual = SignatureSpec("example.com", "e1", KeyPlace(file="ed.pem"))
    return SigningSpec(str(folder), entries or (usual,))


def letters(count: int, size: int = 1000) -> list[Message]:
    wires = [HEAD % number + b"x" * (size - 2) + b"\r\n" for number in range(count)]
    return [Message(at, wire, len(wire), False) for at, wire in enumerate(wires, 1)]


def run(spec: SigningSpec, use: Callable[[Signers], Awaitable[None]], count: int = 2) -> None:
    async def main() -> None:
        async with Signers(spec, count=count, clock=FakeClock()) as signers:
            await use(signers)

    asyncio.run(main())


def test_every_letter_comes_back_with_its_own_signature(tmp_path: Path) -> None:
    async def use(signers: Signers) -> None:
        batches = [letters(30, 100 + batch) for batch in range(20)]
        found = await asyncio.gather(*map(signers.sign, batches))
        for batch, signed in zip(batches, found, strict=True):
            for before, after in zip(batch, signed, strict=True):
                fields = signatures(before.wire, [ed25519_signer()])
                assert after.wire == fields + before.wire
                assert after.size_bytes == len(after.wire)
                assert after.row == before.row

    run(signing(tmp_path), use)


def test_letters_arrive_whole_whatever_their_size(tmp_path: Path) -> None:
    sizes = [10, 2_500_000, 300_000, 300_000, 300_000, 300_000, 1_100_000, 5, 40]

    async def use(signers: Signers) -> None:
        batch = [letters(1, size)[0] for size in sizes]
        for _ in range(3):
            one, two = await asyncio.gather(signers.sign(batch), signers.sign(batch[::-1]))
            for signed in (one, two[::-1]):
                assert [each.wire for each in signed] == [
                    signatures(each.wire, [ed25519_signer()]) + each.wire for each in batch
                ]

    run(signing(tmp_path), use, count=1)


def test_what_has_a_problem_stays_as_it_is(tmp_path: Path) -> None:
    async def use(signers: Signers) -> None:
        bad = Message(7, b"", 0, False, "render: the subject is empty")
        first, second, third = await signers.sign([bad, *letters(1), bad])
        assert all_of(first) == all_of(third) == all_of(bad)
        assert second.wire.startswith(b"DKIM-Signature: ")
        assert await signers.sign([bad]) == [bad]
        assert await signers.sign([]) == []

    run(signing(tmp_path), use)


def test_a_letter_carries_a_signature_of_each_entry(tmp_path: Path) -> None:
    both = signing(
        tmp_path,
        SignatureSpec("example.com", "s1", KeyPlace(file="rsa.pem")),
        SignatureSpec("example.com", "e1", KeyPlace(file="ed.pem")),
    )

    async def use(signers: Signers) -> None:
        (signed,) = await signers.sign(letters(1))
        (before,) = letters(1)
        fields = signatures(before.wire, [rsa_signer(), ed25519_signer()])
        assert signed.wire == fields + before.wire
        assert signers.notes == []

    run(both, use)


def test_a_key_is_asked_for_once_however_many_sign(tmp_path: Path) -> None:
    command = f"sh -c 'echo asked >> {tmp_path}/asked; cat {tmp_path}/ed.pem'"
    entry = SignatureSpec("example.com", "e1", KeyPlace(command=command))

    async def use(signers: Signers) -> None:
        await asyncio.gather(*(signers.sign(letters(5)) for _ in range(16)))

    run(signing(tmp_path, entry), use, count=4)
    assert (tmp_path / "asked").read_text() == "asked\n"


def test_a_key_may_stand_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DKIM_KEY", ed25519_key().pem)
    entry = SignatureSpec("example.com", "e1", KeyPlace(env="DKIM_KEY"))

    async def use(signers: Signers) -> None:
        (signed,) = await signers.sign(letters(1))
        assert signed.wire.startswith(signatures(letters(1)[0].wire, [ed25519_signer()]))

    run(signing(tmp_path, entry), use)


def test_an_end_is_counted_from_the_time_of_signing(tmp_path: Path) -> None:
    entry = SignatureSpec("example.com", "e1", KeyPlace(file="ed.pem"), 3600.0)
    at_s = int(FakeClock().now_s())

    async def use(signers: Signers) -> None:
        (signed,) = await signers.sign(letters(1))
        assert b" t=%d; x=%d;" % (at_s, at_s + 3600) in signed.wire

    run(signing(tmp_path, entry), use)


@pytest.mark.parametrize(
    ("key", "why"),
    [
        (KeyPlace(file="none.pem"), "cannot be read"),
        (KeyPlace(env="NO_SUCH_KEY"), "NO_SUCH_KEY is not set"),
        (KeyPlace(command="echo hello"), "not a private key"),
        (KeyPlace(command="false"), "exit code 1"),
    ],
)
def test_a_key_that_cannot_sign_is_refused_by_name(tmp_path: Path, key: KeyPlace, why: str) -> None:
    bad = signing(tmp_path, SignatureSpec("example.com", "s9", key))
    with pytest.raises(ConfigError, match=f"s9 of example.com: .*{why}") as refused:
        asyncio.run(look_at_keys(bad))
    assert refused.value.exit_code == 78


def test_a_short_key_is_noted(tmp_path: Path) -> None:
    write(tmp_path, "short.pem", rsa_key(1024).pem).chmod(0o600)
    short = SignatureSpec("example.com", "s1", KeyPlace(file="short.pem"))
    (note,) = asyncio.run(look_at_keys(signing(tmp_path, short)))
    assert "s1 of example.com: 1024 bits are few" in note


def children_of(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]


@pytest.mark.parametrize("which", ["first", "other"])
def test_when_a_signer_is_lost_nothing_is_signed_any_more(tmp_path: Path, which: str) -> None:
    async def use(signers: Signers) -> None:
        await asyncio.gather(*(signers.sign(letters(1)) for _ in range(8)))
        (other,) = children_of(signers.pid)
        os.kill(signers.pid if which == "first" else other, signal.SIGKILL)

        async def go_on() -> None:
            while True:
                await signers.sign(letters(1))

        with pytest.raises(CampaignError, match="a signer is lost") as lost:
            await go_on()
        assert "resume" in lost.value.remedy
        with pytest.raises(CampaignError, match="a signer is lost"):
            await signers.sign(letters(1))

    run(signing(tmp_path), use)


def is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until_gone(pids: list[int]) -> None:
    while any(map(is_alive, pids)):
        time.sleep(0.005)


def test_signers_end_when_they_are_closed_and_what_they_are_at_says_so(tmp_path: Path) -> None:
    pids: list[int] = []

    async def use(signers: Signers) -> None:
        pids.extend([signers.pid, *children_of(signers.pid)])
        under_way = asyncio.ensure_future(signers.sign(letters(100, 100_000)))
        await asyncio.sleep(0)
        signers.close()
        with pytest.raises(CampaignError, match="the signers were stopped"):
            await under_way

    run(signing(tmp_path), use, count=3)
    assert len(pids) == 3
    wait_until_gone(pids)


def test_signers_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    signing(tmp_path)
    code = f"""
import asyncio, time
from campaign.signing.spec import *
from campaign.workers.signing.signers import Signers
entry = SignatureSpec("example.com", "e1", KeyPlace(file="ed.pem"))
async def main():
    async with Signers(SigningSpec({str(tmp_path)!r}, (entry,)), count=2) as signers:
        print(signers.pid, open(f"/proc/{{signers.pid}}/task/{{signers.pid}}/children").read())
        print(flush=True)
        time.sleep(60)
asyncio.run(main())
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(campaign.__file__).parent.parent)},
    )
    assert parent.stdout
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(pids) == 2
    parent.kill()
    parent.communicate()
    wait_until_gone(pids)


def test_signers_load_no_templates_and_no_settings() -> None:
    code = (
        "import sys, campaign.workers.signing.signer;"
        "print({'jinja2', 'pydantic', 'asyncio', 'typer', 'pandas', 'sqlalchemy', 'dns'}"
        " & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "set()\n"


def test_a_render_pool_signs_what_it_renders_and_measures_what_it_checks(tmp_path: Path) -> None:
    async def main() -> None:
        pool = RenderPool(spec(tmp_path), workers=2, signing=signing(tmp_path))
        async with pool:
            jobs = [job(number=number) for number in range(1, 20)]
            checked, rendered = await pool.check(jobs), await pool.render(jobs)
            assert all(each.wire.startswith(b"DKIM-Signature: ") for each in rendered)
            assert [each.wire for each in checked] == [b""] * len(jobs)
            assert [each.size_bytes for each in checked] == [len(each.wire) for each in rendered]

    asyncio.run(main())


def test_a_render_pool_without_its_key_does_not_start(tmp_path: Path) -> None:
    bad = signing(tmp_path, SignatureSpec("example.com", "s1", KeyPlace(file="none.pem")))

    async def main(*, may_be_unsigned: bool) -> list[str]:
        notes: list[str] = []
        async with RenderPool(
            spec(tmp_path), workers=1, signing=bad, may_be_unsigned=may_be_unsigned,
            on_note=notes.append,
        ) as pool:  # fmt: skip
            (message,) = await pool.render([job()])
            assert not message.wire.startswith(b"DKIM-Signature")
        return notes

    with pytest.raises(ConfigError, match="cannot be read"):
        asyncio.run(main(may_be_unsigned=False))
    (note,) = asyncio.run(main(may_be_unsigned=True))
    assert note.startswith("letters are shown without their signature: ")
