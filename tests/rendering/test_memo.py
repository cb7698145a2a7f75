"""What was made of texts is kept, in bounded memory."""

from __future__ import annotations

from campaign.rendering.memo import Memo


def kept(most: int) -> tuple[Memo[str], list[str]]:
    made: list[str] = []

    def make(text: str) -> str:
        made.append(text)
        return text.upper()

    return Memo(make, most=most), made


def test_a_text_is_made_once() -> None:
    texts, made = kept(1000)
    assert [texts.of("a"), texts.of("b"), texts.of("a")] == ["A", "B", "A"]
    assert made == ["a", "b"]


def test_thousands_of_texts_do_not_fill_the_memory() -> None:
    texts, _ = kept(5000)
    for number in range(10_000):
        assert texts.of(f"text {number}") == f"TEXT {number}"
        assert sum(map(len, texts.known)) <= 5000
    assert len(texts.known) > 5


def test_a_text_that_is_too_long_to_keep_leaves_the_others_where_they_are() -> None:
    texts, made = kept(1000)
    for _ in range(3):
        assert texts.of("short") == "SHORT"
        assert texts.of("a" * 1000) == "A" * 1000
    assert made == ["short", *3 * ["a" * 1000]]
