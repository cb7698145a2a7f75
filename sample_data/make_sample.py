"""Makes the sample: its list, the same list as Excel writes it in China, a PDF and a logo.

In: nothing; the same every time.  Out: files beside this one, and the logo of the templates.
Touches: those files.

    python sample_data/make_sample.py
"""

from __future__ import annotations

import csv
import io
import random
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from drawings import logo_png, terms_pdf
from people import NOT_ADDRESSES, NOTES, PLAYED, TONGUES, Tongue

ROWS = 500
COLUMNS = (
    "customer_id", "email", "first_name", "last_name", "company", "plan", "seats", "renews_on",
    "amount", "lines", "note",
)  # fmt: skip
PLANS = {"Starter": 48, "Team": 108, "Business": 180}  # euros for a seat and year
MONTHS = ("May", "June", "July")
Row = dict[str, str]


def main() -> None:
    here = Path(__file__).parent
    rows = make_rows(random.Random(2026))
    (here / "recipients.csv").write_bytes(as_csv(rows, ",", "\n").encode())
    (here / "recipients-gb18030.csv").write_bytes(as_csv(rows, ";", "\r\n").encode("gb18030"))
    (here / "suppressed.csv").write_text(suppressed(rows), encoding="utf-8")
    (here / "terms.pdf").write_bytes(terms_pdf())
    (here.parent / "templates" / "renewal" / "logo.png").write_bytes(logo_png())


def make_rows(chance: random.Random) -> list[Row]:
    """The list: mostly people, with everything in between that real lists have."""
    special = [f"{name}@sandbox.example" for name in PLAYED]
    special += NOT_ADDRESSES
    special += ["用户@例子.example", "anna@bücher.example", "info@xn--mller-kva.example"]
    people = made_up(chance)
    throttled = [{**next(people), "email": f"throttle+{n}@sandbox.example"} for n in (1, 2)]
    rows = [next(people) for _ in range(ROWS - len(throttled) - len(special) - 7)]
    rows += [repeated(row, n) for n, row in enumerate(chance.sample(rows, 7))]
    rows += [{**next(people), "email": address} for address in special]
    chance.shuffle(rows)
    rows[430:430] = throttled  # side by side and near the end: the run cools down once, and late
    for number, row in enumerate(rows, 1):
        row["customer_id"] = f"{number * 37:06d}"
    return rows


def made_up(chance: random.Random) -> Iterator[Row]:
    """Invented customers without end, no address twice."""
    taken: set[str] = set()
    while True:
        tongue = chance.choices(TONGUES, [tongue.weight for tongue in TONGUES])[0]
        first, last = chance.choice(tongue.first), chance.choice(tongue.last)
        address = an_address(first, last, tongue, chance)
        while address in taken:
            local, _, domain = address.partition("@")
            address = f"{local}{chance.randrange(2, 99)}@{domain}"
        taken.add(address)
        plan = chance.choices(list(PLANS), [4, 4, 2])[0]
        seats = chance.randrange(1, 4) if plan == "Starter" else chance.randrange(3, 60)
        amount, lines = an_invoice(plan, seats, chance)
        yield {
            "customer_id": "",
            "email": address,
            "first_name": first.partition("/")[0],
            "last_name": last.partition("/")[0],
            "company": chance.choice(tongue.companies),
            "plan": plan,
            "seats": str(seats),
            "renews_on": f"{chance.randrange(1, 31)} {chance.choice(MONTHS)} 2026",
            "amount": amount,
            "lines": lines,
            "note": chance.choice(NOTES) if chance.random() < 0.15 else "",
        }


def an_address(first: str, last: str, tongue: Tongue, chance: random.Random) -> str:
    domain = chance.choice(tongue.domains)
    if domain == "qq.example":  # there, people are numbers
        return f"{chance.randrange(10**7, 10**9)}@{domain}"
    form = chance.choice(("{f}.{l}", "{f}{l}", "{f}.{l}", "{f}_{l}", "{l}.{f}"))
    return f"{form.format(f=latin(first), l=latin(last))}@{domain}"


def an_invoice(plan: str, seats: int, chance: random.Random) -> tuple[str, str]:
    """Total, and lines as "text=amount" joined by "|"; amounts in euros."""
    lines = [(f"{plan} plan, {seats} seat{'s' * (seats > 1)}, one year", PLANS[plan] * seats)]
    if chance.random() < 0.5:
        lines.append(("Extra storage, 100 GB", 60))
    if plan == "Business":
        lines.append(("Single sign-on", 240))
    if chance.random() < 0.25:
        lines.append(("Loyalty discount, 10 %", -(sum(amount for _, amount in lines) // 10)))
    text = "|".join(f"{line}={amount:,.2f}" for line, amount in lines)
    return f"{sum(amount for _, amount in lines):,.2f}", text


def repeated(row: Row, number: int) -> Row:
    """The same person again, as lists have them: other case, other spelling, other plan."""
    address = row["email"]
    spelt = (address, address.upper(), address.title(), f" {address} ")[number % 4]
    return {**row, "email": spelt, "note": "signed up twice"}


def suppressed(rows: list[Row]) -> str:
    """Five of the list, and two who are long gone from it."""
    listed = [row["email"] for row in rows if row["email"].endswith("@outlook.example")][:5]
    lines = [listed[0], listed[1].upper(), *listed[2:], "gone@web.example", "left@orange.example"]
    return "".join(f"{line}\n" for line in ("email", *lines))


def latin(name: str) -> str:
    """ "Łukasz/Lukasz" -> "lukasz", "D'Ávila" -> "davila"."""
    given = name.rpartition("/")[2].lower().replace("ß", "ss").replace("ø", "o")
    plain = unicodedata.normalize("NFKD", given).encode("ascii", "ignore").decode()
    return "".join(char for char in plain if char.isalnum() or char == "-")


def as_csv(rows: list[Row], delimiter: str, line_end: str) -> str:
    lines = io.StringIO()
    writer = csv.DictWriter(lines, COLUMNS, delimiter=delimiter, lineterminator=line_end)
    writer.writeheader()
    writer.writerows(rows)
    return lines.getvalue()


if __name__ == "__main__":
    main()
