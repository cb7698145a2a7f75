"""RFC 8058: one POST, and the person is out."""

from __future__ import annotations

import asyncio

import pytest

from campaign.suppression.entries import Reason, Suppressed
from fakes.web.serve_site import ONE_CLICK, Site, link

PART = b'Content-Disposition: form-data; name="List-Unsubscribe"'
MULTIPART = b"\r\n".join([b"--=_b", PART, b"", b"One-Click", b"--=_b--", b""])
ENCODED = {"content-type": "application/x-www-form-urlencoded"}
BODIES = {
    "urlencoded": (ONE_CLICK, ENCODED),
    "multipart": (MULTIPART, {"content-type": "multipart/form-data; boundary==_b"}),
    "empty": (b"", {}),
    "no type": (ONE_CLICK, {}),
    "escaped": (b"List%2DUnsubscribe=One%2DClick", ENCODED),
    "small letters": (b"list-unsubscribe=one-click\r\n", {"content-type": "text/plain"}),
}


@pytest.mark.parametrize("name", BODIES)
def test_one_post_of_any_form_suppresses_and_is_answered_200_without_a_body(
    site: Site, name: str
) -> None:
    body, headers = BODIES[name]
    answer = site.ask("POST", link(), body, headers)
    assert (answer.status, answer.body) == (200, b"")
    assert "set-cookie" not in answer.headers
    assert "location" not in answer.headers
    (entry,) = site.store.iterate()
    assert entry == Suppressed(
        "ada@example.com", "newsletter", Reason.UNSUBSCRIBE, "serve", "spring", site.clock.wall,
        evidence="one-click",
    )  # fmt: skip
    assert "192.0.2.1" not in str(entry)


def test_the_same_post_a_thousand_times_is_one_entry(site: Site) -> None:
    async def many() -> list[int]:
        asked = [site.asking("POST", link(), ONE_CLICK) for _ in range(1000)]
        return [answer.status for answer in await asyncio.gather(*asked)]

    assert set(site.run(many())) == {200}
    assert site.kept() == [("ada@example.com", "newsletter", True)]


def test_who_leaves_again_after_an_undo_is_out_again(site: Site) -> None:
    for _ in range(3):
        assert site.ask("POST", link(), ONE_CLICK).status == 200
        assert site.kept() == [("ada@example.com", "newsletter", True)]
        site.clock.wall += 60
        site.ask("POST", link(), b"action=undo")
        assert site.kept() == [("ada@example.com", "newsletter", False)]
        site.clock.wall += 60


def test_a_campaign_without_a_list_is_left_for_everything(site: Site) -> None:
    site.ask("POST", link(list_="*"), ONE_CLICK)
    assert site.kept() == [("ada@example.com", "*", True)]


@pytest.mark.parametrize(
    "target",
    [
        link().replace("?t=", "?t=3D"),
        link().replace("?t=", "?utm=1&amp;t="),
        link().replace("?t=", "?t%3D"),
        link().replace("/u?t=", "/deep/er/"),
        link(secret="an older secret, still read"),
    ],
)
def test_a_link_that_was_mangled_or_is_old_works(site: Site, target: str) -> None:
    assert site.ask("POST", target, ONE_CLICK).status == 200
    assert site.kept() == [("ada@example.com", "newsletter", True)]


FORGED = {
    "another secret": link(secret="somebody else's secret"),
    "changed": link()[:-4] + "AAAA",
    "cut": link()[:-20],
    "none": "/u",
    "rubbish": "/u?t=%00%ff&t=" + "A" * 3000,
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_token_gets_the_answer_of_a_good_one_and_writes_nothing(
    site: Site, name: str
) -> None:
    good = site.ask("POST", link("bob@example.com"), ONE_CLICK)
    forged = site.ask("POST", FORGED[name], ONE_CLICK)
    assert (forged.status, forged.body, forged.headers) == (good.status, good.body, good.headers)
    assert site.kept() == [("bob@example.com", "newsletter", True)]
    assert len(site.slept_s) == 1  # the time that a write took of late


def test_what_asks_for_nothing_we_know_changes_nothing(site: Site) -> None:
    for body in (b"hello=world", b"{}", b"action=destroy", b"action=", b"&" * 5000):
        assert site.ask("POST", link(), body).status == 200
    assert site.kept() == []


def test_a_body_of_more_than_64_kib_is_refused(site: Site) -> None:
    big = ONE_CLICK + b"&x=" + b"A" * 65536
    assert site.ask("POST", link(), big).status == 413
    assert site.ask("POST", link(), big, {"content-length": "26"}).status == 413
    assert site.kept() == []


def test_one_click_is_not_limited_however_much_a_network_asks(site: Site) -> None:
    statuses = [site.ask("GET", link()).status for _ in range(100)]
    assert statuses[0] == 200
    assert statuses[-1] == 429
    last = site.ask("GET", link())
    assert int(last.headers["retry-after"]) > 0
    forged = [site.ask("POST", FORGED["cut"], ONE_CLICK).status for _ in range(700)]
    assert forged[-1] == 429
    assert site.ask("POST", link(), ONE_CLICK).status == 200
    assert site.ask("POST", link("eve@example.com"), b"action=unsubscribe").status == 200
    assert len(site.kept()) == 2
    assert site.ask("GET", FORGED["cut"], client="198.51.100.9").status == 200
    site.clock.tick += 60
    assert site.ask("GET", link()).status == 200
