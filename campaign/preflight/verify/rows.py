"""What is to be thought of one row of a list.

In: cells, findings about domains and mailboxes.  Out: `AddressFinding`.  Touches: nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from ipaddress import ip_address
from typing import NamedTuple

from campaign.addresses.disposable import Disposables, is_relay
from campaign.addresses.roles import is_role
from campaign.addresses.syntax import Address, AddressError, parse_cell
from campaign.addresses.typos import is_provider, likely_typo, mended_address
from campaign.preflight.verify.findings import (
    AddressFinding,
    DomainFinding,
    MailboxFinding,
    Standing,
)

_REMEMBERED = 100_000  # domains, about 50 MB
_LOCAL_MAX = 64  # RFC 5321, 4.5.3.1.1
_QUOTED = re.compile(r'"(?:[ !#-\[\]-~]|\\[ -~])+"')
_SPECIALS = frozenset('()<>[]:;@\\," \t')
_FEW_ROWS = 3  # of a domain with a mail server of its own may be slips
DomainLookUp = Callable[[str], tuple[DomainFinding, int]]
MailboxLookUp = Callable[[Address, DomainFinding], MailboxFinding]


class _Domain(NamedTuple):
    """What all rows of a domain share."""

    finding: DomainFinding
    kind: str
    meant: str  # the domain that was probably meant, or ""
    plain: AddressFinding | None  # of every good address that is written as it should be


class Judge:
    """Says what is to be thought of each address."""

    def __init__(
        self,
        look_up: DomainLookUp,
        disposables: Disposables,
        mailbox: MailboxLookUp | None = None,
    ) -> None:
        """`mailbox` says what mail servers told of those that are good so far; None: not asked."""
        self._disposables = disposables
        self._mailbox = mailbox
        self._look_up = look_up
        self._domain = lru_cache(maxsize=_REMEMBERED)(self._made)

    def of_cell(self, cell: str) -> tuple[Address | None, AddressFinding]:
        """The address in a cell, None where there is none, and what is to be thought of it."""
        try:
            address = parse_cell(cell)
        except AddressError as error:
            standing, cause = (
                (Standing.DOUBTFUL, "not supported")
                if _is_rare_form(cell)
                else (Standing.BAD, "syntax")
            )
            meant = mended_address(cell) or ""
            return None, AddressFinding(standing, cause, str(error), meant)
        domain = self._domain(address.domain)
        # Why fast: most rows are like this, and one finding is made for all of a domain.
        is_as_it_should_be = self._mailbox is None and cell == address.spec
        if domain.plain and is_as_it_should_be and not is_role(address.local):
            return address, domain.plain
        return address, self._of_address(address, domain, cell)

    def _of_address(self, address: Address, domain: _Domain, cell: str) -> AddressFinding:
        found = domain.finding
        standing, cause, detail, at_s = (
            found.standing, found.cause, found.detail, found.checked_at_s,
        )  # fmt: skip
        if standing is Standing.GOOD and domain.meant:
            standing, cause = Standing.DOUBTFUL, "slip of the finger?"
            detail = f"{domain.meant} is more likely"
        elif standing is Standing.GOOD and domain.kind == "disposable":
            standing, cause = Standing.DOUBTFUL, "disposable"
            detail = f"{address.domain} gives mailboxes away for a short time"
        elif standing is Standing.GOOD:
            standing, cause, detail, at_s = self._of_mailbox(address, found)
        return AddressFinding(
            standing,
            cause,
            detail,
            _suggestion(address, domain.meant, cell),
            domain.kind,
            found.mx,
            at_s,
            address.domain,
        )

    def _of_mailbox(self, address: Address, domain: DomainFinding) -> MailboxFinding:
        """Of an address that is good as far as the DNS knows."""
        cause, detail, at_s = domain.cause, domain.detail, domain.checked_at_s
        if self._mailbox:
            told = self._mailbox(address, domain)
            if told.standing is not Standing.GOOD:
                return told
            at_s = told.checked_at_s
        if is_role(address.local):
            cause, detail = "role account", ""
        return MailboxFinding(Standing.GOOD, cause, detail, at_s)

    def _made(self, domain: str) -> _Domain:
        finding, rows = self._look_up(domain)
        meant = likely_typo(domain) or ""
        takes_mail = finding.standing in (Standing.GOOD, Standing.DOUBTFUL)
        if takes_mail and rows > _FEW_ROWS and not is_provider(meant):
            meant = ""  # so many people do not all slip in the same place
        kind = self._kind(domain, finding)
        plain = None
        if finding.standing is Standing.GOOD and not meant and kind != "disposable":
            plain = AddressFinding(
                *(finding.standing, finding.cause, finding.detail, "", kind),
                *(finding.mx, finding.checked_at_s, domain),
            )
        return _Domain(finding, kind, meant, plain)

    def _kind(self, domain: str, finding: DomainFinding) -> str:
        if is_relay(domain):
            return "relay"
        if is_provider(domain):
            return "mailbox"
        if domain in self._disposables:
            return "disposable"
        if finding.provider:
            return "hosted"
        return "own" if finding.mx else ""


def _suggestion(address: Address, meant: str, cell: str) -> str:
    """The address that was meant; also where the cell was mended to become one."""
    if meant:
        return f"{address.local}@{meant}"
    local, _, domain = cell.strip().rpartition("@")
    if local == address.local and domain.lower() == address.domain:
        return ""
    is_foreign = not domain.isascii() and address.domain.startswith(("xn--",))
    return "" if is_foreign or ".xn--" in address.domain else address.spec


def _is_rare_form(cell: str) -> bool:
    """Right by RFC 5321, 4.1.2 and 4.1.3, and yet nothing that we write to: `"a b"@example.com`,
    `a@[192.0.2.1]`."""
    local, at, domain = cell.strip().rpartition("@")
    if not (at and local and domain) or len(local) > _LOCAL_MAX:
        return False
    if _QUOTED.fullmatch(local):
        return domain.isascii() and "(" not in domain
    return _is_literal(domain) and not set(local) & _SPECIALS


def _is_literal(domain: str) -> bool:
    if not (domain.startswith("[") and domain.endswith("]")):
        return False
    inner = domain[1:-1]
    version = 6 if inner[:5].lower() == "ipv6:" else 4
    try:
        return ip_address(inner[5:] if version == 6 else inner).version == version
    except ValueError:
        return False
