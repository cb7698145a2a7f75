"""Known answers: the examples that the RFCs themselves give."""

from __future__ import annotations

import email.header

import pytest

from campaign.addresses.syntax import AddressError, parse_address, parse_mailbox
from campaign.rendering.mime import headers
from fakes.prepared.letters import parse


def read_back(name: str, block: bytes) -> str:
    return str(parse(block + b"\r\n")[name])


# RFC 2047, 8: what its encoded-words say, here through our writer and back.
@pytest.mark.parametrize(
    ("encoded", "text"),
    [
        ("=?ISO-8859-1?Q?a?=", "a"),
        ("=?ISO-8859-1?Q?a?= b", "a b"),
        ("=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab"),
        ("=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=", "ab"),
        ("=?ISO-8859-1?Q?a_b?=", "a b"),
        ("=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=", "a b"),
        ("=?US-ASCII?Q?Keith_Moore?=", "Keith Moore"),
        ("=?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?=", "Keld Jørn Simonsen"),
        ("=?ISO-8859-1?Q?Andr=E9?= Pirard", "André Pirard"),
        ("=?ISO-8859-1?Q?Olle_J=E4rnefors?=", "Olle Järnefors"),
        ("=?ISO-8859-1?Q?Patrik_F=E4ltstr=F6m?=", "Patrik Fältström"),
        ("=?iso-8859-8?b?7eXs+SDv4SDs6Oj08A==?=", "\u05dd\u05d5\u05dc\u05e9 \u05df\u05d1 \u05dc\u05d8\u05d8\u05e4\u05e0"),  # noqa: E501
        ("=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?= =?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=",  # noqa: E501
         "If you can read this you understand the example."),
    ],
)  # fmt: skip
def test_rfc_2047_section_8(encoded: str, text: str) -> None:
    assert str(email.header.make_header(email.header.decode_header(encoded))) == text
    assert read_back("Subject", headers.text_field("Subject", text)) == text
    # Written in a cell, the code itself is what the reader sees.
    assert read_back("Subject", headers.text_field("Subject", encoded)) == encoded


# RFC 2231, 3 and 4: a long value in pieces, a value in another character set, and both.
@pytest.mark.parametrize(
    ("field", "value"),
    [
        (b"Content-Disposition: attachment; filename*0=\"ftp://\";\r\n filename*1=\"cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar\"",  # noqa: E501
         "ftp://cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar"),
        (b"Content-Disposition: attachment;\r\n filename*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A",  # noqa: E501
         "This is ***fun***"),
        (b"Content-Disposition: attachment;\r\n filename*0*=us-ascii'en'This%20is%20even%20more%20;\r\n filename*1*=%2A%2A%2Afun%2A%2A%2A%20;\r\n filename*2=\"isn't it!\"",  # noqa: E501
         "This is even more ***fun*** isn't it!"),
    ],
)  # fmt: skip
def test_rfc_2231_sections_3_and_4(field: bytes, value: str) -> None:
    theirs = parse(field + b"\r\n\r\n")["Content-Disposition"].params["filename"]
    ours = f"Content-Disposition: attachment{headers.parameter('filename', value)}\r\n\r\n".encode()
    assert theirs == value
    assert parse(ours)["Content-Disposition"].params["filename"] == value


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("This is ***fun***", ';\r\n filename="This is ***fun***"'),
        ("Grüße.pdf", ";\r\n filename*=utf-8''Gr%C3%BC%C3%9Fe.pdf"),
        # RFC 6266, 5 and RFC 8187, 3.2.2 write the same character set and octets.
        ("€ rates", ";\r\n filename*=utf-8''%E2%82%AC%20rates"),
        ("£ and € rates", ";\r\n filename*=utf-8''%C2%A3%20and%20%E2%82%AC%20rates"),
    ],
)
def test_a_file_name_is_written_as_rfc_2231_has_it(value: str, written: str) -> None:
    assert headers.parameter("filename", value) == written


# RFC 5322, A.1.1 and A.1.2: mailboxes, with and without quotes.
@pytest.mark.parametrize(
    ("text", "name", "spec", "written"),
    [
        ("John Doe <jdoe@machine.example>", "John Doe", "jdoe@machine.example",
         "John Doe <jdoe@machine.example>"),
        ("Mary Smith <mary@example.net>", "Mary Smith", "mary@example.net",
         "Mary Smith <mary@example.net>"),
        ('"Joe Q. Public" <john.q.public@example.com>', "Joe Q. Public",
         "john.q.public@example.com", '"Joe Q. Public" <john.q.public@example.com>'),
        ("<boss@nil.test>", "", "boss@nil.test", "boss@nil.test"),
        ("jdoe@example.org", "", "jdoe@example.org", "jdoe@example.org"),
        ('"Giant; \\"Big\\" Box" <sysservices@example.net>', 'Giant; "Big" Box',
         "sysservices@example.net", '"Giant; \\"Big\\" Box" <sysservices@example.net>'),
    ],
)  # fmt: skip
def test_rfc_5322_appendix_a_1_mailboxes(text: str, name: str, spec: str, written: str) -> None:
    mailbox = parse_mailbox(text)
    assert (mailbox.name, mailbox.address.spec) == (name, spec)
    assert headers.mailbox_field("To", name, spec) == f"To: {written}\r\n".encode()


# RFC 5322, A.1.3 (groups), A.5 (comments) and 3.4.1 (quoted local parts, domain literals): right in
# a header, and not exactly one address that a list may hold.
@pytest.mark.parametrize(
    "text",
    [
        "A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
        "Undisclosed recipients:;",
        "Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>",
        "(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;",
        '"Joe.\\\\Blow"@example.com',
        "user@[192.168.2.1]",
        "Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example",
    ],
)
def test_rfc_5322_groups_comments_and_obsolete_forms_are_no_cell_of_a_list(text: str) -> None:
    with pytest.raises(AddressError):
        parse_address(text)


# RFC 3492, 7.1 (Punycode) and RFC 5891/5892 names in daily use: U-label, A-label.
@pytest.mark.parametrize(
    ("typed", "domain"),
    [
        ("他们为什么不说中文.example", "xn--ihqwcrb4cv8a8dqg056pqjye.example"),
        ("他們爲什麽不說中文.example", "xn--ihqwctvzc91f659drss3x8bo0yb.example"),
        ("למההםפשוטלאמדבריםעברית.example",
         "xn--4dbcagdahymbxekheh6e0a7fei0b.example"),
        ("почемужеонинеговорятпорусски.example",
         "xn--b1abfaaepdrnnbgefbadotcwatmq2g4l.example"),
        ("なぜみんな日本語を話してくれないのか.example",
         "xn--n8jok5ay5dzabd5bym9f0cm5685rrjetr6pdxa.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("faß.example", "xn--fa-hia.example"),  # IDNA 2008 keeps the ß (RFC 5894, 7.2)
        ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
    ],
)  # fmt: skip
def test_idna_names_become_a_labels(typed: str, domain: str) -> None:
    assert parse_address(f"a@{typed}").domain == domain


# Internationalised addresses (RFC 6531, 6532): kept as typed, and SMTPUTF8 is needed.  The A-labels
# are those of the standard library's Punycode (RFC 3492), which shares no code with ours.
@pytest.mark.parametrize(
    ("local", "labels"),
    [
        ("用户", ["例子", "广告"]),
        ("अजय", ["डाटा", "भारत"]),
        ("квіточка", ["пошта", "укр"]),
        ("χρήστης", ["παράδειγμα", "ελ"]),
        ("коля", ["пример", "рф"]),
    ],
)
def test_eai_addresses_keep_their_local_part(local: str, labels: list[str]) -> None:
    domain = ".".join(f"xn--{label.encode('punycode').decode()}" for label in labels)
    address = parse_address(f"{local}@{'.'.join(labels)}")
    assert address.spec == f"{local}@{domain}"
    assert address.needs_smtputf8
    # RFC 6532, 3.2: written as UTF-8, never as an encoded-word.
    assert headers.mailbox_field("To", "", address.spec) == f"To: {address.spec}\r\n".encode()


def test_rfc_6531_leaves_an_ascii_local_part_alone() -> None:
    assert not parse_address("dan@bücher.example").needs_smtputf8
