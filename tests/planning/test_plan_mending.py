"""A list in trouble: what is wrong is said before anybody is written to, mended, and added."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from campaign.cli.main import main
from campaign.clock import SystemClock
from campaign.config.loader import load
from campaign.errors import ConfigErrors, TemplateError
from campaign.journal.reading.claiming import ClaimReader
from campaign.planning.inputs import render_spec
from campaign.planning.plan import make_plan
from campaign.planning.summary import PlanSummary
from campaign.records import Claim, Job
from campaign.rendering.render import Renderer
from fakes.mail.sink import PROGRAM, smtp_sink
from fakes.prepared.letters import parse, text_of

CONFIG = """
name = "mended"
[recipients]
files = ["list.csv"{more}]
{recipients}
[message]
from = "ada@example.com"
subject = "Hello {{{{ name }}}}"
text = "body.txt"
{message}
"""


def write(folder: Path, *lists: str, recipients: str = "", message: str = "") -> Path:
    more = "".join(f', "list{at}.csv"' for at in range(2, len(lists) + 1))
    config = CONFIG.format(more=more, recipients=recipients, message=message)
    (folder / "campaign.toml").write_text(config, encoding="utf-8")
    for at, text in enumerate(lists, 1):
        name = "list.csv" if at == 1 else f"list{at}.csv"
        (folder / name).write_text(text, encoding="utf-8")
    if not (folder / "body.txt").exists():
        (folder / "body.txt").write_text("Dear {{ name }}\n")
    return folder


def plan(folder: Path, *, amend: bool = False) -> PlanSummary:
    return make_plan(load(folder), clock=SystemClock(), amend=amend, workers=1)


def claims(folder: Path) -> list[Claim]:
    with closing(ClaimReader.open("sqlite:///state/journal.sqlite", folder)) as reader:
        return reader.claim_planned(0, 1000)


def letters(folder: Path) -> dict[str, str]:
    """Address -> text of each letter, in the order of the plan."""
    with closing(ClaimReader.open("sqlite:///state/journal.sqlite", folder)) as reader:
        spec = render_spec(load(folder), reader.plan_record(), reader.sources())
        renderer = Renderer(spec)
        return {
            c.address: text_of(
                parse(renderer.render(Job(c.row, c.source, c.address, c.key, c.data)).wire)
            )
            for c in reader.claim_planned(0, 1000)
        }


def test_a_misspelt_column_is_an_error_before_anything_is_planned(tmp_path: Path) -> None:
    write(tmp_path, "email,name\na@example.com,Ada\n")
    (tmp_path / "body.txt").write_text("Dear\n{{ nmae }}")
    with pytest.raises(TemplateError) as caught:
        plan(tmp_path)
    assert str(caught.value) == "body.txt:2: 'nmae' is not a column (did you mean 'name'?)"
    assert main(["plan", str(tmp_path)]) == 78


def test_all_misspelt_columns_are_told_at_once(tmp_path: Path) -> None:
    write(tmp_path, "email,name\na@example.com,Ada\n")
    (tmp_path / "body.txt").write_text("{{ nmae }} {{ emial }}")
    with pytest.raises(ConfigErrors) as caught:
        plan(tmp_path)
    assert len(caught.value.errors) == 2
    assert caught.value.exit_code == 78


def test_a_second_list_without_a_needed_column_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "email,name\na@example.com,Ada\n", "email,nom\nb@example.com,Bob\n")
    with pytest.raises(ConfigErrors, match="'name' is a column of some of the lists only"):
        plan(tmp_path)


def test_a_slip_in_a_domain_is_a_warning(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "email,name\na@gmial.com,A\nb@gmial.com,B\nc@gmail.com,C\n")
    assert plan(tmp_path).typos == [("gmial.com", 2, "gmail.com")]
    assert main(["plan", str(tmp_path)]) == 0
    assert "gmial.com: 2 recipients; gmail.com?" in capfd.readouterr().out


LIST = """email,name,note
a@example.com,Ada,x
b(at)example.com,Bob,=1+1
c@example.com,Cy
d@example.com,,"it's"
a@example.com,Again,x
"""


def test_rejected_rows_are_mended_and_added(tmp_path: Path) -> None:
    write(tmp_path, LIST)
    (tmp_path / "body.txt").write_text("{{ name }}{{ 1 // (name | length) }}\n{{ note }}\n")
    rejects = tmp_path / "list2.csv"
    assert main(["plan", str(tmp_path), "--rejects", str(rejects)]) == 0
    text = rejects.read_bytes().decode("utf-8-sig")
    head, *rows = csv.reader(io.StringIO(text, newline=""))
    assert head == ["reject reason", "reject file", "reject line", "email", "name", "note"]
    assert [(row[1], row[2], row[3]) for row in rows] == [
        ("list.csv", "3", "b(at)example.com"),
        ("list.csv", "4", "c@example.com"),
        ("list.csv", "5", "d@example.com"),
    ]
    assert rows[0][0] == "address: no @ in 'b(at)example.com'"
    assert rows[0][5] == "'=1+1"  # no formula for Excel
    assert "body.txt:1: ZeroDivisionError" in rows[2][0]
    mended = text.replace("b(at)", "b@").replace('"d@example.com",""', '"d@example.com","Dee"')
    write(tmp_path, LIST, mended)
    summary = plan(tmp_path, amend=True)
    assert [claim.address for claim in claims(tmp_path)] == [
        f"{name}@example.com" for name in "abcd"
    ]
    assert letters(tmp_path)["b@example.com"] == "Bob0\n=1+1\n"
    assert plan(tmp_path, amend=True).planned == summary.planned == 4


def test_a_file_of_rejects_is_written_also_when_nobody_is_left(tmp_path: Path) -> None:
    write(tmp_path, "email,name\nnobody,Ada\n")
    rejects = tmp_path / "rejects.csv"
    assert main(["plan", str(tmp_path), "--rejects", str(rejects)]) == 65
    assert "no @ in 'nobody'" in rejects.read_text(encoding="utf-8-sig")


def test_a_template_mended_since_renders_what_it_could_not(tmp_path: Path) -> None:
    write(tmp_path, "email,name\na@example.com,Ada\nb@example.com,\n")
    (tmp_path / "body.txt").write_text("{{ 1 // (name | length) }}")
    assert plan(tmp_path).planned == 1
    (tmp_path / "body.txt").write_text("Dear {{ name }}")
    assert plan(tmp_path, amend=True).planned == 2


ORDERS = """email,name,item
ada@example.com,Ada,rope
bob@example.com,Bob,lamp
ADA@example.com,Ada,"tea, green"
nobody,Nobody,x
ada@example.com,Ada,map
"""


def test_the_rows_of_one_person_are_one_message(tmp_path: Path) -> None:
    write(tmp_path, ORDERS, recipients='group_by = "email"')
    (tmp_path / "body.txt").write_text(
        "{{ name }}:{% for row in rows %} {{ row.item }}{% endfor %}\n"
    )
    summary = plan(tmp_path)
    assert (summary.total, summary.planned) == (5, 2)
    assert dict(summary.reasons) == {"grouped": 2, "address": 1}
    assert letters(tmp_path) == {
        "ada@example.com": "Ada: rope tea, green map\n",
        "bob@example.com": "Bob: lamp\n",
    }


def test_rows_of_another_person_are_never_in_a_message(tmp_path: Path) -> None:
    """Grouped by an order: two people of one order get a letter each."""
    text = "email,name,order\na@example.com,Ada,7\nb@example.com,Bob,7\na@example.com,Ada,7\n"
    write(tmp_path, text, recipients='group_by = "order"')
    (tmp_path / "body.txt").write_text("{{ rows | length }} {{ name }}\n")
    plan(tmp_path)
    assert letters(tmp_path) == {"a@example.com": "2 Ada\n", "b@example.com": "1 Bob\n"}


def test_groups_go_over_lists_with_other_columns_and_over_amendments(tmp_path: Path) -> None:
    one, other = "email,name\na@example.com,Ada\n", "name,x,email\nAdam,1,a@example.com\n"
    write(tmp_path, one, other, recipients='group_by = "email"')
    (tmp_path / "body.txt").write_text("{% for row in rows %}{{ row.name }} {% endfor %}.\n")
    assert plan(tmp_path).planned == 1
    assert letters(tmp_path) == {"a@example.com": "Ada Adam .\n"}
    more = "email,name\nc@example.com,Cy\nc@example.com,Cyd\na@example.com,Late\n"
    write(tmp_path, one, other, more, recipients='group_by = "email"')
    assert plan(tmp_path, amend=True).planned == 2
    assert letters(tmp_path) == {"a@example.com": "Ada Adam .\n", "c@example.com": "Cy Cyd .\n"}


def test_grouped_rows_are_no_duplicates(tmp_path: Path) -> None:
    write(tmp_path, ORDERS, recipients='group_by = "email"\nduplicates = "error"')
    assert plan(tmp_path).planned == 2


def test_own_attachments_are_remembered_as_they_were(tmp_path: Path) -> None:
    write(
        tmp_path,
        "email,name\na@example.com,one\nb@example.com,two\nc@example.com,three\n",
        message='attachments = ["files/{{ name }}.txt"]',
    )
    (tmp_path / "files").mkdir()
    (tmp_path / "files/one.txt").write_text("1")
    (tmp_path / "files/two.txt").write_text("2")
    summary = plan(tmp_path)
    assert summary.planned == 2
    assert summary.causes[0].reason == (
        "render: attachment 'files/three.txt': No such file or directory"
    )
    first, second = claims(tmp_path)
    assert first.snapshot
    assert first.snapshot != second.snapshot
    (tmp_path / "files/one.txt").write_text("changed")
    plan(tmp_path, amend=True)
    assert claims(tmp_path)[0].snapshot not in ("", first.snapshot)


@pytest.mark.skipif(not Path(PROGRAM).exists(), reason="smtp-sink is not installed")
def test_a_run_does_not_send_an_attachment_that_changed_since_the_plan(tmp_path: Path) -> None:
    with smtp_sink(dump=True) as sink:
        write(
            tmp_path,
            "email,name\na@example.com,one\nb@example.com,two\n",
            message='attachments = ["files/{{ name }}.txt"]\n'
            f'[relay]\nhost = "127.0.0.1"\nport = {sink.port}\nsecurity = "none"',
        )
        (tmp_path / "files").mkdir()
        for name in ("one", "two"):
            (tmp_path / f"files/{name}.txt").write_text(name)
        plan(tmp_path)
        (tmp_path / "files/two.txt").write_text("another's invoice")
        run = [sys.executable, "-m", "campaign.cli.main", "run", "--yes", str(tmp_path)]
        assert subprocess.run(run, capture_output=True, check=False).returncode == 1
        assert [dumped.recipient for dumped in sink.messages()] == ["a@example.com"]
        with closing(ClaimReader.open("sqlite:///state/journal.sqlite", tmp_path)) as reader:
            (skipped,) = reader.skipped()
        assert "an attachment is not what it was when the plan was made" in skipped.reason
        amendment = plan(tmp_path, amend=True).amendment
        assert amendment
        assert (amendment.added, amendment.restored) == (0, 1)
        subprocess.run(run, check=True, capture_output=True)
        assert {dumped.recipient for dumped in sink.messages()} == {
            "a@example.com",
            "b@example.com",
        }
