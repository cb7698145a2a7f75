"""addresses.syntax: exactly one address passes, and it is safe in an SMTP command."""

from __future__ import annotations

import re
from string import ascii_letters

import email_validator
import pytest
from email_validator import EmailSyntaxError, ValidatedEmail
from hypothesis import assume, given
from hypothesis import strategies as st

from campaign.addresses.syntax import (
    AddressError,
    _parse_plain,
    _parse_slowly,
    fold,
    parse_address,
    parse_cell,
    parse_mailbox,
)


def validated(typed: str) -> ValidatedEmail:
    """What email-validator says of names that are not kept for special use."""
    special = email_validator.SPECIAL_USE_DOMAIN_NAMES
    assume(typed.lower().rpartition(".")[2] not in {name.rpartition(".")[2] for name in special})
    return email_validator.validate_email(typed, check_deliverability=False, strict=True)


ENVELOPE = re.compile(r"[^\s<>\"\x00-\x20\x7f-\x9f]+@[a-z0-9.-]+")


@pytest.mark.parametrize(
    ("typed", "spec", "key"),
    [
        ("ada@example.com", "ada@example.com", "ada@example.com"),
        ("Ada.B@EXAMPLE.com", "Ada.B@example.com", "ada.b@example.com"),
        ("INFO@example.com", "INFO@example.com", "info@example.com"),
        ("o'brien+tag@mail.example.co.uk", "o'brien+tag@mail.example.co.uk", None),
        ("-oQ/x@x.example", "-oQ/x@x.example", "-oq/x@x.example"),
        ("x@y.test", "x@y.test", "x@y.test"),
        ("x@sandbox.invalid", "x@sandbox.invalid", "x@sandbox.invalid"),
        ("x@mail.localhost", "x@mail.localhost", "x@mail.localhost"),
        ("a@xn--mnchen-3ya.de", "a@xn--mnchen-3ya.de", "a@xn--mnchen-3ya.de"),
        ("a@München.DE", "a@xn--mnchen-3ya.de", "a@xn--mnchen-3ya.de"),
        ("用户@例子.广告", "用户@xn--fsqu00a.xn--4rr70v", None),
        ("用户@例子。广告", "用户@xn--fsqu00a.xn--4rr70v", None),
        ("JÜRGEN@example.com", "JÜRGEN@example.com", "jürgen@example.com"),
    ],
)
def test_an_address_keeps_its_local_part_and_gets_an_a_label_domain(
    typed: str, spec: str, key: str | None
) -> None:
    address = parse_address(typed)
    assert address.spec == spec
    assert address.key == (key or spec)
    assert address.needs_smtputf8 is not address.local.isascii()


@pytest.mark.parametrize(
    "typed",
    [
        " ada@example.com",
        "ada@example.com \t",
        "ada@example.com\r\n",
        "ada@example.com.",
        "ada\uff20example.com",
        "ada\ufe6bexample.com",
        "\uff41da\uff20\uff45xample\uff0ecom",
        "ADA@Example.COM",
    ],
)
def test_what_is_surely_meant_is_mended(typed: str) -> None:
    assert parse_address(typed).key == "ada@example.com"


def test_composed_and_decomposed_letters_are_the_same_person() -> None:
    assert parse_address("zoe\u0308@example.com").key == parse_address("zo\xeb@example.com").key
    assert parse_address("a@cafe\u0301.fr").key == parse_address("a@caf\xe9.fr").key


def test_a_tag_makes_another_person() -> None:
    assert parse_address("ada+news@example.com").key != parse_address("ada@example.com").key


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("", "the cell is empty"),
        ("  ", "the cell is empty"),
        ("ada", "no @ in 'ada'"),
        ("a@b, c@d", "more than one address"),
        ("a@b.com;c@d.com", "more than one address"),
        ("a@b@c.com", "more than one @"),
        ('"x@y"@z.com', "quotes are not supported"),
        ("<ada@example.com>", "bare address"),
        ("Ada Lovelace <ada@example.com>", "bare address"),
        ("ada@example.com>", "bare address"),
        ("friends: a@b.com;", "a space"),
        ("friends:a@b.com;", "invalid characters"),
        ("ada(comment)@example.com", "invalid characters"),
        ("mailto:ada@example.com", "leave out 'mailto:'"),
        ("ada @example.com", "a space"),
        ("ada@localhost", "no dot in the domain of 'ada@localhost'"),
        ("-oQ/x@x", "no dot in the domain"),
        ("ada@[192.0.2.1]", "an IP address instead of a domain"),
        ("ada@[IPv6:2001:db8::1]", "no dot in the domain"),
        ("ada@192.0.2.1", "top-level domain"),
        ("a" * 65 + "@example.com", "65 bytes before the @"),
        ("李" * 22 + "@example.com", "66 bytes before the @"),
        ("a@" + "b" * 64 + ".com", "too many"),
        ("a@" + "b." * 130 + "com", "longer than 254 bytes"),
        ("a@" + "b" * 60 + ".com" + "x" * 600, "too many"),
        (".ada@example.com", "start with a period"),
        ("ada.@example.com", "immediately before the @"),
        ("ada..b@example.com", "two periods"),
        ("ada@example..com", "two periods"),
        ("ada@example.com..", "period"),
        ("ada@-example.com", "hyphen"),
        ("ada@exa_mple.com", "'_'"),
        ("ada@example.com,", "','"),
        ("@example.com", "before the @"),
        ("ada@", "no dot in the domain"),
    ],
)
def test_every_other_cell_is_refused_in_one_sentence(typed: str, says: str) -> None:
    with pytest.raises(AddressError, match=re.escape(says)) as caught:
        parse_address(typed)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("char", "name"),
    [
        ("\u200b", "U+200B ZERO WIDTH SPACE"),
        ("\xa0", "U+00A0 NO-BREAK SPACE"),
        ("\ufeff", "U+FEFF ZERO WIDTH NO-BREAK SPACE"),
        ("\u202e", "U+202E RIGHT-TO-LEFT OVERRIDE"),
        ("\u200f", "U+200F RIGHT-TO-LEFT MARK"),
        ("\xad", "U+00AD SOFT HYPHEN"),
        ("\u3164", "U+3164 HANGUL FILLER"),
        ("\ufe0f", "U+FE0F VARIATION SELECTOR-16"),
        ("\u3000", "U+3000 IDEOGRAPHIC SPACE"),
        ("\u2028", "U+2028 LINE SEPARATOR"),
        ("\r", "U+000D CARRIAGE RETURN"),
        ("\n", "U+000A LINE FEED"),
        ("\0", "U+0000 NUL"),
        ("\x7f", "U+007F DELETE"),
        ("\x85", "U+0085"),
        ("\ud800", "U+D800"),
        ("\ue000", "U+E000"),
    ],
)
@pytest.mark.parametrize("typed", ["a{}da@example.com", "ada@exam{}ple.com"])
def test_an_invisible_character_is_named(typed: str, char: str, name: str) -> None:
    with pytest.raises(AddressError) as caught:
        parse_address(typed.format(char))
    assert name in str(caught.value)
    assert char not in str(caught.value)


@pytest.mark.parametrize("char", ["\u200b", "\xa0", "\ufeff"])
def test_an_invisible_character_at_the_end_is_not_trimmed_in_silence(char: str) -> None:
    with pytest.raises(AddressError, match=r"U\+"):
        parse_address(f"ada@example.com{char}")


ATOMS = st.text("abcXYZ019_+'=-", min_size=1, max_size=30)
LOCALS = st.lists(ATOMS, min_size=1, max_size=4).map(".".join)
LABELS = st.from_regex(r"[A-Za-z0-9]+(-[A-Za-z0-9]+)*", fullmatch=True)
DOMAINS = st.builds(
    "{}.{}".format,
    st.lists(LABELS, min_size=1, max_size=5).map(".".join),
    st.text(ascii_letters, min_size=2, max_size=63),
)


@given(LOCALS, DOMAINS)
def test_the_short_way_takes_nothing_that_email_validator_refuses(local: str, domain: str) -> None:
    typed = f"{local}@{domain}"
    is_short = _parse_plain(typed) != ("", "")
    try:
        found = validated(typed)
    except EmailSyntaxError:
        assert not is_short
        with pytest.raises(AddressError):
            parse_address(typed)
    else:
        address = parse_address(typed)
        assert address.spec == f"{local}@{found.ascii_domain}"


@given(
    st.builds("{}@{}".format, st.one_of(LOCALS, st.text(max_size=9)), DOMAINS), st.text("@. é２")
)
def test_the_short_way_says_what_the_long_way_says(typed: str, more: str) -> None:
    for text in (typed, typed + more, more + typed):
        local, domain = _parse_plain(text)
        if local:
            assert _parse_slowly(text) == (local, domain, False)
        else:
            assert domain == ""


@given(
    st.from_regex(r"[A-Za-z0-9_+'=.-]{1,66}", fullmatch=True),
    st.sampled_from(["a.example", "xn--bcher-kva.example", f"{'long-label.' * 17}example"]),
)
def test_long_and_dotted_local_parts_are_judged_as_email_validator_does(
    local: str, domain: str
) -> None:
    try:
        validated(f"{local}@{domain}")
    except EmailSyntaxError:
        with pytest.raises(AddressError):
            parse_address(f"{local}@{domain}")
    else:
        assert parse_address(f"{local}@{domain}").local == local


@given(
    st.one_of(
        st.text(),
        st.builds("{}@{}".format, st.text(min_size=1), st.text(min_size=1)),
        st.builds("{}@{}.com".format, st.text(min_size=1, max_size=8), st.text(max_size=8)),
    )
)
def test_whatever_passes_is_safe_between_angle_brackets(typed: str) -> None:
    try:
        address = parse_address(typed)
    except AddressError:
        return
    assert ENVELOPE.fullmatch(address.spec)
    assert len(address.spec.encode()) <= 254
    assert parse_address(address.spec) == address
    assert parse_address(address.key).key == address.key


@pytest.mark.parametrize(
    ("typed", "name", "spec"),
    [
        ("Ada Lovelace <ada@example.com>", "Ada Lovelace", "ada@example.com"),
        ('"Lovelace, Ada" <ada@example.com>', "Lovelace, Ada", "ada@example.com"),
        (r'"Ada \"Countess\" L." <ada@example.com>', 'Ada "Countess" L.', "ada@example.com"),
        ("李雷 <lei@例子.广告>", "李雷", "lei@xn--fsqu00a.xn--4rr70v"),
        ("<ada@example.com>", "", "ada@example.com"),
        (" ada@example.com ", "", "ada@example.com"),
    ],
)
def test_a_mailbox_is_a_name_and_an_address(typed: str, name: str, spec: str) -> None:
    mailbox = parse_mailbox(typed)
    assert (mailbox.name, mailbox.address.spec) == (name, spec)


@pytest.mark.parametrize(
    "typed",
    [
        "Ada\r\nBcc: x@y.com <ada@example.com>",
        "Ada <ada@example.com",
        "Ada ada@example.com>",
        'Ada "x" L <ada@example.com>',
        "Ada <x@y.com> <ada@example.com>",
        "Ada <not an address>",
        "",
    ],
)
def test_a_mailbox_that_could_be_two_things_is_refused(typed: str) -> None:
    with pytest.raises(AddressError):
        parse_mailbox(typed)


@pytest.mark.parametrize(("one", "other"), [("straße", "strasse"), ("ﬁt", "fit"), ("ŉ", "n")])
def test_two_spellings_that_only_folding_makes_equal_are_two_people(one: str, other: str) -> None:
    assert fold(one) != fold(other)


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=20))
def test_a_key_is_its_own_key(local: str) -> None:
    assert fold(fold(local)) == fold(local)


@pytest.mark.parametrize(
    ("cell", "spec"),
    [
        ("ada@example.com", "ada@example.com"),
        ("ada@example.com\u3002", "ada@example.com"),
        ("ada@126\u3002com", "ada@126.com"),
        ("mailto:ada@example.com", "ada@example.com"),
        ("MailTo:ada@example.com?subject=Hello@you", "ada@example.com"),
        ("Ada <ada@example.com>", "ada@example.com"),
        ('"Lovelace, Ada" <ada@example.com> ', "ada@example.com"),
        ("\u738b\u5c0f\u660e\uff1cwang@126.com\uff1e", "wang@126.com"),
        ("<ada@example.com>", "ada@example.com"),
    ],
)
def test_the_one_address_of_a_cell_is_found(cell: str, spec: str) -> None:
    assert parse_cell(cell).spec == spec


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("wang@126\uff0ccom", "a comma in the domain .* is wang@126.com meant"),
        ("ada@example,co,uk", "is ada@example.co.uk meant"),
        ("a@example.com,b@example.com", "more than one address .* two rows"),
        ("a@example.com; b@example.com", "more than one address"),
        ("a@example.com b@example.com", "more than one address"),
        ("a@example.com\nb@example.com", "more than one address"),
        ("a@example.com\u3001b@example.com", "more than one address"),
        ("a@example.com\uff1bb@example.com", "more than one address"),
        ("a@example.com/b@example.com", "more than one address"),
        ("b@example.com <a@example.com>", "more than one address"),
        ("Ada <a@example.com> <b@example.com>", "more than one address"),
        ("a@b@example.com", "more than one @"),
        ("Ada <ada@example.com", "write the bare address"),
        ("<>", "the cell is empty"),
        ("mailto:", "the cell is empty"),
    ],
)
def test_a_cell_of_two_addresses_or_none_is_told(cell: str, reason: str) -> None:
    with pytest.raises(AddressError, match=reason):
        parse_cell(cell)


@given(st.text(max_size=40))
def test_a_cell_is_read_as_an_address_is_where_it_is_one(cell: str) -> None:
    try:
        address = parse_address(cell)
    except AddressError:
        return
    assert parse_cell(cell) == address


def test_parsing_changes_nothing_in_email_validator() -> None:
    before = list(email_validator.SPECIAL_USE_DOMAIN_NAMES)
    assert before
    assert parse_address("\xe9@x.test").spec == "\xe9@x.test"
    assert parse_address("ada@LOCALHOST.Localhost").spec == "ada@localhost.localhost"
    assert parse_address("ada@\xe9.test").spec == "ada@xn--9ca.test"
    assert before == email_validator.SPECIAL_USE_DOMAIN_NAMES
