"""campaign.toml, good and bad, through `load`."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from campaign.config.loader import Campaign, load
from campaign.config.settings import Recipients, Secret
from campaign.errors import EXIT_CONFIG, ConfigErrors
from campaign.units import Rate

GOOD = """\
name = "spring"

[recipients]
files = "list.csv"

[message]
from = "Ada Lovelace <ada@example.com>"
subject = "Hello {{ first_name }}"
text = "body.txt"
"""

# The example of the contract, with [relay] and without [direct].
WHOLE = """\
name = "spring-renewal"

[recipients]
files = ["recipients.csv"]
address = "email"
name = "{{ first_name }} {{ last_name }}"
encoding = "auto"
delimiter = "auto"
duplicates = "first"
suppress = ["suppressed.csv"]

[message]
from = "Ada Lovelace <ada@example.com>"
reply_to = "help@example.com"
subject = "{{ first_name }}, your {{ plan }} plan renews"
text = "../templates/renewal/body.txt"
html = "../templates/renewal/body.html"
inline = { logo = "../templates/renewal/logo.png" }
attachments = ["terms.pdf", "invoices/{{ invoice }}.pdf"]
headers = { "Feedback-ID" = "spring:example" }

[unsubscribe]
url = "https://example.com/u"
mailto = "unsubscribe@example.com"
secret = { env = "CAMPAIGN_SECRET" }

[relay]
host = "smtp.example.com"
port = 587
security = "starttls"
username = "ada"
password = { env = "SMTP_PASSWORD" }
auth = "auto"
client_certificate = { cert = "c.pem", key = "k.pem" }
connections = 10
messages_per_connection = 100
rates = ["50/s", "100000/day"]

[limits."gmail.com"]
rates = ["20/s"]
connections = 5

[delivery]
in_doubt = "resend"
retry = ["5m", "15m", "30m", "1h", "2h", "4h"]
expire_after = "24h"

[dkim]
domain = "example.com"
selector = "s1"
key = { file = "dkim.pem" }

[journal]
url = "sqlite:///state/journal.sqlite"

[dns]
nameservers = []
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A campaign folder with the files GOOD names."""
    (tmp_path / "list.csv").write_text("email,first_name\n")
    (tmp_path / "body.txt").write_text("Hello")
    return tmp_path


def write(folder: Path, text: str) -> Path:
    file = folder / "campaign.toml"
    file.write_text(text, encoding="utf-8")
    return file


def faults(folder: Path, text: str, *, need_secrets: bool = False) -> list[tuple[int, str, str]]:
    """(line, sentence, remedy) of every fault."""
    write(folder, text)
    with pytest.raises(ConfigErrors) as caught:
        load(folder, need_secrets=need_secrets)
    assert caught.value.exit_code == EXIT_CONFIG
    return [(error.line, error.what, error.remedy) for error in caught.value.errors]


def only_fault(folder: Path, text: str, *, need_secrets: bool = False) -> tuple[int, str, str]:
    (fault,) = faults(folder, text, need_secrets=need_secrets)
    return fault


def test_the_whole_example_of_the_contract_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAMPAIGN_SECRET", "k" * 32)
    monkeypatch.setenv("SMTP_PASSWORD", "word")
    folder, templates = tmp_path / "spring", tmp_path / "templates" / "renewal"
    folder.mkdir()
    templates.mkdir(parents=True)
    for name in ("recipients.csv", "suppressed.csv", "terms.pdf", "c.pem", "k.pem", "dkim.pem"):
        (folder / name).write_text("x")
    (folder / "dkim.pem").chmod(0o600)
    for name in ("body.txt", "body.html", "logo.png"):
        (templates / name).write_text("x")
    write(folder, WHOLE)

    settings = load(folder, need_secrets=True).settings

    (relay,) = settings.relay
    assert relay.rates == (Rate(50, 1.0), Rate(100_000, 86400.0))
    assert relay.password == Secret(env="SMTP_PASSWORD")
    assert settings.limits["gmail.com"].connections == 5
    assert settings.delivery.retry == (300.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0)
    assert settings.delivery.expire_after == 86400.0
    assert settings.message.inline == {"logo": "../templates/renewal/logo.png"}
    assert settings.direct is None


def test_a_campaign_is_named_by_its_file_or_by_its_folder(folder: Path) -> None:
    file = write(folder, GOOD)
    by_folder, by_file = load(folder), load(file)
    assert by_folder == by_file
    assert by_file == Campaign(
        file, folder, by_file.settings, hashlib.sha256(GOOD.encode()).hexdigest()
    )


def test_a_byte_order_mark_is_passed_over(folder: Path) -> None:
    write(folder, "\ufeff" + GOOD)
    assert load(folder).settings.name == "spring"


def test_several_relays_load_in_their_order(folder: Path) -> None:
    write(folder, GOOD + '[[relay]]\nhost = "a.example"\n[[relay]]\nhost = "b.example"\n')
    assert [relay.host for relay in load(folder).settings.relay] == ["a.example", "b.example"]


def test_every_fault_is_told_at_once_in_the_order_of_the_file(folder: Path) -> None:
    text = """\
name = "Spring Sale"
prot = 25

[recipients]
files = [
  "list.csv",
  "nothing*.csv",
]
encodng = "utf-8"
encoding = "klingon"

[message]
from = "ada at example.com"
html = "body.html"
attachments = ["terms.pdf", "invoices/{{ invoice }}.pdf"]
headers = { "X Bad" = "1", subject = "x" }

[relay]
host = "smtp.example.com"
port = "25a"
security = "none"
username = "ada"
password = { env = "NOT_SET_ANYWHERE" }
rates = ["0/s", "5 per second"]

[delivery]
retry = ["5m", "3x", 30]
expire_after = 24
"""
    found = faults(folder, text, need_secrets=True)
    assert [(line, what) for line, what, _ in found] == [
        (1, 'name is "Spring Sale"'),
        (2, "unknown key 'prot'"),
        (7, "no file matches 'nothing*.csv'"),
        (9, "unknown key 'encodng' in [recipients]"),
        (10, "encoding: 'klingon' is not an encoding"),
        (12, "[message] has no subject"),
        (13, "from: no @ in 'ada at example.com'"),
        (14, "there is no file 'body.html'"),
        (15, "there is no file 'terms.pdf'"),
        (16, "'X Bad' is not a header name"),
        (16, "the header subject is written by campaign"),
        (20, 'port is "25a", not a whole number'),
        (21, "the password would travel in clear text"),
        (23, "password: the environment variable NOT_SET_ANYWHERE is not set"),
        (24, "rates: '0/s' lets nothing through"),
        (24, "rates: '5 per second' is not a rate"),
        (27, "retry: '3x' is not a duration"),
        (27, "retry: 30 has no unit"),
        (28, "expire_after: 24 has no unit"),
    ]
    assert all(remedy for _, _, remedy in found)


def test_a_fault_reads_as_place_sentence_and_remedy(folder: Path) -> None:
    write(folder, GOOD + '[relay]\nhost = "h.example"\nprot = 25\n')
    with pytest.raises(ConfigErrors) as caught:
        load(folder)
    file = folder / "campaign.toml"
    assert str(caught.value) == f"{file}:12: unknown key 'prot' in [relay] (did you mean port?)"


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ("[relays]\nhost = 'x'", (10, "unknown key 'relays'", "did you mean relay?")),
        (
            "[delivery]\nhost = 'x'",
            (11, "unknown key 'host' in [delivery]", "it belongs in [relay]"),
        ),
        (
            "[journal]\nzzz = 1",
            (11, "unknown key 'zzz' in [journal]", "known here: url"),
        ),
        (
            "[limits.gmail.com]\nrates = '5/s'",
            (
                10,
                "unknown key 'com' in [limits.gmail]",
                'a domain needs quotes: [limits."gmail.com"]',
            ),
        ),
        (
            "[relay]\nport = 25",
            (10, "[relay] has no host", 'add host = "smtp.example.com"'),
        ),
        (
            "relay = 5",
            (10, "unknown key 'relay' in [message]", "it belongs outside, as [relay]"),
        ),
        (
            "[relay]\nhost = 'h'\nport = 0",
            (12, "port is 0", "it must be at least 1"),
        ),
        (
            "[relay]\nhost = 'h'\nport = 65536",
            (12, "port is 65536", "it must be at most 65535"),
        ),
        (
            "[relay]\nhost = 'h'\nsecurity = 'ssl'",
            (12, 'security is "ssl"', "write 'starttls', 'tls' or 'none'"),
        ),
        (
            "[relay]\nhost = 'h'\nrates = 50",
            (12, "rates is 50, not a list in [ ]", 'for example rates = ["50/s", "100000/day"]'),
        ),
        (
            "[relay]\nhost = 'h'\nusername = 'ada'\npassword = 'geheim'",
            (
                13,
                "password is written into the file",
                'say where it comes from: password = { env = "NAME" }, { file = ... } or command',
            ),
        ),
        (
            "[relay]\nhost = 'h'\npassword = { env = 'A' }",
            (12, "password without a username", 'add username = "..."'),
        ),
        (
            "[relay]\nhost = 'h'\nusername = 'ada'\npassword = { env = 'A', file = 'b' }",
            (
                13,
                "a secret comes from exactly one of env, file, command",
                'write for example { env = "SMTP_PASSWORD" }',
            ),
        ),
        (
            '[relay]\nhost = "h\\r\\nRCPT TO:<x>"',
            (11, None, "write a name like mail.example.com, or an address"),
        ),
        (
            "[relay]\nhost = 'h'\n[direct]\nhello = 'me.example'",
            (12, "[relay] and [direct] exclude each other", "keep one"),
        ),
        (
            "[unsubscribe]\nurl = 'http://example.com/u'\nsecret = { env = 'A' }",
            (11, "'http://example.com/u' is not https", "one-click needs https:// (RFC 8058)"),
        ),
        (
            "[unsubscribe]\nmailto = 'nobody'",
            (11, "mailto: no @ in 'nobody'", "write an address: ada@example.com"),
        ),
        (
            "[journal]\nurl = 'postgresql://ada:geheim@host/x'",
            (
                11,
                "url: this holds a password in clear",
                "put it into ~/.pgpass, or into the file that PGPASSFILE names, or into the"
                " variable PGPASSWORD",
            ),
        ),
        (
            "[journal]\nurl = 'postgresql://host/x?password=geheim'",
            (
                11,
                "url: this holds a password in clear",
                "put it into ~/.pgpass, or into the file that PGPASSFILE names, or into the"
                " variable PGPASSWORD",
            ),
        ),
        (
            "[journal]\nurl = 'postgresql://ada@host:notaport/x'",
            (11, "url: the port is not a number", "write USER@HOST:5432/DATABASE"),
        ),
        (
            "[journal]\nurl = 'postgres://ada:geheim@host/x'",
            (
                11,
                "url: this names no journal",
                "write sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE",
            ),
        ),
        (
            "[relay]\nhost = 'h'\nca_file = 'ca.pem'",
            (12, "there is no file 'ca.pem'", None),
        ),
        (
            "[relay]\nhost = 'h'\nclient_certificate = { cert = 'c.pem', key = 'body.txt' }",
            (12, "there is no file 'c.pem'", None),
        ),
    ],
)
def test_a_wrong_table_is_told_with_line_and_remedy(
    folder: Path, table: str, fault: tuple[int, str | None, str | None]
) -> None:
    line, what, remedy = only_fault(folder, GOOD + table)
    wanted_line, wanted_what, wanted_remedy = fault
    assert line == wanted_line
    assert wanted_what is None or what == wanted_what
    assert wanted_remedy is None or remedy.startswith(wanted_remedy)
    assert "geheim" not in what + remedy


def test_missing_tables_are_told_with_what_they_need(tmp_path: Path) -> None:
    assert faults(tmp_path, "# nothing yet\n") == [
        (1, "name is missing", 'add name = "spring-renewal"'),
        (1, "[message] is missing", "add it with its keys: from"),
        (
            1,
            "[recipients] names no files",
            'add files = ["recipients.csv"] to [recipients]; an open campaign, kind = "open", has'
            " no list",
        ),
    ]


def test_a_ramp_without_a_ladder_is_told_with_one(folder: Path) -> None:
    told = only_fault(folder, GOOD + '[ramp]\nper = "provider"\n')
    assert told[1:] == ("[ramp] has no ladder", 'add ladder = "sendgrid"')


def test_a_message_without_a_body_is_told(folder: Path) -> None:
    text = GOOD.replace('text = "body.txt"\n', "")
    assert only_fault(folder, text)[:2] == (6, "the message has no body")


def test_a_link_that_leads_nowhere_is_told_with_where_it_leads(folder: Path) -> None:
    (folder / "linked.txt").symlink_to("moved.txt")
    line, what, remedy = only_fault(folder, GOOD.replace("body.txt", "linked.txt"))
    assert (line, what) == (9, "'linked.txt' is a link to 'moved.txt', which is not there")
    assert remedy == "link it to a file, or name another"


def test_a_misspelt_file_is_told_with_the_one_that_is_there(folder: Path) -> None:
    line, what, remedy = only_fault(folder, GOOD.replace("body.txt", "bdoy.txt"))
    assert (line, what, remedy) == (9, "there is no file 'bdoy.txt'", "did you mean body.txt?")


def test_a_list_from_standard_input_is_refused_since_it_is_read_twice(folder: Path) -> None:
    line, what, remedy = only_fault(folder, GOOD.replace("list.csv", "-"))
    assert (line, what) == (4, "a list on standard input cannot be read twice")
    assert remedy == "write it into a file, and name that"


def test_a_pipe_is_not_called_missing(folder: Path) -> None:
    os.mkfifo(folder / "people.csv")
    line, what, remedy = only_fault(folder, GOOD.replace("list.csv", "people.csv"))
    assert (line, what) == (4, "'people.csv' is not a regular file")
    assert remedy == "write what it gives into a file"


def test_a_rule_is_not_asked_of_keys_that_are_wrong_anyway(folder: Path) -> None:
    text = GOOD + "[relay]\nhost = 'h'\nusername = 5\npassword = { env = 'A' }\n"
    assert only_fault(folder, text)[1] == "username is 5, not text in quotes"


def test_the_faulty_one_of_several_relays_is_found(folder: Path) -> None:
    text = GOOD + "[[relay]]\nhost = 'a'\nport = 25\n\n[[relay]]\nhost = 'b'\nport = 'x'\n"
    assert only_fault(folder, text)[0] == 16


def test_secrets_are_only_fetched_when_asked_for(folder: Path) -> None:
    text = GOOD + "[relay]\nhost = 'h'\nusername = 'a'\npassword = { env = 'NOT_SET_ANYWHERE' }\n"
    write(folder, text)
    assert load(folder).settings.relay[0].username == "a"
    line, what, _ = only_fault(folder, text, need_secrets=True)
    assert (line, what) == (13, "password: the environment variable NOT_SET_ANYWHERE is not set")


@pytest.mark.parametrize(
    ("text", "line", "remedy"),
    [
        ('name = "x"\nfoo = bar\n', 2, 'text stands in quotes: key = "text"'),
        ('name = "x"\nfoo\n', 2, 'write key = "value"'),
        ('name = "x\n', 1, "close the text with a quote before the line ends"),
        ("[a]\nx = 1\n[a]\n", 3, None),
        ("x = 1\nx = 2\n", 2, "this key stands in the file twice: keep one"),
        ("x = [1,\n2\n", 2, "close the list with ]"),
        ('x = "C:\\list"\n', 1, None),
    ],
)
def test_a_file_that_is_no_toml_is_told_with_its_line(
    tmp_path: Path, text: str, line: int, remedy: str | None
) -> None:
    found_line, what, found_remedy = only_fault(tmp_path, text)
    assert found_line == line
    assert what.startswith("this is not TOML: ")
    assert "(at " not in what
    assert remedy is None or found_remedy == remedy


def test_a_file_that_is_not_utf_8_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "campaign.toml").write_bytes(b'name = "x"\n# caf\xe9\n')
    with pytest.raises(ConfigErrors) as caught:
        load(tmp_path)
    (error,) = caught.value.errors
    assert (error.line, error.remedy) == (2, "save the file as UTF-8")


def test_a_campaign_that_is_not_there_is_told_with_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors, match="campaign init DIR"):
        load(tmp_path / "nowhere")


@pytest.mark.parametrize("codec", ["base64", "hex", "zip", "rot13"])
def test_a_codec_that_makes_no_text_is_no_encoding(codec: str) -> None:
    with pytest.raises(ValueError, match=f"'{codec}' is not an encoding"):
        Recipients.model_validate({"files": ["x.csv"], "encoding": codec})


def test_subjects_in_other_languages_need_the_column_of_the_languages(folder: Path) -> None:
    text = GOOD.replace("[message]", '[message]\nsubjects = { zh = "x" }')
    ((_, what, remedy),) = faults(folder, text)
    assert "nothing says who reads which" in what
    assert "locale" in remedy


def test_a_default_locale_stands_for_a_template_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "recipients.csv").write_text("email\n")
    (tmp_path / "body.zh.html").write_text("x")
    text = (
        'name = "x"\n[recipients]\nfiles = ["recipients.csv"]\ndefault_locale = "zh-CN"\n'
        '[message]\nfrom = "a@example.com"\nsubject = "x"\nhtml = "body.html"\n'
    )
    (tmp_path / "campaign.toml").write_text(text)
    assert load(tmp_path).settings.recipients.default_locale == "zh-CN"
    (tmp_path / "campaign.toml").write_text(text.replace("zh-CN", "en"))
    with pytest.raises(ConfigErrors, match=r"there is no file .body\.html"):
        load(tmp_path)
    (tmp_path / "campaign.toml").write_text(text.replace("zh-CN", "Chinese please"))
    with pytest.raises(ConfigErrors, match=r"campaign\.toml:4: .* is not a language"):
        load(tmp_path)
