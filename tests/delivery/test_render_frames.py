"""The words between render workers and the pool: nothing is lost, and nonsense is only nonsense."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.delivery.render_frames import LENGTH, Inbox, Started, framed, pack, unpack
from campaign.errors import CampaignError, ConfigError, TemplateError
from campaign.records import Job
from campaign.rendering.draft import Draft, joined, merged, size_of
from fakes.letters import all_of

JOBS = [Job(number, 0, "a@b.example", "a@b.example", "[]") for number in range(1, 6)]
SHARED = [b"first", b"second"]

drafts = st.builds(
    Draft,
    row=st.just(1),
    pieces=st.lists(st.one_of(st.binary(max_size=50), st.integers(0, len(SHARED) - 1)), max_size=4),
    size_bytes=st.integers(0, 2**32 - 1),
    needs_smtputf8=st.booleans(),
    problem=st.text(st.characters(exclude_categories=("Cs",)), max_size=20),
    snapshot=st.binary(max_size=32).map(bytes.hex),
)


def payload_of(drafts: list[Draft]) -> memoryview:
    """Their frame without its length, as the inbox gives it."""
    return memoryview(pack(drafts))[LENGTH.size :]


@given(st.lists(drafts, max_size=len(JOBS)))
def test_messages_are_unpacked_as_their_drafts_were_packed(given: list[Draft]) -> None:
    found = unpack(payload_of(given), JOBS, SHARED)
    assert [message.row for message in found] == [job.row for job in JOBS[: len(given)]]
    assert [all_of(message)[1:] for message in found] == [
        all_of(draft.assembled(SHARED))[1:] for draft in given
    ]


@given(st.binary(max_size=80), st.integers(0, 3))
def test_a_frame_of_nonsense_is_a_value_error_and_nothing_else(tail: bytes, count: int) -> None:
    for nonsense in (tail, count.to_bytes(4, "little") + tail):
        try:
            unpack(memoryview(nonsense), JOBS[:2], SHARED)
        except ValueError:
            continue


@pytest.mark.parametrize("index", [2, 2**31 - 1])
def test_a_piece_that_was_never_shared_is_nonsense(index: int) -> None:
    with pytest.raises(ValueError, match="not a frame of messages"):
        unpack(payload_of([Draft(1, [index], 0, False)]), JOBS, SHARED)


def test_more_messages_than_jobs_are_nonsense() -> None:
    with pytest.raises(ValueError, match="more messages than jobs"):
        unpack(payload_of([Draft(1, [], 0, False)] * 2), JOBS[:1], SHARED)


@given(
    st.lists(st.binary(max_size=40), max_size=8), st.lists(st.integers(1, 30)), st.integers(4, 20)
)
def test_frames_arrive_whole_however_the_pipe_cuts_them(
    payloads: list[bytes], cuts: list[int], capacity: int
) -> None:
    stream = b"".join(map(framed, payloads))
    inbox = Inbox(capacity, largest=100)
    found = []
    cuts = [*cuts, *([7] * len(stream))]
    while stream:
        room = inbox.room()
        count = min(len(room), len(stream), cuts.pop(0))
        assert count
        room[:count] = stream[:count]
        stream = stream[count:]
        found += [bytes(frame) for frame in inbox.frames(count)]
    assert found == payloads


def test_a_frame_that_is_too_large_is_refused() -> None:
    inbox = Inbox(8, largest=100)
    inbox.room()[:4] = (97).to_bytes(4, "little")
    with pytest.raises(ValueError, match="a frame of 101 bytes"):
        list(inbox.frames(4))


@pytest.mark.parametrize(
    "fault", [TemplateError("x", file="a.html", line=3), ConfigError("y", remedy="z"), None]
)
def test_the_first_word_of_a_worker_comes_over_whole(fault: CampaignError | None) -> None:
    read = Started.read(memoryview(Started(fault, 3 if fault is None else 0).written()))
    assert (type(read.fault), str(read.fault)) == (type(fault), str(fault))
    assert read.shared == (3 if fault is None else 0)


@given(st.one_of(st.binary(max_size=30), st.sampled_from([b"[]", b'{"shared": "x"}', b"[" * 9999])))
def test_another_first_word_is_a_value_error(word: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        Started.read(memoryview(word))


@given(st.lists(st.one_of(st.binary(max_size=9), st.integers(0, 1))))
def test_own_pieces_are_joined_and_shared_ones_stay_apart(pieces: list[bytes | int]) -> None:
    found = merged(pieces)
    shared = [b"first", b"second"]
    wire = b"".join(joined(pieces, shared))
    assert b"".join(joined(found, shared)) == wire
    assert size_of(pieces, shared) == len(wire)
    assert [piece for piece in found if isinstance(piece, int)] == [
        piece for piece in pieces if isinstance(piece, int)
    ]
    assert all(type(one) is int or type(other) is int for one, other in pairwise(found))
