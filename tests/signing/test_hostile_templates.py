"""A template that broke out of its sandbox finds no key, wherever the key comes from.

`fakes/escaped` is such a template: it runs inside a real render worker, looks through files,
environments, descriptors and memory, and says in place of a letter where it found a key.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import campaign
from campaign.workers.confinement import landlock_version
from fakes.mail.dkim_keys import ed25519_key
from fakes.prepared.letters import write

TESTS = Path(__file__).parent.parent
ROOT = Path(campaign.__file__).parent.parent
NOBODY = 65534
KEYS = {
    "file": 'KeyPlace(file="key.pem")',
    "environment": 'KeyPlace(env="DKIM_KEY")',
    "command": 'KeyPlace(command="cat ../elsewhere/key.pem")',
}
DRIVER = """
import asyncio, pathlib, sys
from campaign.signing.spec import KeyPlace, SignatureSpec, SigningSpec
from campaign.workers.pool import RenderPool
import dataclasses
from fakes.prepared.letters import job, spec
folder = pathlib.Path(sys.argv[1])
signing = SigningSpec(str(folder), (SignatureSpec("example.com", "e1", {key}),))
made = dataclasses.replace(spec(folder), hidden=(str(folder / "key.pem"),))
async def main():
    async with RenderPool(made, workers=1, signing=signing) as pool:
        (message,) = await pool.render([job()])
        print(message.problem or message.wire[:15].decode())
asyncio.run(main())
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A campaign of the user `nobody`, with the key beside its templates."""
    with tempfile.TemporaryDirectory(prefix="campaign-hostile-", dir="/var/tmp") as name:
        made = Path(name).resolve() / "spring"
        write(made, "body.txt", "Hello.\n")
        write(made.parent, "elsewhere/key.pem", ed25519_key().pem)
        write(made, "key.pem", ed25519_key().pem)
        for path in (made.parent, *made.parent.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o600)
            if os.geteuid() == 0:
                os.chown(path, NOBODY, NOBODY)
        yield made


def said(folder: Path, source: str, *paths: str, as_nobody: bool = False) -> str:
    """What the driver prints, with the key in its environment from the start."""
    names = [str(ROOT), str(TESTS), *paths]
    environment = {"DKIM_KEY": ed25519_key().pem} if source == "environment" else {}
    if source != "file":
        (folder / "key.pem").unlink()
    done = subprocess.run(
        [sys.executable, "-c", DRIVER.format(key=KEYS[source]), str(folder)],
        capture_output=True,
        text=True,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(names), **environment},
        user=NOBODY if as_nobody else None,
        group=NOBODY if as_nobody else None,
    )
    assert not done.returncode, done.stderr
    return done.stdout.strip()


ESCAPED = str(TESTS / "fakes" / "escaped")


@pytest.mark.skipif(not landlock_version(), reason="this kernel has no Landlock")
@pytest.mark.parametrize("source", KEYS)
def test_it_finds_no_key(folder: Path, source: str) -> None:
    assert said(folder, source, ESCAPED) == "looked"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody who is not")
@pytest.mark.parametrize("source", ["environment", "command"])
def test_without_landlock_it_finds_none_in_environments_and_memory(
    folder: Path, source: str
) -> None:
    """Processes of the same user hide theirs."""
    assert said(folder, source, ESCAPED, "/NO_LANDLOCK", as_nobody=True) == "looked"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody who is not")
def test_without_landlock_python_opens_no_file_of_a_key(folder: Path) -> None:
    """Only machine code that was brought in could."""
    assert said(folder, "file", ESCAPED, "/NO_LANDLOCK", as_nobody=True) == "looked"


@pytest.mark.parametrize("source", KEYS)
def test_the_letters_are_signed_meanwhile(folder: Path, source: str) -> None:
    assert said(folder, source) == "DKIM-Signature:"


CONTROL = """
import importlib.util, sys
found = importlib.util.spec_from_file_location("escaped", sys.argv[1] + "/sitecustomize.py")
escaped = importlib.util.module_from_spec(found)
found.loader.exec_module(escaped)
print(*escaped.found(sys.argv[2], escaped.own_memory()))
"""


def test_without_any_wall_it_finds_a_key_in_each_place(folder: Path) -> None:
    """Or else the tests before would say nothing."""
    done = subprocess.run(
        [sys.executable, "-c", CONTROL, ESCAPED, str(folder)],
        capture_output=True,
        text=True,
        check=True,
        env={"DKIM_KEY": ed25519_key().pem},
    )
    hits = done.stdout
    for place in (str(folder / "key.pem"), "/environ", "DKIM_KEY", "memory of "):
        assert place in hits, hits
