"""A secret fetched from where campaign.toml says it is.

In: a `Secret` (env, file or command) and the campaign's folder.  Out: the text.
Touches: environment, one file, or one command; the secret itself is never printed.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path
from typing import Protocol

from campaign.errors import ConfigError

COMMAND_TIMEOUT_S = 30.0  # time to unlock a password manager


class SecretPlace(Protocol):
    """`Secret` of the settings, or the same without pydantic, which signers do without."""

    @property
    def env(self) -> str | None: ...
    @property
    def file(self) -> str | None: ...
    @property
    def command(self) -> str | None: ...


def read_secret(secret: SecretPlace, folder: Path) -> str:
    """The secret without the line end behind it.

    Raises ConfigError, without a place, when it is unset, empty, unreadable, or lies in a file
    that others can read.
    """
    if secret.env is not None:
        return _from_environment(secret.env)
    if secret.file is not None:
        return _from_file(secret_file(secret.file, folder))
    assert secret.command is not None
    return _from_command(secret.command, folder)


def look_for_secret(secret: SecretPlace, folder: Path) -> None:
    """Raises ConfigError where `read_secret` surely would; the secret itself is not read.

    For keys that must not come into this process.  What a command prints is not known.
    """
    if secret.env is not None and secret.env not in os.environ:
        _from_environment(secret.env)
    if secret.file is not None:
        _refuse_open(secret_file(secret.file, folder))


def secret_file(name: str, folder: Path) -> Path:
    """Where a file named in the config lies."""
    return folder / Path(name).expanduser()


def _from_environment(name: str) -> str:
    text = os.environ.get(name)
    if text is None:
        raise ConfigError(
            f"the environment variable {name} is not set", remedy=f"export {name}=... first"
        )
    return _checked(text, f"the environment variable {name}", f"export {name}=... first")


def _from_file(file: Path) -> str:
    _refuse_open(file)
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ConfigError(
            f"the secrets file {file} is not UTF-8 text", remedy="write the secret into it"
        ) from None
    except OSError as trouble:
        raise _unreadable(file, trouble) from None
    return _checked(text, f"the secrets file {file}", "write the secret into it")


def _refuse_open(file: Path) -> None:
    """Raises ConfigError where it is not there, or others may read it."""
    try:
        mode = file.stat().st_mode
    except OSError as trouble:
        raise _unreadable(file, trouble) from None
    if os.name == "posix" and mode & 0o077:
        raise ConfigError(
            f"the secrets file {file} can be read by others (mode {mode & 0o777:o})",
            remedy=f"chmod 600 {shlex.quote(str(file))}",
        )


def _unreadable(file: Path, trouble: OSError) -> ConfigError:
    return ConfigError(
        f"the secrets file {file} cannot be read: {trouble.strerror}",
        remedy="write the secret into it, or correct the path",
    )


def _from_command(command: str, folder: Path) -> str:
    remedy = "run it by hand to see what it says"
    try:
        done = subprocess.run(
            shlex.split(command),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ConfigError(
            f"the command '{command}' gave no secret within {COMMAND_TIMEOUT_S:.0f} s",
            remedy=remedy,
        ) from None
    except (OSError, ValueError) as trouble:  # not there, not executable; an open quote
        raise ConfigError(
            f"the command '{command}' cannot be run: {trouble}", remedy="correct the command"
        ) from None
    if done.returncode != 0:
        raise ConfigError(
            f"the command '{command}' ended with exit code {done.returncode}", remedy=remedy
        )
    try:
        text = done.stdout.decode()
    except UnicodeDecodeError:
        raise ConfigError(f"the command '{command}' printed no text", remedy=remedy) from None
    return _checked(text, f"the command '{command}'", remedy)


def _checked(text: str, origin: str, remedy: str) -> str:
    stripped = text.rstrip("\r\n")
    if not stripped.strip():
        raise ConfigError(f"the secret from {origin} is empty", remedy=remedy)
    return stripped
