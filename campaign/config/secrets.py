"""A secret fetched from where campaign.toml says it is.

In: a `Secret` (env, file or command) and the campaign's folder.  Out: the text.
Touches: environment, one file, or one command; the secret itself is never printed.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

from campaign.config.settings import Secret
from campaign.errors import ConfigError

COMMAND_TIMEOUT_S = 30.0  # time to unlock a password manager


def read_secret(secret: Secret, folder: Path) -> str:
    """The secret without the line end behind it.

    Raises ConfigError, without a place, when it is unset, empty, unreadable, or lies in a file
    that others can read.
    """
    if secret.env is not None:
        return _from_environment(secret.env)
    if secret.file is not None:
        return _from_file(folder / Path(secret.file).expanduser())
    assert secret.command is not None
    return _from_command(secret.command, folder)


def _from_environment(name: str) -> str:
    text = os.environ.get(name)
    if text is None:
        raise ConfigError(
            f"the environment variable {name} is not set", remedy=f"export {name}=... first"
        )
    return _checked(text, f"the environment variable {name}", f"export {name}=... first")


def _from_file(file: Path) -> str:
    try:
        text = file.read_text(encoding="utf-8")
        mode = file.stat().st_mode
    except UnicodeDecodeError:
        raise ConfigError(
            f"the secrets file {file} is not UTF-8 text", remedy="write the secret into it"
        ) from None
    except OSError as trouble:
        raise ConfigError(
            f"the secrets file {file} cannot be read: {trouble.strerror}",
            remedy="write the secret into it, or correct the path",
        ) from None
    if os.name == "posix" and mode & 0o077:
        raise ConfigError(
            f"the secrets file {file} can be read by others (mode {mode & 0o777:o})",
            remedy=f"chmod 600 {shlex.quote(str(file))}",
        )
    return _checked(text, f"the secrets file {file}", "write the secret into it")


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
