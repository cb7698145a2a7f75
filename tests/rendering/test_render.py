"""A row becomes a message: exactly its own, whatever stands in the cells."""

from __future__ import annotations

import json
import pickle
import re
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.addresses.tokens import UnsubscribeTokens
from campaign.errors import ConfigError, RenderError
from campaign.records import Job, Message
from campaign.rendering.render import Content, Renderer, RenderSpec, UnsubscribeSpec, input_files
from fakes.prepared.letters import ADA, all_of, job, parsed, part, rendered, spec, text_of, write

BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
# Anything a cell may hold that may stand in a header, but for `{{`.
header_cells = st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters=BIDI + "{")
)
body_cells = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="{"))
SECRET = "the secret of the tokens"
TOKENS = UnsubscribeTokens([SECRET])
UNSUBSCRIBE = UnsubscribeSpec("https://example.com/u", "u@example.com", "news", TOKENS)
TOKEN = TOKENS.token("news", "ada@example.com", "spring")


def laws(message: Message) -> None:
    """What every finished message keeps (RFC 5322, 2.1.1; RFC 5321, 4.5.2)."""
    wire = message.wire
    assert wire.endswith(b"\r\n")
    assert wire.count(b"\r") == wire.count(b"\n") == wire.count(b"\r\n")
    for line in wire.split(b"\r\n"):
        assert len(line) <= 998
        assert not line.startswith(b".") or line.startswith(b"..")
    assert message.size_bytes == len(wire.replace(b"\r\n..", b"\r\n."))
    assert message.needs_smtputf8 or wire.isascii()


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Renderer:
    """A letter that shows the cell everywhere a cell can stand."""
    folder = tmp_path_factory.mktemp("campaign")
    write(folder, "body.txt", "{{ body }}\n.\n")
    write(folder, "body.html", "<p>{{ body }}</p>")
    message = {"text": "body.txt", "html": "body.html", "subject": "Dear {{ cell }}"}
    headers = {"X-Cell": "{{ cell }}", "X-Fixed": "yes"}
    return Renderer(
        spec(
            folder,
            ("cell", "body"),
            name="{{ cell }}",
            unsubscribe=UNSUBSCRIBE,
            headers=headers,
            reply_to="help@example.com",
            **message,
        )
    )


def test_the_date_is_the_jobs_or_else_the_plans(everything: Renderer) -> None:
    plain = job({"cell": "", "body": "x"})
    dated = Job(plain.row, 0, plain.address, plain.key, plain.data, date_s=1_800_000_000.0)
    first, second = everything.render(dated), everything.render(dated)
    assert first.wire == second.wire
    assert parsed(first)["Date"] == "Fri, 15 Jan 2027 08:00:00 +0000"
    assert parsed(everything.render(plain))["Date"] != parsed(first)["Date"]


@given(cell=header_cells, body=body_cells.filter(str.strip))
def test_any_row_comes_back_as_it_went_in(everything: Renderer, cell: str, body: str) -> None:
    message = everything.render(job({"cell": cell, "body": body}))
    laws(message)
    mail = parsed(message)
    expected = ["From", "MIME-Version", "List-Unsubscribe-Post", "Reply-To", "List-ID",
                "Feedback-ID", "Auto-Submitted", "X-Fixed", "Date",
                "To", "Subject", "Message-ID", "List-Unsubscribe", "X-Cell",
                "Content-Type"]  # fmt: skip
    assert mail.keys() == [name for name in expected if name != "X-Cell" or cell.strip()]
    assert mail["Subject"] == f"Dear {cell}".strip(" ")
    assert "".join(mail["To"].addresses[0].display_name.split()) == "".join(cell.split())
    assert mail["To"].addresses[0].addr_spec == "ada@example.com"
    assert [part.get_content_type() for part in mail.walk()] == [
        "multipart/alternative", "text/plain", "text/html",
    ]  # fmt: skip
    shown = body.replace("\r\n", "\n").replace("\r", "\n")
    assert text_of(mail) == f"{body}\n.\n".replace("\r\n", "\n").replace("\r", "\n")
    escaped = shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    escaped = escaped.replace("'", "&#39;").replace('"', "&#34;")
    assert text_of(mail, "text/html") == f"<p>{escaped}</p>"


@given(cell=st.text())
def test_any_text_at_all_is_a_good_message_or_a_render_error(
    everything: Renderer, cell: str
) -> None:
    try:
        message = everything.render(job({"cell": cell, "body": cell}))
    except RenderError:
        return
    laws(message)
    assert len(parsed(message).keys()) in (14, 15)


SMUGGLING = [
    "\n.\n", "\r.\r", "\r\n.\r\n", "\r\n.\n", "\n.\r\n", "\r\n.\r", "\r.\r\n", "\n.\r", "\r.\n",
    ".", ".\r\n", "..", "\r", "\n", "x\r\n.\r\nMAIL FROM:<x@y.example>\r\n", "\0.\r\n",
    "\r\n--=_x\r\n", "\x0b.\x0b", "\x85.\x85", "\u2028.\u2028",
]  # fmt: skip


@pytest.mark.parametrize("cell", SMUGGLING)
def test_no_cell_can_end_the_message(everything: Renderer, cell: str) -> None:
    message = everything.render(job({"cell": "x", "body": f"a{cell}b"}))
    laws(message)
    assert b"\r\n.\r\n" not in message.wire
    shown = cell.replace("\r\n", "\n").replace("\r", "\n")
    assert text_of(parsed(message)) == f"a{shown}b\n.\n"


@pytest.mark.parametrize("cell", [cell for cell in SMUGGLING if not cell.isprintable()])
def test_no_cell_can_add_a_header(everything: Renderer, cell: str) -> None:
    with pytest.raises(RenderError, match="it stands in column 'cell'"):
        everything.render(job({"cell": f"a{cell}b", "body": "x"}))


def test_a_cell_that_looks_like_an_encoded_word_stays_literal_text(everything: Renderer) -> None:
    cell = "=?utf-8?q?a=0d=0aBcc:_v@x.example?="
    mail = parsed(everything.render(job({"cell": cell, "body": "x"})))
    assert "Bcc" not in mail
    assert mail["Subject"] == f"Dear {cell}"
    assert mail["X-Cell"] == cell
    assert mail["To"].addresses[0].display_name == cell


def test_a_forbidden_character_is_blamed_on_its_column(everything: Renderer) -> None:
    with pytest.raises(RenderError) as caught:
        everything.render(job({"cell": "a\u202eb", "body": "x"}))
    assert str(caught.value) == ("To holds U+202E, which no header may: it stands in column 'cell'")


def test_half_a_character_is_blamed_on_its_column(everything: Renderer) -> None:
    with pytest.raises(RenderError, match=r"U\+D800 is half a character: .*column 'body'"):
        everything.render(job({"cell": "x", "body": "a\ud800"}))


def test_the_same_job_gives_the_same_bytes_from_any_renderer(tmp_path: Path) -> None:
    campaign = spec(tmp_path, name="{{ first_name }}", unsubscribe=UNSUBSCRIBE)
    again = pickle.loads(pickle.dumps(campaign))
    first, other = Renderer(campaign).render(job()), Renderer(again).render(job())
    assert all_of(first) == all_of(other)


def test_two_recipients_share_neither_message_id_nor_boundary(tmp_path: Path) -> None:
    write(tmp_path, "body.html", "<p>x</p>")
    renderer = Renderer(spec(tmp_path, html="body.html"))
    first = renderer.render(job())
    second = renderer.render(job({**ADA, "email": "bob@example.com"}, 2, "bob@example.com"))
    one, other = parsed(first), parsed(second)
    assert one["Message-ID"] != other["Message-ID"]
    assert one.get_boundary() != other.get_boundary()
    assert "ada" not in one["Message-ID"].partition("@")[0]


def test_two_letters_to_one_person_share_only_the_unsubscribe_link(tmp_path: Path) -> None:
    write(tmp_path, "body.html", "<p>x</p>")
    renderer = Renderer(spec(tmp_path, html="body.html", unsubscribe=UNSUBSCRIBE))
    first = parsed(renderer.render(job()))
    second = parsed(renderer.render(job(repeat="#2")))
    assert first["Message-ID"] != second["Message-ID"]
    assert first.get_boundary() != second.get_boundary()
    assert first["List-Unsubscribe"] == second["List-Unsubscribe"]


def test_a_spec_travels_without_the_secret_of_the_tokens(tmp_path: Path) -> None:
    campaign = spec(tmp_path, unsubscribe=UNSUBSCRIBE)
    travelling = pickle.dumps(campaign)
    assert SECRET.encode() not in travelling
    assert campaign.token_of("ada@example.com") == TOKENS.token("news", "ada@example.com", "spring")
    assert pickle.loads(travelling).token_of("ada@example.com") == ""


def test_a_spec_travels_without_the_settings_model(tmp_path: Path) -> None:
    travelled = pickle.loads(pickle.dumps(spec(tmp_path)))
    assert isinstance(travelled, RenderSpec)
    assert isinstance(travelled.message, Content)
    assert b"pydantic" not in pickle.dumps(spec(tmp_path))


def test_a_text_alone_is_a_single_part(tmp_path: Path) -> None:
    write(tmp_path, "body.txt", "Hello {{ first_name }},\n\nbye\n")
    mail = parsed(rendered(spec(tmp_path, text="body.txt")))
    assert mail.get_content_type() == "text/plain"
    assert mail["Content-Transfer-Encoding"] == "7bit"
    assert text_of(mail) == "Hello Ada,\n\nbye\n"


def test_a_text_without_a_last_line_end_gets_one(tmp_path: Path) -> None:
    write(tmp_path, "body.txt", "bye")
    message = rendered(spec(tmp_path, text="body.txt"))
    laws(message)
    assert message.wire.endswith(b"\r\n\r\nbye\r\n")


def test_a_text_is_made_from_the_html_where_there_is_none(tmp_path: Path) -> None:
    write(
        tmp_path,
        "body.html",
        "<h1>Hello {{ first_name }}</h1><p>See <a href='https://x.example/'>this</a>.</p>",
    )
    mail = parsed(rendered(spec(tmp_path, html="body.html")))
    assert mail.get_content_type() == "multipart/alternative"
    text = text_of(mail)
    assert "Hello Ada" in text
    assert "See this <https://x.example/>." in text


def test_the_levels_are_only_those_that_are_needed(tmp_path: Path) -> None:
    write(tmp_path, "a.pdf", "x")
    write(tmp_path, "logo.png", "x")
    write(tmp_path, "b.html", "<p>x</p>")
    inline, attachments = {"logo": "logo.png"}, ("a.pdf",)

    def tree(**message: Any) -> list[str]:
        mail = parsed(rendered(spec(tmp_path, **message)))
        assert not [defect for part in mail.walk() for defect in part.defects]
        return [part.get_content_type().removeprefix("multipart/") for part in mail.walk()]

    assert tree() == ["text/plain"]
    assert tree(attachments=attachments) == ["mixed", "text/plain", "application/pdf"]
    assert tree(html="b.html") == ["alternative", "text/plain", "text/html"]
    assert tree(html="b.html", inline=inline, attachments=attachments) == [
        "mixed", "alternative", "text/plain", "related", "text/html", "image/png",
        "application/pdf",
    ]  # fmt: skip


def test_columns_that_are_no_identifiers_are_reached_by_name(tmp_path: Path) -> None:
    columns = ("email", "First name")
    campaign = spec(tmp_path, columns, subject='{{ columns["First name"] }} at {{ address }}')
    row = {"email": "ada@example.com", "First name": "Ada"}
    assert parsed(rendered(campaign, row))["Subject"] == "Ada at ada@example.com"


def test_a_postal_address_column_keeps_its_name(tmp_path: Path) -> None:
    campaign = spec(tmp_path, ("email", "address"), subject="{{ address }}")
    row = {"email": "ada@example.com", "address": "12 St James's Square"}
    assert parsed(rendered(campaign, row))["Subject"] == "12 St James's Square"


def test_cells_are_strings_as_typed(tmp_path: Path) -> None:
    campaign = spec(tmp_path, ("a", "b", "c"), subject="{{ a }} {{ b }} {{ c }}")
    assert (
        parsed(rendered(campaign, {"a": "007", "b": "None", "c": "1.0"}))["Subject"]
        == "007 None 1.0"
    )


def test_each_source_has_its_own_columns(tmp_path: Path) -> None:
    campaign = spec(tmp_path, subject="{{ first_name }}")
    both = RenderSpec(
        **{**campaign.__dict__, "sources": (("first_name", "x"), ("x", "first_name"))}
    )
    renderer = Renderer(both)
    for source, cells in ((0, ["Ada", "-"]), (1, ["-", "Ada"])):
        message = renderer.render(Job(1, source, "a@b.example", "a@b.example", json.dumps(cells)))
        assert parsed(message)["Subject"] == "Ada"


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({"subject": "{{ first_name }}"}, "the subject is empty"),
        ({"subject": " "}, "the subject is empty"),
        ({"text": "empty.txt"}, "the text is empty"),
        ({"html": "empty.html"}, "the HTML is empty"),
        ({"subject": "x {{ '{{' }} y"}, "the subject still holds '{{ y'"),
        ({"text": "raw.txt"}, "the text still holds '{{ first_name }} and more'"),
        ({"subject": "{{ columns.get('x') }}"}, "message.subject:1: an expression gives None"),
        ({"subject": "a\nb"}, "Subject holds U+000A"),
        ({"subject": "x", "reply_to": "{{ first_name }}x"}, "Reply-To: no @ in 'x'"),
    ],
)
def test_a_row_that_makes_no_good_letter_is_refused(
    tmp_path: Path, message: dict[str, str], reason: str
) -> None:
    write(tmp_path, "empty.txt", "{{ first_name }}\n \n")
    write(tmp_path, "empty.html", "{{ first_name }}")
    write(tmp_path, "raw.txt", "{% raw %}{{ first_name }} and more{% endraw %}")
    row = {"email": "ada@example.com", "first_name": "", "last_name": ""}
    with pytest.raises(RenderError, match=re.escape(reason)):
        rendered(spec(tmp_path, **message), row)


def test_a_header_that_renders_to_nothing_is_left_out(tmp_path: Path) -> None:
    headers = {"X-Vip": "{% if first_name == 'Bob' %}yes{% endif %}", "X-Empty": ""}
    mail = parsed(rendered(spec(tmp_path, headers=headers, reply_to="{{ '' }}")))
    assert not {"X-Vip", "X-Empty", "Reply-To"} & set(mail.keys())


@pytest.mark.parametrize(
    "name",
    ["Bcc", "to", "Content-Type", "Subject", "X\r\nBcc", "X-{{ first_name }}", "DKIM-Signature"],
)
def test_the_config_cannot_write_fields_that_are_ours_or_no_fields(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(ConfigError, match=r"message\.headers: "):
        Renderer(spec(tmp_path, headers={name: "x"}))


@pytest.mark.parametrize(
    "sender", ["Ada", "{{ first_name }} <a@b.example>", "a@b.example, c@d.example"]
)
def test_a_sender_is_one_fixed_address(tmp_path: Path, sender: str) -> None:
    with pytest.raises(ConfigError, match=r"message\.from: "):
        Renderer(spec(tmp_path, **{"from": sender}))


def test_the_reply_address_may_be_the_recipients_own(tmp_path: Path) -> None:
    campaign = spec(tmp_path, reply_to="Team {{ last_name }} <{{ first_name|lower }}@example.com>")
    assert parsed(rendered(campaign))["Reply-To"] == "Team Lovelace <ada@example.com>"


def test_unsubscribing_takes_one_click(tmp_path: Path) -> None:
    write(tmp_path, "body.txt", "{{ unsubscribe_url }}\n")
    campaign = spec(tmp_path, text="body.txt", unsubscribe=UNSUBSCRIBE)
    mail = parsed(Renderer(campaign).render(job(token=TOKEN)))
    url = mail.get_content().strip()
    assert url == f"https://example.com/u?t={TOKEN}"
    by_mail = f"<mailto:u@example.com?subject=unsubscribe%20{TOKEN}>"
    assert mail["List-Unsubscribe"] == f"<{url}>, {by_mail}"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


@pytest.mark.parametrize(
    ("url", "start", "end"),
    [
        ("https://example.com/app#/unsub", "https://example.com/app?t=", "#/unsub"),
        ("https://example.com/app?a=b#x", "https://example.com/app?a=b&t=", "#x"),
        ("https://example.com/app?", "https://example.com/app?t=", ""),
    ],
)
def test_the_token_of_a_link_stands_before_its_fragment(
    tmp_path: Path, url: str, start: str, end: str
) -> None:
    unsubscribe = UnsubscribeSpec(url, "", "news", TOKENS)
    renderer = Renderer(spec(tmp_path, unsubscribe=unsubscribe))
    written = parsed(renderer.render(job(token=TOKEN)))["List-Unsubscribe"]
    assert written == f"<{start}{TOKEN}{end}>"


def test_an_address_is_escaped_where_it_becomes_a_link(tmp_path: Path) -> None:
    unsubscribe = UnsubscribeSpec("", "a?b&c%d+e@example.com")
    mail = parsed(rendered(spec(tmp_path, unsubscribe=unsubscribe)))
    link = "mailto:a%3Fb%26c%25d+e@example.com?subject=unsubscribe"
    assert mail["List-Unsubscribe"] == f"<{link}>"


def test_a_link_that_no_letter_can_carry_stops_the_campaign(tmp_path: Path) -> None:
    unsubscribe = UnsubscribeSpec("https://example.com/a b", "", "news", TOKENS)
    with pytest.raises(ConfigError, match="unsubscribe: List-Unsubscribe must be ASCII"):
        Renderer(spec(tmp_path, unsubscribe=unsubscribe))


def test_a_letter_of_images_alone_needs_words_for_its_text(tmp_path: Path) -> None:
    write(tmp_path, "body.html", '<img src="https://x.example/a.png">')
    with pytest.raises(RenderError, match=r"the HTML has no words .*give its images an alt text"):
        rendered(spec(tmp_path, html="body.html"))
    write(tmp_path, "body.html", '<img src="https://x.example/a.png" alt="Half price today">')
    assert text_of(parsed(rendered(spec(tmp_path, html="body.html")))) == "Half price today\n"


def test_an_address_to_write_to_is_not_one_click(tmp_path: Path) -> None:
    by_mail = UnsubscribeSpec("", "u@example.com")
    mail = parsed(rendered(spec(tmp_path, unsubscribe=by_mail)))
    assert mail["List-Unsubscribe"] == "<mailto:u@example.com?subject=unsubscribe>"
    assert "List-Unsubscribe-Post" not in mail


def test_only_a_local_part_of_another_script_needs_smtputf8(tmp_path: Path) -> None:
    renderer = Renderer(spec(tmp_path, name="{{ first_name }}"))
    plain = renderer.render(job({**ADA, "first_name": "王小明"}))
    eai = renderer.render(job(ADA, address="用户@xn--fsqu00a.example"))
    laws(plain)
    laws(eai)
    assert not plain.needs_smtputf8
    assert eai.needs_smtputf8
    assert "To: Ada <用户@xn--fsqu00a.example>\r\n".encode() in eai.wire


def test_input_files_are_everything_that_would_change_a_letter(tmp_path: Path) -> None:
    written = [
        write(tmp_path, "body.html", '{% extends "base.html" %}'),
        write(tmp_path, "templates/base.html", ""),
        write(tmp_path, "body.txt", '{% include "part.txt" %}'),
        write(tmp_path, "templates/part.txt", ""),
        write(tmp_path, "logo.png", ""),
        write(tmp_path, "terms.pdf", ""),
    ]
    message = spec(
        tmp_path,
        html="body.html",
        text="body.txt",
        inline={"logo": "logo.png"},
        attachments=("terms.pdf", "invoices/{{ x }}.pdf"),
    ).message
    assert input_files(tmp_path, message) == sorted(written)


def test_the_text_part_stands_before_the_html_part(tmp_path: Path) -> None:
    """RFC 2046, 5.1.4: the last part is the one that is liked best."""
    write(tmp_path, "body.html", "<p>x</p>")
    mail = parsed(rendered(spec(tmp_path, html="body.html")))
    assert part(mail, "text/plain") is next(mail.iter_parts())  # type: ignore[comparison-overlap]


def test_the_template_of_a_group_sees_all_its_rows(tmp_path: Path) -> None:
    write(
        tmp_path, "body.txt", "{{ item }}:{% for row in rows %} {{ row['the item'] }}{% endfor %}"
    )
    campaign = replace(
        spec(tmp_path, ("email", "item"), text="body.txt"),
        sources=(("email", "item", "the item"), ("the item", "email")),
        group_column="email",
    )
    renderer = Renderer(campaign)
    cells = ["a@b.example", "x", "rope"]
    more = [[0, cells], [1, ["map", "a@b.example"]]]
    for data, text in (([*cells, more], "x: rope map\n"), (cells, "x: rope\n")):
        message = renderer.render(Job(1, 0, "a@b.example", "a@b.example", json.dumps(data)))
        assert text_of(parsed(message)) == text


def test_letters_that_are_rendered_together_are_those_that_are_rendered_alone(
    tmp_path: Path,
) -> None:
    pytest.importorskip("babel")
    write(tmp_path, "body.txt", "{{ cell }} {{ amount|number }}\n{{ cell * (size|int) }}\n")
    write(tmp_path, "body.de.txt", "Hallo {{ cell }} {{ amount|number }}\n")
    write(tmp_path, "files/a.pdf", "a")
    write(tmp_path, "files/b.pdf", "b" * 200_000)
    columns = {
        "cell": ["Ada", "", "José", "小明", "a\u202eb", "half \ud800", "{{ x }}"],
        "amount": ["1234.5", "no number"],
        "size": ["1", "90000"],
        "file": ["a.pdf", "b.pdf", "none.pdf", ""],
        "language": ["", "de", "fr"],
    }
    rows = [dict(zip(columns, cells, strict=True)) for cells in product(*columns.values())]
    jobs = [job(row, number) for number, row in enumerate(rows, start=1)]
    renderer = Renderer(
        spec(
            tmp_path,
            tuple(columns),
            text="body.txt",
            name="{{ cell }}",
            subject="{{ cell }}: {{ amount|number }}",
            attachments=("files/{{ file }}",),
            locale="language",
        )
    )
    together = list(renderer.drafts(jobs))
    for one, drafted in zip(jobs, together, strict=True):
        if not drafted.problem:
            assert all_of(renderer.render(one)) == all_of(drafted.assembled(renderer.shared))
            continue
        with pytest.raises(RenderError) as alone:
            renderer.draft(one)
        unsendable = Message(one.row, b"", 0, False, f"render: {alone.value}")
        assert all_of(drafted.assembled(renderer.shared)) == all_of(unsendable)
    problems = sum(bool(drafted.problem) for drafted in together)
    assert 20 < problems < len(jobs) - 20
