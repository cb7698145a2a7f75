"""An SPF record with all it includes, as a tree, and how much of the limits it may use up.

In: a domain.  Out: `SpfTree`.  Touches: the DNS, through the resolver.

No IP address is asked for: what counts is the receiver that gets to the end.  RFC 7208, 4.6.4.
What the DNS does not answer is left out of the counts and said.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from campaign.preflight.domain.spf import MOST_TERMS, MOST_VOIDS, find_record
from campaign.preflight.domain.spf_record import SpfRecord, SpfSyntaxError, Term, read_spf
from campaign.routing.answers import DnsError, Status
from campaign.routing.resolver import Resolver

_MOST_ASKED = 3 * MOST_TERMS  # a record far beyond the limit is not followed to its end


class TreeLine(NamedTuple):
    """One term where it stands."""

    depth: int
    text: str
    note: str = ""


@dataclass(slots=True)
class SpfTree:
    """What was found, filled while it is walked."""

    domain: str
    text: str = ""  # of the record; "" without one
    terms: int = 0  # that ask the DNS
    voids: int = 0  # of them with an empty answer
    ends: str = ""  # the term "all" that decides for everybody else
    faults: list[str] = field(default_factory=list)  # receivers answer "permerror"
    advice: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)  # what the DNS did not answer
    includes: list[str] = field(default_factory=list)  # all domains whose records take part
    lines: list[TreeLine] = field(default_factory=list)


async def survey(resolver: Resolver, domain: str) -> SpfTree:
    """The tree of one domain; never raises for what the DNS says or does not say."""
    tree = SpfTree(domain)
    try:
        tree.text = await find_record(resolver, domain)
        if tree.text:
            record = read_spf(tree.text)
            await _walk(resolver, tree, domain, record, 0, (domain,))
            tree.ends = tree.ends or ("?all (as nothing is said)" if not tree.unknown else "")
    except DnsError as error:
        tree.unknown.append(error.what)
    except SpfSyntaxError as error:
        tree.faults.append(str(error))
    if tree.terms > MOST_TERMS:
        tree.faults.append(f"{tree.terms} terms ask the DNS, and {MOST_TERMS} may")
    if tree.voids > MOST_VOIDS:
        tree.faults.append(f"{tree.voids} look-ups have no answer, and {MOST_VOIDS} may")
    return tree


async def _walk(
    resolver: Resolver,
    tree: SpfTree,
    domain: str,
    record: SpfRecord,
    depth: int,
    path: tuple[str, ...],
) -> None:
    for place, term in enumerate(record.mechanisms):
        if term.name == "all":
            tree.lines.append(TreeLine(depth, term.text))
            if depth == 0 or path[-1].startswith("="):
                tree.ends = term.text
            if rest := len(record.mechanisms) - place - 1:
                tree.advice.append(f"{rest} terms behind {term.text} are never looked at")
            return
        await _look_at(resolver, tree, domain, term, depth, path)
    if record.redirect is not None:
        await _look_at(resolver, tree, domain, record.redirect, depth, path)


async def _look_at(
    resolver: Resolver, tree: SpfTree, domain: str, term: Term, depth: int, path: tuple[str, ...]
) -> None:
    if not term.asks_dns or tree.terms >= _MOST_ASKED:
        tree.lines.append(TreeLine(depth, term.text))
        return
    tree.terms += 1
    target = term.domain or domain
    if term.name == "ptr":
        tree.advice.append("ptr is slow, and should not be used (RFC 7208, 5.5)")
        tree.lines.append(TreeLine(depth, term.text, "should not be used"))
    elif "%" in target:
        tree.lines.append(TreeLine(depth, term.text, "differs from letter to letter"))
    elif term.name in ("include", "redirect"):
        await _descend(resolver, tree, target, term, depth, path)
    else:
        await _count(resolver, tree, target, term, depth)


async def _descend(
    resolver: Resolver, tree: SpfTree, target: str, term: Term, depth: int, path: tuple[str, ...]
) -> None:
    if target.lower() in (step.lstrip("=").lower() for step in path):
        tree.faults.append(f"{term.text} leads back to where it came from")
        tree.lines.append(TreeLine(depth, term.text, "a circle"))
        return
    at = len(tree.lines)
    tree.lines.append(TreeLine(depth, term.text))
    try:
        text = await find_record(resolver, target)
        record = read_spf(text) if text else None
    except DnsError as error:
        tree.unknown.append(error.what)
        tree.lines[at] = TreeLine(depth, term.text, "not known")
        return
    except SpfSyntaxError as error:
        tree.faults.append(f"{term.text}: {error}")
        tree.lines[at] = TreeLine(depth, term.text, str(error))
        return
    if record is None:
        tree.faults.append(f"{term.text}: {target} has no SPF record")
        tree.lines[at] = TreeLine(depth, term.text, "no SPF record")
        return
    tree.includes.append(target.lower())
    # "=" marks that the record takes the place of the first, so that its "all" decides.
    takes_over = term.name == "redirect" and (depth == 0 or path[-1].startswith("="))
    step = f"={target}" if takes_over else target
    await _walk(resolver, tree, target, record, depth + 1, (*path, step))


async def _count(resolver: Resolver, tree: SpfTree, target: str, term: Term, depth: int) -> None:
    """Of a, mx and exists: is the answer empty?"""
    try:
        if term.name == "mx":
            exchanges = await resolver.mx(target)
            if len(exchanges.records) > MOST_TERMS:
                tree.faults.append(f"{term.text}: more than {MOST_TERMS} mail servers")
            statuses = [exchanges.status]
        else:
            families = (False,) if term.name == "exists" else (False, True)
            statuses = [
                (await resolver.addresses(target, ipv6=family)).status for family in families
            ]
    except DnsError as error:
        tree.unknown.append(error.what)
        tree.lines.append(TreeLine(depth, term.text, "not known"))
        return
    is_void = Status.FOUND not in statuses
    tree.voids += is_void
    tree.lines.append(TreeLine(depth, term.text, "no answer" if is_void else ""))
