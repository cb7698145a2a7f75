"""Which fields a signature covers."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from campaign.signing.fields import TABLE, Mark, cover_of, is_left_out

names = st.lists(
    st.sampled_from([*TABLE, "x-extra", "precedence", "received", "x-ses-configuration-set"]),
    max_size=40,
)


@given(names)
def test_each_field_is_named_as_often_as_its_mark_says(present: list[str]) -> None:
    there, named = Counter(present), Counter(cover_of(present).names)
    for name, mark in TABLE.items():
        count = there[name]
        once_more = {Mark.ALWAYS: 1, Mark.IF_PRESENT: int(count > 0), Mark.ONCE: 0}[mark]
        assert named[name] == count + once_more, name
    for name in there.keys() - TABLE.keys():
        assert named[name] == (0 if is_left_out(name) else there[name])


@given(names)
def test_of_several_with_one_name_the_lowest_comes_first(present: list[str]) -> None:
    cover = cover_of(present)
    assert len(set(cover.indexes)) == len(cover.indexes)
    hashed = [present[at] for at in cover.indexes]
    left = Counter(present)
    assert hashed == [name for name in cover.names if (left.subtract([name]) or left[name] >= 0)]
    for name in set(hashed):
        places = [at for at in cover.indexes if present[at] == name]
        assert places == sorted(places, reverse=True)


def test_both_fields_of_one_click_are_named_even_where_there_are_none() -> None:
    assert {"list-unsubscribe", "list-unsubscribe-post"} <= set(cover_of(["from"]).names)


def test_what_servers_change_or_take_out_is_not_covered() -> None:
    named = cover_of(["received", "return-path", "x-mailgun-tag", "arc-seal", "bcc", "from"]).names
    assert not {"received", "return-path", "x-mailgun-tag", "arc-seal", "bcc"} & set(named)
