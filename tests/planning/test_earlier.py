"""A follow-up campaign leaves out, or chooses, people by what an earlier one came to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from campaign.cli.main import main
from campaign.config.earlier import EarlierPeople, read_earlier
from campaign.config.loader import Campaign, load
from campaign.errors import ConfigErrors
from campaign.journal.reading.claiming import ClaimReader
from campaign.journal.states import IN_DOUBT
from campaign.journal.writing.events import add_events
from campaign.outcomes import Event
from campaign.records import State
from fakes.prepared import campaigns, journals
from fakes.servers.postgresql import DatabaseServer

PEOPLE = [(f"p{n}@example.org", f"P {n}", "gold") for n in range(1, 7)]


@pytest.fixture
def database_url(database: DatabaseServer) -> str:
    return database.new_database()


def told(campaign: Campaign, row: int, kind: str, class_: str = "") -> None:
    event = Event(f"{row} {kind} {class_}", row, 1000.0, kind, class_, "", "test", "")
    add_events(*campaign.journal, [event])


@pytest.fixture
def spring(tmp_path: Path) -> Campaign:
    """1 got it and clicked, 2 got it, 3 bounced, 4 was refused, 5 in doubt, 6 not on its list."""
    spring = campaigns.planned(tmp_path / "spring", rows=PEOPLE[:5])
    journal = journals.open_journal(spring.folder)
    changes = [journals.sending(row, at=10) for row in (1, 2, 3, 4, 5)]
    changes += [journals.sent(row, at=11) for row in (1, 2, 3)]
    changes += [
        journals.outcome(4, State.FAILED, 1, at=11.0, attempts=1, reason="550 no", class_="policy"),
        journals.outcome(5, State.HELD, 1, at=11.0, attempts=1, reason="doubt", class_=IN_DOUBT),
    ]
    journals.run(journal, changes)
    told(spring, 1, "clicked")
    told(spring, 2, "clicked", "machine")
    told(spring, 3, "bounced", "recipient-gone")
    return spring


def write(folder: Path, more: str, rows: Sequence[tuple[str, ...]] = PEOPLE) -> Path:
    toml = campaigns.TOML.replace('name = "spring"', 'name = "summer"')
    toml = toml.replace('files = ["list.csv"]', f'files = ["list.csv"]\n{more}')
    campaigns.write(folder, rows=rows, toml=toml)
    return folder


def planned(folder: Path) -> dict[int, str]:
    """Number of each person -> its reason, or "" where it is planned."""
    with closing(ClaimReader.open(*load(folder).journal)) as reader:
        found = [
            (int(each.address[1]), each.reason if each.state == State.SKIPPED else "")
            for each in reader.results()
        ]
    return {person: reason for person, reason in found if not reason.startswith("mended")}


def letters(folder: Path, more: str) -> str:
    assert main(["plan", str(write(folder, more)), "--no-render"]) == 0
    return "".join(str(person) for person, reason in planned(folder).items() if not reason)


FORMS = [
    ('exclude = ["../spring"]', "46"),
    ('exclude = "../spring: sent"', "456"),
    ('exclude = "../spring: failed"', "12356"),
    ('exclude = "../spring: bounced"', "12456"),
    ('exclude = ["../spring: bounced", "../spring: failed"]', "1256"),
    ('exclude = "../spring: not clicked"', "146"),
    ('exclude = "../spring: not sent"', "1236"),
    ('only = "../spring"', "1235"),
    ('only = "../spring: sent"', "123"),
    ('only = "../spring: clicked"', "1"),
    ('only = "../spring: not clicked"', "235"),
    ('only = ["../spring: not clicked", "../spring: not bounced"]', "25"),
    ('only = "../spring: not sent"', "45"),
    ('only = "../spring: not clicked"\nexclude = "../spring: bounced"', "25"),
    ('exclude = "../spring/campaign.toml: replied"', "123456"),
]


@pytest.mark.parametrize(("more", "who"), FORMS)
def test_each_form_means_whom_it_says(
    spring: Campaign, tmp_path: Path, more: str, who: str
) -> None:
    assert letters(tmp_path / "summer", more) == who


def test_who_is_left_out_is_counted_with_the_reason(
    spring: Campaign, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "summer"
    letters(folder, 'exclude = "../spring: not clicked"\nonly = "../spring"')
    assert planned(folder) == {
        1: "",
        2: "left out: not clicked in spring",
        3: "left out: not clicked in spring",
        4: "left out: is not among those who: got spring",
        5: "left out: not clicked in spring",
        6: "left out: is not among those who: got spring",
    }
    assert "by exclude or only in [recipients]" in capsys.readouterr().out
    assert main(["plan", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["skipped"] == 5


def test_a_person_in_several_rows_of_the_earlier_list_is_one_person(tmp_path: Path) -> None:
    spring = campaigns.planned(tmp_path / "spring", rows=[PEOPLE[0], PEOPLE[0], PEOPLE[1]])
    journals.run(
        journals.open_journal(spring.folder),
        [journals.sending(1, at=10), journals.sent(1, at=11)],
    )
    assert letters(tmp_path / "a", 'only = "../spring: not sent"') == "2"
    assert letters(tmp_path / "b", 'exclude = "../spring: skipped"') == "123456"
    assert letters(tmp_path / "c", 'exclude = "../spring: not sent"') == "13456"


def test_an_amendment_looks_again_and_takes_back_whom_it_left_out(
    spring: Campaign, tmp_path: Path
) -> None:
    folder = tmp_path / "summer"
    assert letters(folder, 'exclude = "../spring: bounced"') == "12456"
    told(spring, 2, "bounced", "recipient-gone")
    assert main(["plan", str(folder), "--amend"]) == 0
    assert planned(folder)[2] == "left out: bounced in spring"
    write(folder, 'exclude = "../spring: clicked"')
    assert main(["plan", str(folder), "--amend"]) == 0
    now = planned(folder)
    assert {person for person, reason in now.items() if not reason} == {2, 3, 4, 5, 6}
    assert now[1] == "left out: clicked in spring"
    with closing(ClaimReader.open(*load(folder).journal)) as reader:
        rows = reader.total()
    assert main(["plan", str(folder), "--amend"]) == 0
    with closing(ClaimReader.open(*load(folder).journal)) as reader:
        assert reader.total() == rows  # who stays left out gets no further row
    assert planned(folder) == now


def test_the_cells_of_who_is_taken_back_are_those_of_the_list_as_it_is_now(
    spring: Campaign, tmp_path: Path
) -> None:
    folder = tmp_path / "summer"
    letters(folder, 'exclude = "../spring: bounced"')
    changed = [*PEOPLE[:2], ("p3@example.org", "Changed", "gold"), *PEOPLE[3:]]
    write(folder, "", changed)
    assert main(["plan", str(folder), "--amend"]) == 0
    with closing(ClaimReader.open(*load(folder).journal)) as reader:
        jobs = [job for part in reader.planned_jobs(0, 100) for job in part]
    assert any("Changed" in job.data for job in jobs if job.address == "p3@example.org")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('exclude = "../spring: clickd"', "'clickd' is neither a state nor an event"),
        ('exclude = "../spring: clickd"', 'write "clicked"'),
        ('only = ["../spring", "../spring: not"]', "'not' is neither a state nor an event"),
        ('exclude = "../winter"', "there is no campaign in '../winter'"),
        ('exclude = ["../spring", "../winter: bounced"]', "there is no campaign in '../winter'"),
        ('exclude = "."', "'.' is this campaign itself"),
        ('only = " "', "names no people of an earlier campaign"),
        ('only = "../spring:"', "names no people of an earlier campaign"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    spring: Campaign, tmp_path: Path, more: str, said: str
) -> None:
    folder = write(tmp_path / "summer", more)
    line = 1 + (folder / "campaign.toml").read_text().partition(more.partition(" ")[0])[0].count(
        "\n"
    )
    with pytest.raises(ConfigErrors) as raised:
        load(folder)
    assert said in str(raised.value)
    assert f"campaign.toml:{line}: " in str(raised.value)


def test_a_campaign_without_a_plan_is_told_with_the_line_and_the_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    campaigns.write(tmp_path / "spring", rows=PEOPLE)
    folder = write(tmp_path / "summer", 'exclude = "../spring"')
    assert main(["plan", str(folder)]) == 78
    said = capsys.readouterr().err
    assert "exclude in [recipients]: '../spring': there is no " in said
    assert "campaign.toml:" in said
    assert "plan and send that campaign first" in said


def test_the_plan_goes_into_postgresql_too(
    spring: Campaign, tmp_path: Path, database_url: str
) -> None:
    folder = tmp_path / "summer"
    write(folder, 'only = "../spring: not clicked"')
    with (folder / "campaign.toml").open("a") as file:
        file.write(f'[journal]\nurl = "{database_url}"\n')
    assert main(["plan", str(folder)]) == 0
    assert {person for person, reason in planned(folder).items() if not reason} == {2, 3, 5}
    autumn = tmp_path / "autumn"
    write(autumn, 'only = "../summer: skipped"')
    assert main(["plan", str(autumn)]) == 0
    assert {person for person, reason in planned(autumn).items() if not reason} == {1, 4, 6}
    write(folder, "")
    with (folder / "campaign.toml").open("a") as file:
        file.write(f'[journal]\nurl = "{database_url}"\n')
    assert main(["plan", str(folder), "--amend"]) == 0
    assert {person for person, reason in planned(folder).items() if not reason} == set(range(1, 7))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("../spring", EarlierPeople("../spring", "got", False)),
        (" ../spring : bounced ", EarlierPeople("../spring", "bounced", False)),
        ("../a: b/c", EarlierPeople("../a: b/c", "got", False)),
        ("../a b: not  sent", EarlierPeople("../a b", "sent", True)),
        ("C:\\mail\\spring", EarlierPeople("C:\\mail\\spring", "got", False)),
        ("C:\\mail\\spring: opened", EarlierPeople("C:\\mail\\spring", "opened", False)),
    ],
)
def test_the_folder_ends_at_the_last_colon_before_a_word(text: str, meant: EarlierPeople) -> None:
    assert read_earlier(text) == meant
