"""The words between render workers and the pool: nothing is lost, and nonsense is only nonsense."""

from __future__ import annotations

import os
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.errors import CampaignError, ConfigError, TemplateError
from campaign.records import Job
from campaign.rendering.draft import Draft, joined, merged, size_of
from campaign.workers.frames import FrameReader, Started, framed, laid, pack, unpack
from campaign.workers.shelf import Shelf, shared_memory
from fakes.prepared.letters import all_of

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
    """As the inbox gives it."""
    return memoryview(pack(drafts))


def shelves() -> tuple[Shelf, Shelf]:
    """Both sides of one."""
    descriptor = shared_memory()
    try:
        return Shelf.of(descriptor), Shelf.of(descriptor)
    finally:
        os.close(descriptor)


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
    inbox = FrameReader(capacity, largest=100, shelf=Shelf(None))
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
    inbox = FrameReader(8, largest=100, shelf=Shelf(None))
    inbox.room()[:4] = (97).to_bytes(4, "little")
    with pytest.raises(ValueError, match="a frame of 101 bytes"):
        list(inbox.frames(4))


@given(st.lists(st.lists(st.integers(0, 700_000), max_size=6), max_size=6))
def test_batches_arrive_whole_whether_the_shelf_has_room_for_them_or_not(
    batches: list[list[int]],
) -> None:
    worker, pool = shelves()
    inbox = FrameReader(1_000_000, largest=1_000_000, shelf=pool)
    waiting: list[list[bytes]] = []
    for batch, sizes in enumerate(batches, 1):
        sent = [bytes([16 * batch + at]) * size for at, size in enumerate(sizes)]
        waiting.append([laid(payload, worker) for payload in sent])
        worker.turn()
        if len(waiting) == 2 or batch == len(batches):  # the pool may be one batch behind
            for number, frames in enumerate(waiting, batch - len(waiting) + 1):
                found = []
                for frame in frames:
                    inbox.room()[: len(frame)] = frame
                    found += [bytes(payload) for payload in inbox.frames(len(frame))]
                pool.turn()
                assert [len(payload) for payload in found] == batches[number - 1]
                assert all(
                    payload.count(16 * number + at) == len(payload)
                    for at, payload in enumerate(found)
                )
            waiting = []


def test_what_fits_on_the_shelf_is_a_length_in_the_pipe() -> None:
    worker, _ = shelves()
    half = 1 << 20
    assert len(laid(b"x" * (half - 10), worker)) == 4
    assert len(laid(b"x" * 11, worker)) == 15
    assert len(laid(b"x" * 10, worker)) == 4


def test_more_than_the_shelf_can_hold_is_nonsense() -> None:
    inbox = FrameReader(8, largest=100, shelf=shelves()[1])
    inbox.room()[:4] = (1 << 31 | (1 << 20) + 1).to_bytes(4, "little")
    with pytest.raises(ValueError, match="1048577 bytes where there is room for 1048576"):
        list(inbox.frames(4))


def test_nobody_can_cut_the_shelf_short() -> None:
    descriptor = shared_memory()
    try:
        for size in (0, 1 << 30):
            with pytest.raises(PermissionError):
                os.ftruncate(descriptor, size)
    finally:
        os.close(descriptor)


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
