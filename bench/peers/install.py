"""Where the peers come from: PyPI and npm into build/peers/, Debian by `.ci/install-peers`.

In: nothing.  Out: `Peer`s ready to be started, or with the reason why not.
Touches: build/peers/; pip, npm and javac, the first time.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from bench.machine import ROOT, said

HERE = Path(__file__).resolve().parent
BUILD = ROOT / "build" / "peers"
_JAVA = Path("/usr/share/java")
_JARS = [_JAVA / "jakarta-mail.jar", _JAVA / "jakarta-activation.jar"]
_PHPMAILER = Path("/usr/share/php/libphp-phpmailer")


class MissingError(Exception):
    """A peer is not on this machine and cannot be put there; the text says why."""


@dataclass(frozen=True)
class Peer:
    """A program that sends the letters.  `command` is followed by PORT and FOLDER."""

    name: str
    share: float  # of the messages that campaign sends: slow ones send fewer, for as long
    command: tuple[str, ...] = ()
    at_least: float | None = None  # how many times faster campaign is to be
    version: str = ""
    missing: str = ""  # why it cannot run
    arguments: Callable[[int, Path], list[str]] = lambda port, folder: [str(port), str(folder)]


def peers() -> list[Peer]:
    """All of them, the absent ones with their reason."""
    makers: list[tuple[Peer, Callable[[Peer], Peer]]] = [
        (Peer("Jakarta Mail, 10 threads", 0.5, at_least=2.5), _jakarta),
        (Peer("PHPMailer, keep-alive, 8 processes", 0.4), _phpmailer),
        (Peer("nodemailer pool, 2 processes", 0.3, at_least=5), _nodemailer),
        (Peer("smtplib kept connection, 2 processes", 0.1), _smtplib),
        (Peer("aiosmtplib, 10 connections, uvloop", 0.08), _aiosmtplib),
        (Peer("mailmerge", 0.05, at_least=25), _mailmerge),
    ]
    found = []
    for peer, make in makers:
        try:
            found.append(make(peer))
        except MissingError as why:
            found.append(replace(peer, missing=str(why)))
    return found


def _run(*command: str | Path) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        raise MissingError(f"{command[0]} is not installed") from None
    if done.returncode:
        raise MissingError((done.stderr or done.stdout).strip().splitlines()[-1])


def _python() -> Path:
    """An environment of its own for what comes from PyPI, with the Python that we run on."""
    python = BUILD / "python" / "bin" / "python"
    ours = said(sys.executable, "--version")
    if said(str(python), "--version") != ours or not (python.parent / "mailmerge").exists():
        shutil.rmtree(BUILD / "python", ignore_errors=True)
        _run(sys.executable, "-m", "venv", BUILD / "python")
        _run(python, "-m", "pip", "install", "-q", "mailmerge", "aiosmtplib", "uvloop", "jinja2")
    return python


def _version(python: Path, package: str) -> str:
    code = f"from importlib.metadata import version; print(version('{package}'))"
    return said(str(python), "-c", code)


def _smtplib(peer: Peer) -> Peer:
    python = _python()
    version = said(str(python), "--version")
    return replace(peer, command=(str(python), str(HERE / "smtplib_kept.py")), version=version)


def _aiosmtplib(peer: Peer) -> Peer:
    python = _python()
    command = (str(python), str(HERE / "aiosmtplib_pool.py"))
    return replace(peer, command=command, version=_version(python, "aiosmtplib"))


def _mailmerge(peer: Peer) -> Peer:
    python = _python()

    def arguments(port: int, folder: Path) -> list[str]:
        return [
            "--no-dry-run", "--no-limit", "--template", str(folder / "mailmerge.txt"),
            "--database", str(folder / "list.csv"), "--config", str(folder / "mailmerge.conf"),
        ]  # fmt: skip

    command = (str(python.parent / "mailmerge"),)
    version = _version(python, "mailmerge")
    return replace(peer, command=command, version=version, arguments=arguments)


def _nodemailer(peer: Peer) -> Peer:
    folder = BUILD / "node"
    package = folder / "node_modules" / "nodemailer" / "package.json"
    if not package.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _run("npm", "install", "--silent", "--no-fund", "--no-audit", "--prefix", folder,
             "nodemailer")  # fmt: skip
    shutil.copy(HERE / "nodemailer.js", folder)
    found = said("node", "-p", f"require('{package}').version")
    return replace(peer, command=("node", str(folder / "nodemailer.js")), version=found)


def _phpmailer(peer: Peer) -> Peer:
    if not _PHPMAILER.exists() or not shutil.which("php"):
        raise MissingError("not installed: .ci/install-peers")
    found = said("php", "-r", f"require '{_PHPMAILER}/autoload.php';"
                 "echo PHPMailer\\PHPMailer\\PHPMailer::VERSION;")  # fmt: skip
    return replace(peer, command=("php", str(HERE / "phpmailer.php")), version=found)


def _jakarta(peer: Peer) -> Peer:
    if not all(jar.exists() for jar in _JARS) or not shutil.which("javac"):
        raise MissingError("not installed: .ci/install-peers")
    classes = BUILD / "java"
    path = ":".join(map(str, (classes, *_JARS)))
    _run("javac", "-cp", path, "-d", classes, HERE / "JakartaMail.java")
    version = said("dpkg-query", "-W", "-f", "${Version}", "libjakarta-mail-java")
    return replace(peer, command=("java", "-cp", path, "JakartaMail"), version=version)
