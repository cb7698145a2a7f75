"""`campaign verify`: a list file in, the same rows with a verdict out."""

from __future__ import annotations

import csv
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from campaign.cli.main import main
from fakes.mail.dns_server import DnsServer, Fault, dns_server
from fakes.mail.scripted_smtp import Script, ScriptedServer, on, say

LIST = """name,email
Ada,ada@own.example
Bob,bob@gone.example
Cai,cai@null.example
Dee,dee@bare.example
Eve,eve@nothing.example
Fay,fay@late.example
Gus,gus@gmial.com
Hal,hal＠ｏｗｎ．example
Ivy,ivy.own.example
Jim,sales@own.example
Kim,kim@mailinator.com
Lea,"lea@gmail,com"
=1+1,max@own.example
"""  # noqa: RUF001
Said = tuple[int, str, str]
Verify = Callable[..., Said]


@pytest.fixture
def server() -> Iterator[DnsServer]:
    with dns_server() as dns:
        for name in ("own.example", "gmial.com", "mailinator.com"):
            dns.add(name, "MX", f"10 mx.{name}.")
            dns.add(f"mx.{name}", "A", "9.9.9.1")
        dns.add("null.example", "MX", "0 .")
        dns.add("bare.example", "A", "9.9.9.2")
        dns.add("nothing.example", "TXT", '"there is a name and no more"')
        dns.fail("late.example", "*", Fault.SERVFAIL)
        yield dns


@pytest.fixture
def verify(
    server: DnsServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Verify:
    """Runs `campaign verify list.csv ...`: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list.csv").write_text(LIST, encoding="utf-8")

    def run(*words: str, file: str = "list.csv") -> Said:
        asked = ["verify", file, "--nameserver", server.address, "--dns-rate", "1000/s"]
        code = main([*asked, *words])
        return code, *capsys.readouterr()

    return run


def rows(path: str) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def known_in(notebook: Path) -> int:
    """How many domains it knows already; 0 before it is there."""
    if not notebook.exists():
        return 0
    try:
        with closing(sqlite3.connect(f"file:{notebook}?mode=ro", uri=True)) as file:
            return int(
                file.execute("SELECT count(*) FROM domains WHERE standing != ''").fetchone()[0]
            )
    except sqlite3.OperationalError:  # it is being made
        return 0


def test_a_folder_that_takes_no_file_is_told_with_what_to_name(verify: Verify) -> None:
    code, _, err = verify("-o", "none/checked.csv")
    assert code == 64
    assert "name an output by -o in a folder that is there and that you can write to" in err


def test_every_row_comes_back_as_it_was_with_a_verdict(verify: Verify) -> None:
    code, _, said = verify("-o", "checked.csv")
    assert code == 1
    assert said.endswith("checked.csv: 13 rows\n")
    found = rows("checked.csv")
    assert [row["name"] for row in found] == [
        line.partition(",")[0] for line in LIST.splitlines()[1:]
    ]
    assert list(found[0]) == [
        *("name", "email", "verdict", "reason", "suggestion", "domain_kind", "mx", "checked_at")
    ]
    assert {row["name"]: (row["verdict"], row["reason"].partition(":")[0]) for row in found} == {
        "Ada": ("good", ""),
        "Bob": ("bad", "no such domain"),
        "Cai": ("bad", "takes no mail"),
        "Dee": ("good", "no MX, but an address"),
        "Eve": ("bad", "takes no mail"),
        "Fay": ("unknown", "no answer from the DNS"),
        "Gus": ("doubtful", "slip of the finger?"),
        "Hal": ("good", ""),
        "Ivy": ("bad", "syntax"),
        "Jim": ("good", "role account"),
        "Kim": ("doubtful", "disposable"),
        "Lea": ("bad", "syntax"),
        "=1+1": ("good", ""),
    }
    assert {row["name"]: row["suggestion"] for row in found if row["suggestion"]} == {
        "Gus": "gus@gmail.com",
        "Hal": "hal@own.example",
        "Lea": "lea@gmail.com",
    }
    assert {row["name"]: row["domain_kind"] for row in found[:2]} == {"Ada": "own", "Bob": ""}
    assert found[0]["mx"] == "mx.own.example"
    assert found[0]["checked_at"].startswith("20")


def test_json_tells_the_totals(verify: Verify) -> None:
    found = json.loads(verify("--json")[1])
    assert (found["rows"], found["domains"]) == (13, 8)
    assert found["verdicts"] == {"good": 5, "doubtful": 2, "bad": 5, "unknown": 1}
    assert {"verdict": "bad", "reason": "syntax", "rows": 2} in found["reasons"]
    assert found["suggestions"] == [{"domain": "gmial.com", "meant": "gmail.com", "rows": 1}]
    assert found["disposable_list"].startswith("disposable-email-domains 0.")


def test_the_table_of_totals_fits_80_columns(verify: Verify) -> None:
    said = verify()[1]
    assert said.startswith("list.csv: 13 rows, 8 domains\n")
    assert "gmial.com  -> gmail.com  1" in said
    assert all(len(line) <= 80 for line in said.splitlines())


@pytest.mark.parametrize("name", ["checked.jsonl", "checked.xlsx", "checked.parquet"])
def test_the_name_of_the_output_says_its_form_and_it_can_be_verified_again(
    verify: Verify, name: str
) -> None:
    verify("-o", name)
    if name.endswith(".jsonl"):
        lines = Path(name).read_text(encoding="utf-8").splitlines()
        assert json.loads(lines[1])["verdict"] == "bad"
        return
    verify("-o", "again.csv", file=name)
    again = rows("again.csv")
    assert list(again[0]).count("verdict") == 1
    assert [row["verdict"] for row in again][:3] == ["good", "bad", "bad"]


def test_a_column_that_is_called_like_one_of_ours_is_kept(verify: Verify) -> None:
    Path("list.csv").write_text("email,reason\nada@own.example,friend\n")
    verify("-o", "checked.csv")
    (row,) = rows("checked.csv")
    assert (row["list.reason"], row["reason"]) == ("friend", "")


def test_one_look_up_is_made_for_each_distinct_domain(verify: Verify, server: DnsServer) -> None:
    names = "\n".join(f"p{number}@own.example" for number in range(500))
    Path("list.csv").write_text(f"email\n{names}\n")
    assert verify()[0] == 0
    assert server.asked == [("own.example", "MX"), ("mx.own.example", "A")]


def test_apply_writes_the_bad_addresses_as_suppress_import_takes_them(verify: Verify) -> None:
    code, said, _ = verify("--apply", "bad.csv")
    assert code == 1
    assert "bad.csv: 3 bad addresses; 2 rows without an address left out" in said
    assert [row["email"] for row in rows("bad.csv")] == [
        *("bob@gone.example", "cai@null.example", "eve@nothing.example")
    ]
    Path("body.txt").write_text("Hello")
    Path("campaign.toml").write_text(
        'name = "small"\n[recipients]\nfiles = ["list.csv"]\n'
        '[message]\nfrom = "a@b.example"\nsubject = "Hello"\ntext = "body.txt"\n'
    )
    assert main(["suppress", "import", "bad.csv"]) == 0


def test_an_own_list_of_allowed_domains_wins_over_the_list_of_disposable_ones(
    verify: Verify,
) -> None:
    Path("allowed.txt").write_text("mailinator.com\n")
    verify("-o", "checked.csv", "--allow", "allowed.txt")
    kim = next(row for row in rows("checked.csv") if row["name"] == "Kim")
    assert (kim["verdict"], kim["domain_kind"]) == ("good", "own")


def test_a_typo_is_not_suggested_for_the_own_domain_of_many(
    verify: Verify, server: DnsServer
) -> None:
    server.add("firm.om", "MX", "10 mx.own.example.")
    server.add("firm.nte", "MX", "10 mx.own.example.")
    Path("list.csv").write_text(
        "email\n" + "".join(f"p{at}@firm.nte\n" for at in range(4)) + "ada@firm.om\n"
    )
    verify("-o", "checked.csv")
    assert {row["suggestion"] for row in rows("checked.csv")} == {""}
    Path("list.csv").write_text("email\nada@firm.nte\n")
    verify("-o", "checked.csv")
    assert rows("checked.csv")[0]["suggestion"] == "ada@firm.net"


def test_a_wrong_column_is_told_with_the_option_that_names_it(verify: Verify) -> None:
    Path("list.csv").write_text("Name,E-Mail\nAda,ada@own.example\n")
    code, _, said = verify()
    assert code == 65
    assert "did you mean 'E-Mail'? --column \"E-Mail\"" in said
    assert verify("--column", "E-Mail")[0] == 0


def test_where_no_nameserver_answers_nothing_is_called_unknown(
    verify: Verify, server: DnsServer
) -> None:
    server.fail("*", "*", Fault.SERVFAIL)
    code, _, said = verify("-o", "checked.csv")
    assert code == 69
    assert "no answer from the DNS" in said
    assert not Path("checked.csv").exists()


def test_a_killed_verify_goes_on_where_it_was(
    verify: Verify, server: DnsServer, tmp_path: Path
) -> None:
    names = [f"d{number:03}.example" for number in range(400)]
    for name in names:
        server.add(name, "MX", "10 mx.own.example.")
    Path("list.csv").write_text("email\n" + "".join(f"ada@{name}\n" for name in names))
    slow = subprocess.Popen(
        [
            *(sys.executable, "-m", "campaign.cli.main", "verify", "list.csv", "-o", "checked.csv"),
            *("--nameserver", server.address, "--dns-rate", "100/s"),
        ],
        stderr=subprocess.PIPE,
    )
    notebook = tmp_path / ".checked.csv.verify"
    while known_in(notebook) < 50:
        assert slow.poll() is None
        server.wait_for_question()
    os.kill(slow.pid, signal.SIGKILL)
    slow.communicate(timeout=30)
    assert notebook.exists()
    assert not Path("checked.csv").exists()
    server.asked.clear()
    assert verify("-o", "checked.csv")[0] == 0
    asked = {name for name, kind in server.asked if kind == "MX"}
    assert 0 < len(asked) <= 350
    assert [row["verdict"] for row in rows("checked.csv")] == ["good"] * 400
    assert not notebook.exists()


def test_no_nameserver_is_asked_faster_than_allowed(
    server: DnsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from campaign.routing import pace

    waits: list[float] = []

    class Watched(pace.QuestionPace):
        async def turn(self, name: str) -> None:
            await super().turn(name)
            waits.append(self._clock.tick_s())

    monkeypatch.setattr(pace, "QuestionPace", Watched)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list.csv").write_text(
        "email\n" + "".join(f"ada@d{number}.example\n" for number in range(6))
    )
    assert main(["verify", "list.csv", "--nameserver", server.address]) == 1
    assert waits[-1] - waits[0] >= 0.05 * (len(waits) - 1) * 0.99


@pytest.fixture
def prober(verify: Verify, server: DnsServer) -> Iterator[ScriptedServer]:
    """The folder becomes a campaign that may ask this mail server, which knows Ada alone."""
    gone = say("550 5.1.1 no such user")
    with ScriptedServer(Script(on("RCPT", gone, test=lambda line: "ada@" not in line))) as smtp:
        Path("body.txt").write_text("Hello")
        Path("campaign.toml").write_text(
            'name = "small"\n[recipients]\nfiles = ["list.csv"]\n'
            '[message]\nfrom = "Ada <a@me.example>"\nsubject = "Hello"\ntext = "body.txt"\n'
            f'[direct]\nhello = "me.example"\nport = {smtp.port}\nallow_private = true\n'
        )
        server.add("me.example", "A", "127.0.0.1")
        server.add("asked.example", "MX", "10 mx.asked.example.")
        server.add("mx.asked.example", "A", "127.0.0.1")
        server.add("gmail.com", "MX", "10 gmail-smtp-in.l.google.com.")
        Path("list.csv").write_text(
            "email\nada@asked.example\nbob@asked.example\nada@gmail.com\nx@gone.example\n"
        )
        yield smtp


def test_a_nameserver_that_denies_a_large_provider_is_not_believed(
    verify: Verify, server: DnsServer
) -> None:
    server.fail("qq.com", "*", Fault.NXDOMAIN)
    server.fail("gone.example", "*", Fault.NXDOMAIN)
    Path("cut-off.csv").write_text("email\nliu@qq.com\nx@gone.example\n")
    verify("-o", "checked.csv", file="cut-off.csv")
    assert [(row["verdict"], row["reason"]) for row in rows("checked.csv")] == [
        (
            "unknown",
            "nameserver not believed: a nameserver says there is no domain qq.com, and a large"
            " mailbox provider uses it",
        ),
        ("bad", "no such domain: there is no domain gone.example"),
    ]


def test_probe_asks_the_mail_servers_and_sends_nothing(
    verify: Verify, server: DnsServer, prober: ScriptedServer
) -> None:
    server.add("1.0.0.127.in-addr.arpa", "PTR", "me.example.")
    code, _, _ = verify("-o", "checked.csv", "--probe", "--apply", "bad.csv")
    assert code == 1
    assert [(row["verdict"], row["reason"]) for row in rows("checked.csv")] == [
        ("good", ""),
        ("bad", "no such mailbox: 550 5.1.1 no such user"),
        ("unknown", "provider does not tell"),
        ("bad", "no such domain: there is no domain gone.example"),
    ]
    assert [row["email"] for row in rows("bad.csv")] == ["bob@asked.example", "x@gone.example"]
    assert prober.commands[1] == "MAIL FROM:<a@me.example>"
    assert not any(command.startswith("DATA") for command in prober.commands)
    assert not list(Path().glob("**/suppression*"))


def test_probe_without_a_ptr_is_refused_before_anything_is_asked(
    verify: Verify, prober: ScriptedServer
) -> None:
    code, _, said = verify("--probe")
    assert code == 78
    assert "no PTR that leads back to it" in said
    assert prober.sessions == []


def test_probe_without_direct_is_refused(verify: Verify) -> None:
    Path("body.txt").write_text("Hello")
    Path("campaign.toml").write_text(
        'name = "small"\n[recipients]\nfiles = ["list.csv"]\n[relay]\nhost = "127.0.0.1"\n'
        '[message]\nfrom = "a@me.example"\nsubject = "Hello"\ntext = "body.txt"\n'
    )
    code, _, said = verify("--probe")
    assert code == 78
    assert "--probe needs [direct] with hello" in said
