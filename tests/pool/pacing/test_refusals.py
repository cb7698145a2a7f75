"""When a refusal of a recipient is believed, and when it is about us."""

from __future__ import annotations

from random import Random

import pytest

from campaign.pool.pacing.refusals import Refusals
from campaign.records import ReplyClass, State, Verdict

UNKNOWN, GONE = ReplyClass.UNKNOWN, ReplyClass.RECIPIENT_GONE


class Book:
    def __init__(self, *, of_many_servers: bool = False) -> None:
        self.refusals = Refusals(of_many_servers=of_many_servers)
        self.settled: list[bool] = []  # is it believed?

    def note(self, decided: Verdict) -> None:
        self.settled.append(decided.state is State.FAILED)

    def refuse(self, times: int, class_: ReplyClass, domains: int = 40) -> int:
        """How many it took until it was too many, or all."""
        for number in range(times):
            domain = f"d{number % domains}.test"
            self.refusals.heard(Verdict(class_, State.FAILED), domain, self.note)
            if self.refusals.are_all:
                return number + 1
        return times


@pytest.mark.parametrize(("class_", "most"), [(UNKNOWN, 10), (GONE, 20)])
def test_a_relay_that_refuses_everybody_is_found_out_after_a_few(
    class_: ReplyClass, most: int
) -> None:
    book = Book()
    assert book.refuse(300, class_) == most
    assert book.settled == [False] * most
    for _ in range(3):  # which were on the way
        book.refuse(1, class_)
    assert book.settled == [False] * (most + 3)
    book.refusals.accepted()
    assert not book.refusals.are_all


def test_one_provider_that_refuses_all_its_recipients_is_believed() -> None:
    book = Book()
    assert book.refuse(300, UNKNOWN, domains=2) == 300
    assert not book.refusals.are_all
    assert set(book.settled) == {True}
    assert book.refusals.held < 40  # so many are kept in memory
    book.refusals.accepted()
    assert book.settled == [True] * 300
    assert book.refusals.held == 0


@pytest.mark.parametrize("dead", [0.3, 0.6])
def test_a_dirty_list_does_not_stop(dead: float) -> None:
    book, dice = Book(), Random(3)
    for _ in range(10_000):
        if dice.random() < dead:
            book.refuse(1, GONE)
        else:
            book.refusals.accepted()
        assert not book.refusals.are_all


def test_an_unknown_refusal_of_two_thirds_is_not_about_recipients() -> None:
    book = Book()
    for number in range(200):
        if number % 3:
            book.refusals.heard(Verdict(UNKNOWN, State.FAILED), f"d{number}.test", book.note)
        else:
            book.refusals.accepted()
        if book.refusals.are_all:
            break
    assert number == 99


def test_servers_that_each_know_their_own_people_are_believed_when_they_are_gone() -> None:
    book = Book(of_many_servers=True)
    assert book.refuse(300, GONE) == 300
    assert not book.refusals.are_all
    assert Book(of_many_servers=True).refuse(300, UNKNOWN) == 10


def test_three_messages_too_large_in_a_row_say_nothing_of_the_sender() -> None:
    book = Book()
    for _ in range(3):
        book.refusals.heard(Verdict(ReplyClass.MESSAGE, State.FAILED), "a.test", book.note)
    assert not book.refusals.are_all
    book.refusals.accepted()
    assert book.settled == [True] * 3
    for _ in range(20):
        book.refusals.heard(Verdict(ReplyClass.MESSAGE, State.FAILED), "a.test", book.note)
    assert book.refusals.are_all
