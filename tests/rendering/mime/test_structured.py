"""Header fields with a grammar of their own: only the words in them are encoded."""

from __future__ import annotations

from email.headerregistry import Address
from pathlib import Path

import pytest

from campaign.errors import ConfigError, RenderError
from campaign.rendering.mime.structured import custom_field
from campaign.rendering.render import Renderer
from fakes.prepared.letters import ADA, parse, parsed, rendered, spec


@pytest.mark.parametrize(
    ("name", "value", "written"),
    [
        ("Sender", "Büro <a@b.example>", "=?utf-8?b?QsO8cm8=?= <a@b.example>"),
        ("Errors-To", "a@b.example", "a@b.example"),
        (
            "Disposition-Notification-To",
            '"Lovelace, Ada" <a@b.example>, Büro <c@d.example>',
            '"Lovelace, Ada" <a@b.example>,\r\n =?utf-8?b?QsO8cm8=?= <c@d.example>',
        ),
        ("List-ID", "Grüße <n.example.com>", "=?utf-8?b?R3LDvMOfZQ==?= <n.example.com>"),
        ("List-Id", "<n.example.com>", "<n.example.com>"),
        (
            "List-Unsubscribe",
            "<https://e.example/ü?a=%20b&c=d>, <mailto:x@y.example> (Grüße)",
            "<https://e.example/%C3%BC?a=%20b&c=d>,\r\n"
            " <mailto:x@y.example>\r\n (=?utf-8?b?R3LDvMOfZQ==?=)",
        ),
        ("List-Post", "no", "NO"),
        ("References", "<a@b> <c@d>", "<a@b> <c@d>"),
        ("Auto-Submitted", "auto-generated", "auto-generated"),
        ("Precedence", "bulk", "bulk"),
        ("Feedback-ID", "spring:example", "spring:example"),
        ("X-Note", "Grüße <a@b.example>", "=?utf-8?b?R3LDvMOfZSA8YUBiLmV4YW1wbGU+?="),
    ],
)
def test_a_field_is_written_by_its_own_grammar(name: str, value: str, written: str) -> None:
    assert custom_field(name, value) == f"{name}: {written}\r\n".encode()


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("Sender", "nobody", "write Ada Lovelace <ada@example.com>"),
        ("Sender", "a@b.example, c@d.example", "may hold one"),
        ("Errors-To", "Büro", "write Ada Lovelace"),
        ("List-Id", "Grüße", "write Our News <news.example.com>"),
        ("List-Id", "a <b> <c>", "write Our News <news.example.com>"),
        ("List-Help", "https://e.example/", "write <https://example.com/leave>"),
        ("In-Reply-To", "Grüße <a@b>", "write <left@right>"),
    ],
)
def test_a_value_that_breaks_the_grammar_is_told_how_to_be_written(
    name: str, value: str, remedy: str
) -> None:
    with pytest.raises(RenderError, match=remedy):
        custom_field(name, value)


def test_a_value_for_everybody_that_breaks_it_stops_the_campaign(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"write Our News <news\.example\.com>"):
        Renderer(spec(tmp_path, headers={"List-Id": "Grüße"}))


def test_a_cell_stays_within_the_name_of_its_field(tmp_path: Path) -> None:
    row = {**ADA, "first_name": 'Büro" <x@evil.example>, "'}
    campaign = spec(tmp_path, headers={"Sender": "{{ first_name }} <a@b.example>"})
    with pytest.raises(RenderError, match="Sender"):
        rendered(campaign, row)
    row["first_name"] = "Büro 王"
    mail = parsed(rendered(campaign, row))
    assert mail["Sender"].address == Address("Büro 王", addr_spec="a@b.example")


def test_a_program_finds_the_address_of_a_long_name() -> None:
    block = custom_field("Sender", f"{'名' * 60} <a@b.example>")
    assert max(map(len, block.split(b"\r\n"))) <= 78
    assert parse(block + b"\r\n")["Sender"].address.addr_spec == "a@b.example"
