"""The pages behind the link in a letter."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from campaign.suppression.entries import UNDO_WITHIN_S, Reason, Suppressed
from fakes.web.serve_site import ONE_CLICK, Site, link


class Seen(HTMLParser):
    """The tags of a page, the buttons one can press, and what one reads."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.buttons: list[str] = []
        self.ticked: list[str] = []
        self.disabled: list[str] = []
        self.addresses: list[str] = []
        self.words = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append(tag)
        self.addresses += [given[name] or "" for name in ("href", "action", "src") if name in given]
        if tag == "button":
            self.buttons.append(given["value"] or "")
        if tag == "input" and "checked" in given:
            self.ticked.append(given["value"] or "")
        if tag == "input" and "disabled" in given:
            self.disabled.append(given["value"] or "")

    def handle_data(self, data: str) -> None:
        self.words += f" {data.strip()}"


def press(site: Site, target: str, action: str, **more: str) -> Seen:
    body = "&".join(f"{name}={value}" for name, value in [("action", action), *more.items()])
    answer = site.ask("POST", target, body.encode())
    assert answer.status == 200
    assert "location" not in answer.headers
    return Seen(answer.text)


def test_the_page_names_the_list_and_masks_the_address_and_has_one_button(site: Site) -> None:
    answer = site.ask("GET", link())
    assert answer.status == 200
    seen = Seen(answer.text)
    assert "a•••@example.com" in seen.words
    assert "Monthly newsletter" in seen.words
    assert "Analytical Engines" in seen.words
    assert "ada@" not in answer.text
    assert seen.buttons == ["unsubscribe"]
    assert site.kept() == []


def test_no_page_runs_a_script_sets_a_cookie_or_fetches_anything(site: Site) -> None:
    view = f"{link()}&view=choose"
    answers = [site.ask("GET", target) for target in (link(), view, "/u?t=forged")]
    answers += [
        site.ask("POST", link(), f"action={action}".encode())
        for action in ("unsubscribe", "undo", "choose", "everything", "undo-everything")
    ]
    for answer in answers:
        seen = Seen(answer.text)
        assert not {"script", "img", "iframe", "object"} & set(seen.tags)
        assert all(each.startswith("?") or each == "data:," for each in seen.addresses)
        assert "url(" not in answer.text
        assert "set-cookie" not in answer.headers
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "script-src" not in answer.headers["content-security-policy"]


def test_the_button_unsubscribes_and_undo_takes_it_back(site: Site) -> None:
    seen = press(site, link(), "unsubscribe")
    assert "You are unsubscribed" in seen.words
    assert seen.buttons == ["undo"]
    (entry,) = site.store.iterate()
    assert (entry.scope, entry.evidence) == ("newsletter", "page")
    site.clock.wall += 3600
    assert "You are unsubscribed" in Seen(site.ask("GET", link()).text).words
    assert "You are subscribed again" in press(site, link(), "undo").words
    (entry,) = site.store.iterate()
    assert entry.evidence == "page; undone by the person"
    assert site.store.lookup(["ada@example.com"], ("*", "newsletter")) == {}
    assert Seen(site.ask("GET", link()).text).buttons == ["unsubscribe"]


def test_nobody_takes_back_what_was_asked_for_with_another_letter(site: Site) -> None:
    site.ask("POST", link(), ONE_CLICK)
    other = link(campaign="summer")
    assert Seen(site.ask("GET", other).text).buttons == []
    assert "Nothing has changed" in press(site, other, "undo").words
    assert site.kept() == [("ada@example.com", "newsletter", True)]


@pytest.mark.parametrize("reason", [Reason.COMPLAINT, Reason.MANUAL, Reason.ERASURE, Reason.HARD])
def test_an_undo_takes_back_nothing_but_an_unsubscribe(site: Site, reason: Reason) -> None:
    site.store.add(
        [Suppressed("ada@example.com", "newsletter", reason, "x", "spring", site.clock.wall)]
    )
    assert "Nothing has changed" in press(site, link(), "undo").words
    assert site.kept() == [("ada@example.com", "newsletter", True)]


def test_after_30_days_there_is_no_undo_and_the_link_still_works(site: Site) -> None:
    site.ask("POST", link(), ONE_CLICK)
    site.clock.wall += UNDO_WITHIN_S + 1
    assert Seen(site.ask("GET", link()).text).buttons == []
    press(site, link(), "undo")
    assert site.kept() == [("ada@example.com", "newsletter", True)]
    site.clock.wall += 10 * 365 * 86400
    assert site.ask("POST", link("bob@example.com"), ONE_CLICK).status == 200
    assert len(site.kept()) == 2


def test_what_an_unsubscribe_took_the_place_of_is_in_force_after_the_undo(site: Site) -> None:
    bounced = Suppressed("ada@example.com", "newsletter", Reason.HARD, "run", "may", 1.0)
    site.store.add([bounced])
    press(site, link(), "unsubscribe")
    press(site, link(), "undo")
    assert list(site.store.iterate()) == [bounced]


def test_a_link_that_names_nobody_looks_the_same_until_its_button_is_pressed(site: Site) -> None:
    good, forged = site.ask("GET", link()), site.ask("GET", link()[:-9])
    assert (forged.status, forged.headers.keys()) == (good.status, good.headers.keys())
    assert Seen(forged.text).tags == Seen(site.ask("GET", link()).text).tags
    seen = press(site, link()[:-9], "unsubscribe")
    assert "This link names nobody" in seen.words
    assert site.kept() == []
    assert len(site.slept_s) == 1


def test_the_preference_page_shows_all_lists_and_saves_what_is_ticked(site: Site) -> None:
    view = f"{link()}&view=choose"
    seen = Seen(site.ask("GET", view).text)
    assert seen.ticked == ["newsletter", "offers"]
    assert seen.buttons == ["choose", "everything"]
    seen = press(site, view, "choose", keep="newsletter")
    assert "Saved." in seen.words
    assert seen.ticked == ["newsletter"]
    (entry,) = site.store.iterate()
    assert (entry.scope, entry.evidence) == ("offers", "preference page")
    site.clock.wall += 60
    assert press(site, view, "choose", keep="offers").ticked == ["offers"]
    now = {scope: in_force for _, scope, in_force in site.kept()}
    assert now == {"newsletter": True, "offers": False}


def test_a_list_left_by_another_letter_is_shown_and_stays_left(site: Site) -> None:
    site.ask("POST", link(list_="offers", campaign="summer"), ONE_CLICK)
    view = f"{link()}&view=choose"
    seen = Seen(site.ask("GET", view).text)
    assert (seen.ticked, seen.disabled) == (["newsletter"], ["offers"])
    body = b"action=choose&keep=newsletter&keep=offers"
    assert site.ask("POST", view, body).status == 200
    assert site.kept() == [("ada@example.com", "offers", True)]


def test_the_list_of_the_letter_is_on_the_page_even_if_the_table_lacks_it(site: Site) -> None:
    view = f"{link(list_='alumni')}&view=choose"
    assert Seen(site.ask("GET", view).text).ticked == ["newsletter", "offers", "alumni"]
    press(site, view, "choose", keep="newsletter")
    assert {scope for _, scope, _ in site.kept()} == {"offers", "alumni"}


def test_a_form_cannot_name_lists_that_are_not_on_the_page(site: Site) -> None:
    site.ask("POST", link(list_="secret"), ONE_CLICK)
    press(site, f"{link()}&view=choose", "choose", keep="secret")
    assert ("ada@example.com", "secret", True) in site.kept()


def test_everything_is_left_and_taken_back_at_once(site: Site) -> None:
    view = f"{link()}&view=choose"
    seen = press(site, view, "everything")
    assert seen.buttons == ["undo-everything"]
    assert "none of our letters" in seen.words
    assert site.kept() == [("ada@example.com", "*", True)]
    assert Seen(site.ask("GET", link()).text).buttons == []  # an undo of one list undoes nothing
    site.clock.wall += 60
    press(site, view, "choose", keep="newsletter")  # from a page that was open before
    assert site.kept() == [("ada@example.com", "*", True)]
    assert press(site, view, "undo-everything").ticked == ["newsletter", "offers"]
    assert site.store.lookup(["ada@example.com"], ("*", "newsletter", "offers")) == {}


@pytest.mark.parametrize(
    ("accepted", "asked", "tag"),
    [
        ("", "", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "", "zh"),
        ("fr-FR,fr;q=0.9", "", "en"),
        ("fr, zh-TW;q=0.5, en;q=0.1", "", "zh"),
        ("en;q=0, zh;q=0.2", "", "zh"),
        ("en-GB", "zh_CN.UTF-8", "zh"),
        ("zh", "en", "en"),
        ("zh", "tlh", "zh"),
        (";;q=,*" * 500, "'\"><script>", "en"),
    ],
)
def test_the_language_of_the_letter_comes_before_that_of_the_browser(
    site: Site, accepted: str, asked: str, tag: str
) -> None:
    from urllib.parse import quote

    answer = site.ask("GET", f"{link()}&l={quote(asked)}", headers={"accept-language": accepted})
    assert answer.headers["content-language"] == tag
    assert f'<html lang="{tag}">' in answer.text
    assert "<script" not in answer.text
    title = {"en": "Monthly newsletter", "zh": "每月通讯"}[tag]
    assert title in answer.text


def test_the_language_that_was_chosen_goes_along_with_every_link(site: Site) -> None:
    answer = site.ask("GET", f"{link()}&l=zh")
    own = [each for each in Seen(answer.text).addresses if each != "data:,"]
    assert sorted(re.findall(r"l=(\w+)", " ".join(own))) == ["en", "zh", "zh"]


def test_a_long_address_that_is_only_a_digest_is_shown_as_dots(site: Site) -> None:
    key = "a" * 60 + "@" + "b" * 50 + ".example"
    answer = site.ask("GET", link(key))
    assert "•••" in Seen(answer.text).words
    site.ask("POST", link(key), ONE_CLICK)
    assert site.store.lookup([key], ("newsletter",)).keys() == {key}
    assert Seen(site.ask("GET", link(key)).text).buttons == ["undo"]
