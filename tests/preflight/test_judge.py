"""Judging a letter where it is rendered finds what looking at the whole letter finds."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.errors import CampaignError
from campaign.preflight.letters.judge import LetterJudge, Report, has_long_line, read_remarks
from campaign.preflight.letters.lint import LINE_MAX, Bulk, Remark, remarks_on
from campaign.records import Job
from campaign.rendering.render import Renderer, RenderSpec, UnsubscribeSpec
from fakes.prepared.letters import job, spec, write

HTTPS = UnsubscribeSpec("https://example.com/u", "")
LIST = Bulk(is_list=True, is_signed=True)
CELLS = [
    "Ada", "", "bank.example", "https://bit.ly/x", "李小龙", "Re: you", "a > b", "<b>", "</a>",
    "display:flex", 'x" style="gap:2px', "<style>", "x.svg", "\x01", "\ue000", "xn--pple-43d.com",
    "https://good.example/a?b=1", "y" * 1200,
]  # fmt: skip
PIECES = [
    "<p>Dear {{ a }},</p>\n", "<p>Read on.</p>\n", "{{ a|safe }}", "\n", "<b\n", ">", "</a>", "<a",
    '<a href="https://good.example/{{ b }}">\n', "news\n", "</a>\n", "<p>bank.example</p>\n",
    '<a href="https://good.example/1">good.example</a>\n', '<a href="{{ b }}">here</a>\n',
    '<A HREF="https://evil.example/{{ a }}">bank.example</A>\n', '<a name="{{ a }}">\n',
    '<a href="https://t.co/{{ b }}" style="{{ a }}">{{ a }}</a>\n', "<a href='https://bit.ly/'>\n",
    '<a href="https://evil.example/{{ b }}" class=x><b>bank.example</b></a>\n', "<svg>\n",
    '<img src="https://good.example/{{ b }}.SVG">\n', "<form>\n",
    '<img src="https://x.example/a.webp?{{ a }}">\n',
    '<img src="https://good.example/{{ b }}.png" alt="{{ a }}">\n', '<img src="{{ b|safe }}">\n',
    '<td style="display:flex">\n', '<td style="color:{{ a }}">{{ b }}</td>\n', "gap:2px\n",
    "<style>p { gap: 2px }</style>\n", "<style>p > b { display:grid }\n", "</style>\n", "<video ",
    "<!--[if mso]><table><![endif]-->\n", '<p title="<b>{{ a }}</b>">\n',
    "{% if a %}<p>{% endif %}", "<p style='position:absolute'\n",
    "{% for n in range(3) %}<i>{{ n }}</i>\n{% endfor %}",
]  # fmt: skip


def both(spec: RenderSpec, jobs: Sequence[Job]) -> list[tuple[set[Remark], set[Remark]]]:
    """Of each letter: what the judge says, and what the whole letter says."""
    judge = LetterJudge(LIST)
    plain, judging = Renderer(spec), Renderer(dataclasses.replace(spec, judge=judge))
    found = []
    for message, judged in zip(map(plain.draft, jobs), judging.drafts(jobs), strict=True):
        whole = message.assembled(plain.shared)
        assert judged.size_bytes == whole.size_bytes
        (piece,) = judged.pieces
        assert isinstance(piece, bytes)
        report = Report.read(piece)
        assert report.message_id in whole.wire
        told = read_remarks(report.remarks) if report.remarks else ()
        found.append((set(told), set(remarks_on(whole.wire, LIST))))
    return found


@given(
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=12),
    st.lists(
        st.tuples(st.sampled_from(CELLS), st.sampled_from(CELLS), st.sampled_from(CELLS)),
        min_size=3, max_size=8,
    ),
)  # fmt: skip
def test_the_judge_finds_in_every_letter_what_is_found_in_the_whole(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[str], rows: list[tuple[str, str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("judged")
    write(folder, "body.html", f"<p>Hello</p>\n{''.join(pieces)}")
    write(folder, "body.txt", "Hello {{ a }}\n")
    made = spec(
        folder,
        ("email", "a", "b", "c"),
        subject="{{ c }} news",
        html="body.html",
        text="body.txt",
        headers={"X-Kind": "{{ a if a|length < 99 else 'x' }}"},
        unsubscribe=HTTPS,
    )
    cells = [dict(zip(("email", "a", "b", "c"), ("e@example.com", *row), strict=True))
             for row in rows]  # fmt: skip
    jobs = [
        job(row, number, token=f"t{number}")
        for number, row in enumerate(cells, 1)
        if len(row["c"]) < 99 and "\x01" not in row["c"] + row["a"]
    ]
    for judged, whole in both(made, jobs):
        assert judged == whole


@pytest.mark.parametrize(
    ("message", "unsubscribe", "rule"),
    [
        ({}, None, "letter-one-click"),
        ({}, UnsubscribeSpec("", "out@example.com"), "letter-one-click"),
        ({"subject": "Re: {{ a }}"}, HTTPS, "letter-subject"),
        ({"headers": {"Reply-To": "x@example.com"}, "reply_to": "y@example.com"},
         HTTPS, ""),
        ({"headers": {f"X-{n}": "y" * 900 for n in range(20)}},
         HTTPS, "letter-head"),
        ({"headers": {"X-Long": "{{ a * 700 }}"}},
         HTTPS, ""),
        ({"headers": {"X-Long": f"{'y' * 1200} z"}}, HTTPS, ""),
        ({"from": '"ada@bank.example" <ada@example.com>'},
         HTTPS, "letter-from"),
    ],
)  # fmt: skip
def test_the_judge_finds_what_is_wrong_with_a_head(
    tmp_path: Path, message: dict[str, object], unsubscribe: UnsubscribeSpec | None, rule: str
) -> None:
    message = dict(message)
    try:
        made = spec(tmp_path, ("email", "a"), unsubscribe=unsubscribe, **message)
        found = both(made, [job({"email": "e@example.com", "a": "z" * n}, n + 1) for n in range(4)])
    except CampaignError:
        assert not rule
        return
    for judged, whole in found:
        assert judged == whole
        assert not rule or rule in {remark.id for remark in judged}


@pytest.mark.parametrize("kilobytes", [20, 60, 101, 103, 300])
@pytest.mark.parametrize("letter", ["y", "é", "李"])
def test_the_judge_measures_html_as_the_whole_letter_does(
    tmp_path: Path, kilobytes: int, letter: str
) -> None:
    count = kilobytes * 1024 // len(letter.encode()) // 61
    write(tmp_path, "body.html", f"<p>{{{{ a }}}}</p>\n{(letter * 60 + chr(10)) * count}")
    made = spec(tmp_path, ("email", "a"), html="body.html")
    for judged, whole in both(made, [job({"email": "e@example.com", "a": str(n)}) for n in "123"]):
        assert judged == whole
        if kilobytes in (20, 300):
            assert ("letter-clipped" in {remark.id for remark in judged}) == (kilobytes == 300)


@given(st.lists(st.integers(0, LINE_MAX + 4), max_size=6), st.booleans())
def test_a_line_is_long_where_cutting_at_each_line_says_so(lengths: list[int], ends: bool) -> None:
    data = b"\r\n".join(b"x" * length for length in lengths) + (b"\r\n" if ends else b"")
    assert has_long_line(data) == (max(map(len, data.split(b"\r\n"))) > LINE_MAX)


@pytest.mark.parametrize("nonsense", [b"{", b"[1]", b"[[1,2]]", b"7", b"\xff"])
def test_a_report_that_is_nonsense_is_refused(nonsense: bytes) -> None:
    with pytest.raises(CampaignError, match="not understood"):
        read_remarks(nonsense)
