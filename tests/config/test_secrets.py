"""Secrets from environment, file and command."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from campaign.config import secrets
from campaign.config.secrets import read_secret
from campaign.config.settings import Secret
from campaign.errors import ConfigError


def refusal(secret: Secret, folder: Path) -> tuple[str, str]:
    with pytest.raises(ConfigError) as caught:
        read_secret(secret, folder)
    return caught.value.what, caught.value.remedy


def test_a_secret_comes_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPRING_SECRET", " geheim \n")
    assert read_secret(Secret(env="SPRING_SECRET"), tmp_path) == " geheim "


def test_an_unset_variable_is_named(tmp_path: Path) -> None:
    assert refusal(Secret(env="NOT_SET_ANYWHERE"), tmp_path) == (
        "the environment variable NOT_SET_ANYWHERE is not set",
        "export NOT_SET_ANYWHERE=... first",
    )


def test_an_empty_variable_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPRING_SECRET", "")
    what, _ = refusal(Secret(env="SPRING_SECRET"), tmp_path)
    assert what == "the secret from the environment variable SPRING_SECRET is empty"


def test_a_secrets_file_is_relative_to_the_campaign(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("geheim\r\n")
    file.chmod(0o600)
    assert read_secret(Secret(file="password"), tmp_path) == "geheim"
    assert read_secret(Secret(file=str(file)), Path("/nowhere")) == "geheim"


def test_a_secrets_file_that_others_can_read_is_refused_with_the_chmod(tmp_path: Path) -> None:
    file = tmp_path / "pass word"
    file.write_text("geheim")
    file.chmod(0o640)
    what, remedy = refusal(Secret(file="pass word"), tmp_path)
    assert what == f"the secrets file {file} can be read by others (mode 640)"
    assert remedy == f"chmod 600 '{file}'"


def test_a_secrets_file_that_is_not_there_or_empty_is_named(tmp_path: Path) -> None:
    what, _ = refusal(Secret(file="none"), tmp_path)
    assert what == f"the secrets file {tmp_path / 'none'} cannot be read: No such file or directory"
    (tmp_path / "none").touch(0o600)
    assert refusal(Secret(file="none"), tmp_path)[0].endswith("is empty")


def test_a_secret_comes_from_a_command_run_in_the_campaign_folder(tmp_path: Path) -> None:
    (tmp_path / "give.py").write_text("print('geheim; echo $HOME')")
    secret = Secret(command=f"{sys.executable} give.py")
    assert read_secret(secret, tmp_path) == "geheim; echo $HOME"


def test_a_command_sees_no_shell(tmp_path: Path) -> None:
    assert read_secret(Secret(command="echo $HOME; id"), tmp_path) == "$HOME; id"


def test_a_command_that_fails_or_says_nothing_is_named(tmp_path: Path) -> None:
    assert refusal(Secret(command="false"), tmp_path)[0] == (
        "the command 'false' ended with exit code 1"
    )
    assert refusal(Secret(command="true"), tmp_path)[0] == (
        "the secret from the command 'true' is empty"
    )
    assert "cannot be run" in refusal(Secret(command="no-such-program"), tmp_path)[0]
    assert "cannot be run" in refusal(Secret(command="echo 'open"), tmp_path)[0]


def test_a_command_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "COMMAND_TIMEOUT_S", 0.05)
    assert "gave no secret within" in refusal(Secret(command="sleep 5"), tmp_path)[0]
