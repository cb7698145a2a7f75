"""Templates: strict, sandboxed, and able to reach what they should and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from campaign.errors import RenderError, TemplateError
from campaign.rendering.templating.escaping import Escaping
from campaign.rendering.templating.roots import Reach
from campaign.rendering.templating.templates import TemplateCompiler, fixed_start, is_constant
from fakes.prepared.letters import compiler_for, write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A campaign beside a `templates` folder, as the sample has it."""
    campaign = tmp_path / "spring"
    campaign.mkdir()
    return campaign


def render(folder: Path, path: str, escaping: Escaping = "none", **values: Any) -> str:
    compiler = compiler_for(folder)
    return compiler.file(path, escaping).render(compiler.values() | values)


def render_text(folder: Path, source: str, **values: Any) -> str:
    compiler = compiler_for(folder)
    return compiler.text(source, "message.subject").render(compiler.values() | values)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{% for a in range(3) %}{{ a }}{% endfor %}", "012"),
        ("{% for a in range(1, 4, 2) %}{% for b in range(a) %}{{ b }},{% endfor %}{% endfor %}",
         "0,0,1,2,"),
        ("{% for a in 'xy' %}[{{ range(a|length + 1)|join(', ') }}]{% endfor %}", "[0, 1][0, 1]"),
        ("{% macro m(n) %}{% for a in range(n) %}{{ a }}{% endfor %}{% endmacro %}{{ m(2) }}",
         "01"),
        ("{% block b %}{% for a in range(2) %}{{ a }}{% endfor %}{% endblock %}", "01"),
    ],
)  # fmt: skip
def test_range_counts_wherever_it_stands(folder: Path, source: str, text: str) -> None:
    assert render_text(folder, source) == text


def test_a_template_extends_and_includes_from_its_own_folder(folder: Path) -> None:
    write(folder, "../templates/renewal/base.html", "<{% block b %}{% endblock %}>")
    write(folder, "../templates/renewal/name.txt", "{{ name }}")
    write(
        folder,
        "../templates/renewal/body.html",
        '{% extends "base.html" %}{% block b %}{% include "name.txt" %}{% endblock %}',
    )
    assert render(folder, "../templates/renewal/body.html", name="Ada") == "<Ada>"


@pytest.mark.parametrize("name", ["layouts/base.html", "../layouts/base.html"])
def test_a_layout_lies_in_the_nearest_templates_folder(folder: Path, name: str) -> None:
    write(folder, "../templates/layouts/base.html", "<{% block b %}{% endblock %}>")
    write(
        folder,
        "../templates/renewal/body.html",
        f'{{% extends "{name}" %}}{{% block b %}}x{{% endblock %}}',
    )
    assert render(folder, "../templates/renewal/body.html") == "<x>"


@pytest.mark.parametrize("declared", ["layouts", "layouts/base.html", "."])
def test_a_campaign_declares_what_else_its_templates_reach(folder: Path, declared: str) -> None:
    write(folder, "layouts/base.html", "<{% block b %}{% endblock %}>")
    write(folder, "mail/body.html", '{% extends "layouts/base.html" %}')
    compiler = compiler_for(folder, declared)
    assert compiler.file("mail/body.html", "none").render(compiler.values()) == "<>"


def test_a_folder_of_templates_beside_the_campaign_needs_no_declaration(folder: Path) -> None:
    write(folder, "templates/foot.txt", "foot")
    write(folder, "body.txt", '{% include "foot.txt" %} {% include "templates/foot.txt" %}')
    compiler = TemplateCompiler(Reach(folder))
    assert compiler.file("body.txt", "none").render(compiler.values()) == "foot foot"


def test_a_template_may_extend_another_of_the_message(folder: Path) -> None:
    write(folder, "body.txt", "<{% block b %}{% endblock %}>")
    write(folder, "body.zh.txt", '{% extends "body.txt" %}')
    compiler = TemplateCompiler(Reach(folder, (), ("body.txt", "body.zh.txt")))
    assert compiler.file("body.zh.txt", "none").render(compiler.values()) == "<>"


@pytest.mark.parametrize(
    "name",
    ["secret.txt", "./secret.txt", "campaign.toml", "list.csv", "state/notes.txt", "secret.html"],
)
@pytest.mark.parametrize("source", ['{%% include "%s" %%}', "{%% include '%s' ~ '' %%}"])
def test_what_lies_beside_a_template_of_the_campaigns_folder_is_out_of_reach(
    folder: Path, name: str, source: str
) -> None:
    """As `campaign init` lays a campaign out."""
    write(folder, name, "secret")
    write(folder, "body.txt", source % name)
    compiler = TemplateCompiler(Reach(folder, (), ("body.txt",)))
    with pytest.raises((TemplateError, RenderError), match="there is no template"):
        compiler.file("body.txt", "none").render(compiler.values())


@pytest.mark.parametrize("name", ["campaign.toml", "list.csv", "key.pem", "password"])
def test_only_templates_are_within_reach_in_any_folder(folder: Path, name: str) -> None:
    write(folder, f"mail/{name}", "secret")
    write(folder, "mail/body.txt", f"{{% include '{name}' %}}")
    for reach in (Reach(folder), Reach(folder, (".", "mail"))):
        with pytest.raises(TemplateError, match="there is no template"):
            TemplateCompiler(reach).file("mail/body.txt", "none")


def test_a_folder_that_holds_the_campaign_is_out_of_reach(folder: Path) -> None:
    write(folder, "../secret.txt", "secret")
    write(folder, "../body.txt", '{% include "secret.txt" %}')
    with pytest.raises(TemplateError, match="name its file or folder in `templates`"):
        TemplateCompiler(Reach(folder)).file("../body.txt", "none")


@pytest.mark.parametrize(
    "name", ["../../secret.txt", "../secret.txt", "/etc/hostname", "link.txt", "deep/../../x.txt"]
)
def test_what_lies_outside_the_roots_does_not_exist(folder: Path, name: str) -> None:
    write(folder, "../secret.txt", "secret")
    write(folder, "../x.txt", "secret")
    write(folder, "../templates/renewal/deep/x.txt", "")
    write(folder, "../templates/renewal/body.txt", f'a\n{{% include "{name}" %}}')
    (folder / "../templates/renewal/link.txt").symlink_to(folder.parent / "secret.txt")
    with pytest.raises(TemplateError, match="there is no template") as caught:
        render(folder, "../templates/renewal/body.txt")
    assert caught.value.place == "../templates/renewal/body.txt:2"


@pytest.mark.parametrize("name", ["../../secret.txt", "/etc/hostname", "link.txt"])
def test_a_name_made_by_an_expression_reaches_nothing_outside_either(
    folder: Path, name: str
) -> None:
    write(folder, "../secret.txt", "secret")
    write(folder, "../templates/renewal/body.txt", "{% include cell %}")
    (folder / "../templates/renewal/link.txt").symlink_to(folder.parent / "secret.txt")
    with pytest.raises(RenderError, match=r"body\.txt:1: there is no template"):
        render(folder, "../templates/renewal/body.txt", cell=name)


def test_an_include_that_may_be_missing_may_be_missing(folder: Path) -> None:
    write(folder, "body.txt", '{% include "gone.txt" ignore missing %}x')
    assert render(folder, "body.txt") == "x"


def test_a_text_in_the_config_reaches_no_file(folder: Path) -> None:
    write(folder, "a.txt", "x")
    with pytest.raises(RenderError, match=r"message\.subject:1"):
        render_text(folder, '{% include "a.txt" %}')


def test_html_escapes_cells_and_text_does_not(folder: Path) -> None:
    write(folder, "body.x", "<b>{{ cell }}</b>")
    assert render(folder, "body.x", "html", cell="<i>&") == "<b>&lt;i&gt;&amp;</b>"
    assert render(folder, "body.x", "none", cell="<i>&") == "<b><i>&</b>"


def test_a_cell_is_never_a_template(folder: Path) -> None:
    assert render_text(folder, "{{ cell }}", cell="{{ 7 * 7 }}") == "{{ 7 * 7 }}"


def test_a_misspelt_column_is_named_with_its_line_and_a_suggestion(folder: Path) -> None:
    write(folder, "body.html", "Hello\n\n{{ frist_name }}")
    with pytest.raises(RenderError) as caught:
        render(folder, "body.html", first_name="Ada")
    assert str(caught.value) == (
        "body.html:3: 'frist_name' is undefined (did you mean 'first_name'?)"
    )


def test_a_misspelt_key_of_columns_is_named_with_a_suggestion(folder: Path) -> None:
    with pytest.raises(RenderError, match=r"'Frist name' .did you mean 'First name'"):
        render_text(folder, '{{ columns["Frist name"] }}', columns={"First name": "Ada"})


def test_the_line_is_that_of_the_template_where_it_happened(folder: Path) -> None:
    write(folder, "base.html", "a\nb {{ unknown }}\n{% block b %}{% endblock %}")
    write(folder, "body.html", '{% extends "base.html" %}')
    with pytest.raises(RenderError, match=r"^base\.html:2: 'unknown' is undefined$"):
        render(folder, "body.html")


def test_a_condition_on_a_missing_column_is_an_error_unless_it_asks(folder: Path) -> None:
    with pytest.raises(RenderError, match="'city' is undefined"):
        render_text(folder, "{% if city %}x{% endif %}")
    assert render_text(folder, "{% if city is defined %}x{% endif %}") == ""


def test_a_syntax_error_has_file_and_line(folder: Path) -> None:
    write(folder, "body.html", "a\n{% if x %}\n")
    with pytest.raises(TemplateError, match=r"^body\.html:2: Unexpected end of template"):
        render(folder, "body.html")


def test_a_syntax_error_in_an_included_file_has_its_file_and_line(folder: Path) -> None:
    write(folder, "part.html", "\n{{ }}")
    write(folder, "body.html", '{% include "part.html" %}')
    with pytest.raises(TemplateError, match=r"^part\.html:2: Expected an expression"):
        render(folder, "body.html")


def test_a_missing_template_is_named(folder: Path) -> None:
    with pytest.raises(TemplateError, match=r"^gone\.html: there is no such template"):
        render(folder, "gone.html")


def test_a_template_that_is_not_utf8_is_named_with_its_line(folder: Path) -> None:
    write(folder, "body.txt", b"a\nb\xff")
    with pytest.raises(TemplateError, match=r"^body\.txt:2: is not UTF-8"):
        render(folder, "body.txt")


def test_a_byte_order_mark_is_no_part_of_the_letter(folder: Path) -> None:
    write(folder, "body.txt", b"\xef\xbb\xbfHello\n")
    assert render(folder, "body.txt") == "Hello\n"


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ cell.__init__.__globals__ }}",
        "{{ ''|attr('__class__') }}",
        "{{ '{0.__class__}'.format(cell) }}",
        "{{ ('{0.__class__}'|attr('format'))(cell) }}",
        "{{ columns.update({'a': 'b'}) }}",
        "{{ columns.clear() }}",
        "{{ cycler.__init__.__globals__.os }}",
        "{{ self.__init__.__globals__ }}",
        "{{ 'x' * 400000000 }}",
        "{{ 400000000 * 'x' }}",
        "{{ [1] * 400000000 }}",
        "{{ 9 ** 9 ** 9 ** 9 }}",
        "{{ '%400000000d' % 1 }}",
        "{% for i in range(100000000) %}{% endfor %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    ],
)
def test_the_sandbox_lets_nothing_out(folder: Path, source: str) -> None:
    with pytest.raises(RenderError, match=r"^message\.subject:1: "):
        render_text(folder, source, cell="x", columns={"cell": "x"})


def test_a_template_sees_no_environment(folder: Path) -> None:
    for name in ("os", "environ", "config", "open", "request", "__builtins__"):
        with pytest.raises(RenderError, match="is undefined"):
            render_text(folder, "{{ " + name + " }}")


@pytest.mark.parametrize(
    "source",
    ["{{ none }}", "{{ columns.get('x') }}", "{{ cell|float }}", "{{ 1e200 * 1e200 }}",
     "{{ '-inf'|float }}"],
)  # fmt: skip
def test_an_expression_that_gives_none_or_no_number_is_an_error(folder: Path, source: str) -> None:
    with pytest.raises(RenderError, match=r"an expression gives (None|nan|-?inf)"):
        render_text(folder, source, columns={}, cell="nan")


def test_a_cell_that_says_none_or_nan_is_printed(folder: Path) -> None:
    assert render_text(folder, "{{ cell }}", cell="None") == "None"


def test_an_error_in_a_filter_is_a_render_error_with_its_kind(folder: Path) -> None:
    with pytest.raises(RenderError, match=r"message\.subject:2: ZeroDivisionError"):
        render_text(folder, "\n{{ 1 / (cell|int) }}", cell="0")


def test_what_a_filter_of_a_block_makes_of_it_must_be_text(folder: Path) -> None:
    with pytest.raises(RenderError, match="filter of a block gives int and not text"):
        render_text(folder, "{% filter length %}abc{% endfilter %}")
    write(folder, "body.html", "{% filter length %}abc{% endfilter %}")
    compiler = compiler_for(folder)
    with pytest.raises(RenderError, match="filter of a block gives int and not text"):
        compiler.file("body.html", "none").chunks(compiler.values())


def test_rows_cannot_leave_anything_for_the_next_row(folder: Path) -> None:
    compiler = compiler_for(folder)
    template = compiler.text("{% set x = cell %}{{ x }}{% set range = 1 %}", "message.subject")
    for cell in ("a", "b"):
        assert template.render(compiler.values() | {"cell": cell}) == cell
    assert "x" not in compiler.values()
    assert callable(compiler.values()["range"])


@pytest.mark.parametrize(
    "source",
    [
        '{% extends "base.txt" %}',
        "{% extends layout %}",
        '{% include "base.txt" %}',
        "{% set seen = seen is defined %}{% block b %}{{ super is defined or 'False' }}"
        "{% endblock %}",
        '{% from "macros.txt" import say %}{{ say("False") }}',
    ],
)
def test_a_template_says_the_same_of_a_row_however_many_went_before(
    folder: Path, source: str
) -> None:
    write(
        folder,
        "base.txt",
        "{% block b %}{{ super is defined or 'False' }}{% endblock %}",
    )
    write(folder, "macros.txt", "{% macro say(what) %}{{ what }}{% endmacro %}")
    write(folder, "body.txt", source)
    compiler = compiler_for(folder)
    template = compiler.file("body.txt", "none")
    values = compiler.values() | {"layout": "base.txt"}
    assert [template.render(values) for _ in range(5)] == ["False"] * 5


def test_the_files_of_a_template_are_all_it_reaches_and_nothing_is_run(folder: Path) -> None:
    base = write(folder, "base.html", '{% import "macros.html" as m %}')
    macros = write(folder, "macros.html", "{{ 'x'|center(10 ** 12) }}")
    part = write(folder, "part.html", '{% include "part.html" %}')
    body = write(folder, "body.html", '{% extends "base.html" %}{% include ["no", "part.html"] %}')
    assert sorted(compiler_for(folder).files_of("body.html")) == sorted([base, macros, part, body])


@pytest.mark.parametrize(
    ("source", "start"),
    [("a/{{ b }}.pdf", "a/"), ("a{# c #}", "a"), ("a{% if b %}", "a"), ("a.pdf", "a.pdf")],
)
def test_the_fixed_start_of_a_template_ends_where_the_first_tag_begins(
    source: str, start: str
) -> None:
    assert fixed_start(source) == start
    assert is_constant(source) == (source == start)
