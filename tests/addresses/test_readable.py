"""addresses.readable: names as people write them, unless they deceive."""

from __future__ import annotations

import idna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.addresses.readable import readable

LABELS = st.text(
    "例子中国测试域名公司网络", min_size=1, max_size=10
)  # 63 letters of the wire hold any ten


@given(labels=st.lists(LABELS, min_size=1, max_size=3))
def test_names_are_read_back_wherever_they_stand(labels: list[str]) -> None:
    name = ".".join(labels)
    host = idna.encode(name).decode()
    assert readable(host) == name
    told = "waits its turn: limits {} 1/s, mx.{}: ada.b@{}, {}."
    assert readable(told.format(*[host] * 4)) == told.format(*[name] * 4)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("用户@xn--fsqu00a.xn--fiqs8s", "用户@例子.中国"),
        ("XN--BCHER-KVA.example", "bücher.example"),
        ("fa\xdf: xn--fa-hia.example", "fa\xdf: faß.example"),  # IDNA 2008 keeps the ß
        ("xn--pple-43d.com", "xn--pple-43d.com"),  # its first letter is Cyrillic
        ("xn--fsqu00a.xn--pple-43d.com", "xn--fsqu00a.xn--pple-43d.com"),
        ("xn--ls8h.example", "xn--ls8h.example"),  # an emoji is no letter of IDNA 2008
        ("xn--.example xn--\x1b[2J xn--99999999", "xn--.example xn--\x1b[2J xn--99999999"),
        ("gmail.com", "gmail.com"),
        ("", ""),
    ],
)
def test_what_deceives_or_is_no_name_stays(text: str, read: str) -> None:
    assert readable(text) == read


def test_a_reader_without_such_letters_gets_what_the_wire_has() -> None:
    host = "xn--bcher-kva.xn--fiqs8s"
    assert [readable(host, encoding) for encoding in ("ascii", "latin-1", "big5")] == [host] * 3
    assert readable("xn--bcher-kva.example", "latin-1") == "bücher.example"
    assert readable("xn--fsqu00a.xn--fiqs8s", "gb18030") == "例子.中国"
