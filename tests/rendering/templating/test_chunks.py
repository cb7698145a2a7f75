"""Text that comes in chunks is the text jinja2 itself makes, and each error has its line."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from campaign.errors import RenderError
from campaign.rendering.mime.transfer import TextEncoder
from campaign.rendering.templating.escaping import Escaping
from fakes.prepared.letters import compiler_for, write

VALUES = {
    "name": "Zoë & 小明",
    "plan": "pro",
    "lines": "one\r\ntwo\n.three %s",
    "empty": "",
    "many": ["a", "<b>", "c\n"],
}
FRAGMENTS = [
    "\n",
    "\r\n",
    " ",
    "%",
    "%s %d {} \\n \\",
    "'\"",
    "plain text",
    "one\ntwo\n\nthree",
    ". dot\n",
    "{{ name }}",
    "{{ plan }}\n",
    "{{ lines }}",
    "{{ empty }}",
    "{{ name -}}\n  ",
    "{{- plan }}",
    "{{ '%s' }}",
    "{{ 1 + 1 }}",
    "{{ name\n | upper\n }}",
    "{{ 'x' if plan == 'pro' else name }}",
    "{% if plan == 'pro' %}yes{% else %}no{% endif %}",
    "{% if empty %}never\n{% endif %}",
    "{% for one in many %}- {{ one }}\n{% endfor %}",
    "{% for one in many %}{{ loop.index }},{% endfor %}",
    "{% for one in [] %}x{% else %}none\n{% endfor %}",
    "{% set kept %}a {{ name }}\n b{% endset %}{{ kept }}",
    "{% macro m(x) %}<i>{{ x }}</i>\n{% endmacro %}{{ m(name) }}",
    "{% filter upper %}{{ name }}\nx{% endfilter %}",
    "{% raw %}{{ raw %}\n{% endraw %}",
    "{# gone\n #}",
    "{% with x = 'w' %}{{ x }}\n{% endwith %}",
    "{% autoescape false %}{{ name }}\n{% endautoescape %}",
    "{% autoescape plan %}{{ name }}{% endautoescape %}",
    "{% include 'part.txt' %}",
    "{% include 'part.txt' without context %}",
    "{% call(x) n() %}{{ x }}{% endcall %}",
    "{% block middle %}block {{ name }}\n{% endblock %}",
]
HELPER = "{% macro n() %}[{{ caller('c') }}]\n{% endmacro %}"


def sources() -> st.SearchStrategy[str]:
    fragments = st.lists(st.sampled_from(FRAGMENTS), max_size=12)
    # a block may stand in a template once
    return fragments.map(lambda found: HELPER + "".join(dict.fromkeys(found)))


@given(sources(), st.sampled_from(["none", "html"]), st.booleans())
def test_a_template_says_what_jinja2_itself_says(
    source: str, escaping: Escaping, is_child: bool
) -> None:
    with TemporaryDirectory() as made:
        folder = Path(made)
        write(folder, "part.txt", "part 100%\nof {{ 2 * 3 }}")
        write(folder, "base.txt", "before\n{% block middle %}{% endblock %}after {{ name }}")
        if is_child:
            source = "{% extends 'base.txt' %}{% block middle %}" + source.replace("middle", "m")
            source += "{% endblock %}"
        write(folder, "body.txt", source)
        compiler = compiler_for(folder)
        chunks = compiler.file("body.txt", escaping).chunks(compiler.values() | VALUES)
        assert "".join(chunks) == said_by_jinja2(folder, escaping)
    whole = TextEncoder(lambda line: None).encoded(["".join(chunks)])
    assert TextEncoder(lambda line: None).encoded(chunks) == whole


def said_by_jinja2(folder: Path, escaping: Escaping) -> str:
    environment = SandboxedEnvironment(
        loader=FileSystemLoader(folder),
        autoescape=escaping == "html",
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    return environment.get_template("body.txt").render(VALUES)


def test_what_is_the_same_for_everybody_is_the_same_chunk_for_everybody(tmp_path: Path) -> None:
    write(tmp_path, "body.txt", "Dear\n{{ name }},\nfirst\nsecond\nthird {{ plan }}\nlast\n")
    compiler = compiler_for(tmp_path)
    template = compiler.file("body.txt", "none")
    ada = template.chunks(compiler.values() | {"name": "Ada", "plan": "pro"})
    bob = template.chunks(compiler.values() | {"name": "Bob", "plan": "pro"})
    assert ada == ["Dear\n", "Ada,\n", "first\nsecond\n", "third pro\n", "last\n"]
    assert [a is b for a, b in zip(ada, bob, strict=True)] == [True, False, True, False, True]


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("{{ name }} {{ wrong }}", 1),
        ("{{ name }}\n{{ wrong }}", 2),
        ("{{ name -}}\n\n{{- wrong }}", 3),
        ("a\nb\n{{ name -}}\n{{ name }} c {{ wrong }}\nd", 4),
        ("{{ name }}{# one\ntwo\n#}{{ wrong }}", 3),
    ],
)
def test_an_error_is_told_with_the_line_of_its_expression(
    tmp_path: Path, source: str, line: int
) -> None:
    write(tmp_path, "body.txt", source)
    compiler = compiler_for(tmp_path)
    template = compiler.file("body.txt", "none")
    with pytest.raises(RenderError) as caught:
        template.chunks(compiler.values() | {"name": "Ada"})
    assert caught.value.line == line
