"""The likeliest mistakes of a newcomer, each answered with its line and what to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from campaign.cli.main import main
from campaign.config.loader import load
from campaign.errors import ConfigErrors

CONFIG = """\
name = "spring"
[recipients]
files = ["list.csv"]
name = "{{ first_name }}"
[message]
from = "Ada <ada@example.com>"
subject = "Hello {{ first_name }}"
text = "body.txt"
[relay]
host = "smtp.example.com"
"""
TOKENS = '[unsubscribe]\nurl = "https://example.com/u"\nsecret = { env = "CAMPAIGN_SECRET" }\n'

Plan = Callable[..., tuple[int, str]]


@pytest.fixture
def plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Plan:
    """plan(old, new, more="", body=..., options=()) -> exit code and stderr of `campaign plan`."""

    def planned(
        old: str = "",
        new: str = "",
        more: str = "",
        body: bytes = b"Hi {{ first_name }}\n",
        options: Sequence[str] = (),
    ) -> tuple[int, str]:
        assert old in CONFIG
        (tmp_path / "campaign.toml").write_text(CONFIG.replace(old, new) + more)
        (tmp_path / "list.csv").write_text("email,first_name,First Name\na@example.com,Ada,A\n")
        (tmp_path / "body.txt").write_bytes(body)
        code = main(["plan", str(tmp_path), "--workers", "1", *options])
        told = capsys.readouterr()
        (tmp_path / "told").write_text(told.out)
        return code, told.err

    return planned


@pytest.fixture
def last_lines(tmp_path: Path) -> Callable[[], str]:
    """What the last plan said that is to be done next, with the folder's name left out."""

    def read() -> str:
        return (
            (tmp_path / "told").read_text().rpartition("\n\nNext: ")[2].replace(f"{tmp_path}/", "")
        )

    return read


@pytest.mark.parametrize(
    ("subject", "what"),
    [
        ("Hello {{ first_name", "close it with }}"),
        ("Hello {{ first_name }", "close it with }}"),
        ("{{ First Name }}", r'columns["First Name"]'),
        ("{{ first_name | upcase }}", "did you mean upper?"),
        ("{{ frist_name }}", "did you mean 'first_name'?"),
    ],
)
def test_a_template_in_the_config_is_blamed_by_its_line_there(
    plan: Plan, subject: str, what: str
) -> None:
    code, told = plan("Hello {{ first_name }}", subject)
    assert code == 78
    assert "campaign.toml:7: subject: " in told
    assert what in told


@pytest.mark.parametrize("options", [(), ("--no-render",)])
def test_a_template_that_does_not_compile_is_told_also_where_nothing_is_rendered(
    plan: Plan, options: tuple[str, ...]
) -> None:
    code, told = plan("Hello {{ first_name }}", "{{ first_name|upcase }}", options=options)
    where = "campaign.toml:7: subject: No filter named 'upcase'. (did you mean upper?)"
    assert (code, where in told) == (78, True)
    code, told = plan(body=b"x\n{{ first_name is odder }}\n", options=options)
    assert (code, "body.txt:2: No test named 'odder'." in told) == (78, True)


def test_so_is_the_template_of_the_name(plan: Plan) -> None:
    code, told = plan('name = "{{ first_name }}"', 'name = "{{ first_name"')
    assert (code, "campaign.toml:4: name: " in told) == (78, True)


def test_a_row_that_such_a_template_cannot_be_filled_for_is_told_by_that_line(plan: Plan) -> None:
    """In the list of skips too, and where the text has several lines."""
    code, told = plan("Hello {{ first_name }}", "{{ 1 // (first_name|length - 3) }}")
    assert code == 65
    assert "campaign.toml:7: subject: ZeroDivisionError" in told
    code, told = plan('"Hello {{ first_name }}"', '"""\nHi\n{{ nobody }}"""')
    assert code == 78
    assert "campaign.toml:9: subject: 'nobody' is not a column" in told


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"x\n{{ first_name }\n", "body.txt:2: unexpected '}' (close it with }})"),
        (
            b"x\n{{ first_name|datee }}\n",
            "body.txt:2: No filter named 'datee'. (did you mean date?",
        ),
        ("{{ first_name }} 你好".encode("gb18030"), "body.txt:1: is not UTF-8 (save it as UTF-8)"),
    ],
)
def test_a_template_file_says_what_to_do(plan: Plan, body: bytes, what: str) -> None:
    code, told = plan(body=body)
    assert code == 78
    assert what in told


def test_what_a_run_will_miss_is_told_at_plan(plan: Plan, last_lines: Callable[[], str]) -> None:
    login = 'username = "ada"\npassword = { env = "SMTP_PASSWORD" }\n'
    code, told = plan(more=login)
    assert code == 0
    assert "warning: " in told
    password = "campaign.toml:12: password: the environment variable SMTP_PASSWORD is not set"
    assert password in told
    assert f"would refuse to send, until this is mended:\n  {password}" in last_lines()
    code, told = plan('[relay]\nhost = "smtp.example.com"\n', "")
    assert code == 0
    assert "warning: " in told
    nowhere = "campaign.toml: nothing says where to send: there is no [relay]"
    assert nowhere in told
    assert f"would refuse to send, until this is mended:\n  {nowhere}" in last_lines()
    code, told = plan(more="[check]\nrequired = true\n")
    assert (code, "warning" in told) == (0, False)
    unchecked = "campaign.toml: [check] required: this plan was never checked"
    assert f"would refuse to send, until this is mended:\n  {unchecked}" in last_lines()
    code, told = plan()
    assert (code, "warning" in told) == (0, False)
    assert last_lines().endswith(" sends them\n")


def test_a_missing_secret_of_the_letters_is_told_with_the_other_faults(plan: Plan) -> None:
    code, told = plan("list.csv", "lits.csv", more=TOKENS)
    assert code == 78
    assert "campaign.toml:3: there is no file 'lits.csv'" in told
    assert "campaign.toml:13: secret: the environment variable CAMPAIGN_SECRET is not set" in told


def test_a_weak_secret_is_refused(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMPAIGN_SECRET", "abc")
    code, told = plan(more=TOKENS)
    assert code == 78
    assert "campaign.toml:13: secret: it has 3 bytes" in told
    assert "openssl rand -hex 32" in told
    monkeypatch.setenv("CAMPAIGN_SECRET", "k" * 16)
    assert plan(more=TOKENS)[0] == 0


@pytest.mark.parametrize(
    ("host", "kept"),
    [
        ("[::1]", "::1"),
        ("::1", "::1"),
        ("2001:db8::25", "2001:db8::25"),
        ("a.test", "a.test"),
    ],
)
def test_an_ipv6_address_may_stand_in_brackets(tmp_path: Path, host: str, kept: str) -> None:
    for name in ("list.csv", "body.txt"):
        (tmp_path / name).write_text("x")
    (tmp_path / "campaign.toml").write_text(CONFIG.replace("smtp.example.com", host))
    assert load(tmp_path).settings.relay[0].host == kept


@pytest.mark.parametrize("host", ["smtp.example.com:587", "192.0.2.1:25", "[::1]:587"])
def test_a_port_belongs_into_port(tmp_path: Path, host: str) -> None:
    for name in ("list.csv", "body.txt"):
        (tmp_path / name).write_text("x")
    (tmp_path / "campaign.toml").write_text(CONFIG.replace("smtp.example.com", host))
    with pytest.raises(ConfigErrors, match=r"campaign\.toml:10: host: .* has a port.*port = \d"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('port = "587"', 'port is "587", not a whole number; for example port = 587'),
        ("port = true", "port is true, not a whole number; for example port = 587"),
        ("port = 587.0", "port is 587.0, not a whole number; for example port = 587"),
        ('connections = "8"', 'connections is "8", not a whole number'),
        ('allow_cleartext_login = "yes"', 'is "yes", not true or false; write true or false'),
        ("allow_cleartext_login = 1", "allow_cleartext_login is 1, not true or false"),
    ],
)
def test_a_number_or_switch_is_written_as_toml_writes_it(
    plan: Plan, line: str, sentence: str
) -> None:
    code, said = plan(more=f"{line}\n")
    assert code == 78
    assert "campaign.toml:11: " in said
    first, _, remedy = sentence.partition("; ")
    assert first in said
    assert remedy in said
