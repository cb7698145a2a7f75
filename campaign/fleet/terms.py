"""What all workers of a fleet must agree in.

In: a campaign, its plan.  Out: words and digests.  Touches: nothing.

Settings that may differ between hosts are left out: how the journal is reached, the addresses that
a host sends from, what is shown where.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence

from campaign import __version__
from campaign.config.loader import Campaign
from campaign.journal.checking import plan_digest
from campaign.records import PlanRecord
from campaign.routing.sites import PROVIDERS

_OWN = frozenset({"journal", "fleet", "serve", "check", "bounces", "webhook"})
# Keys of a table that otherwise must be the same.
_OWN_KEYS = {"direct": {"addresses", "hello"}, "relay": {"source", "hello"}}


def terms_of(campaign: Campaign, record: PlanRecord) -> dict[str, str]:
    """By the words that a refusal names them with."""
    terms = {
        "the version of campaign": __version__,
        "the plan": plan_digest(record.plan_id, record.hashes),
    }
    settings = campaign.settings.model_dump(mode="json", by_alias=True)
    for table, content in settings.items():
        if table in _OWN:
            continue
        terms[f"[{table}]"] = _digest(_common(content, _OWN_KEYS.get(table, set())))
    return terms


def _common(content: object, left_out: Collection[str]) -> object:
    """A table, or several, without the keys that each host has for itself."""
    if isinstance(content, dict):
        return {key: value for key, value in content.items() if key not in left_out}
    return [_common(each, left_out) for each in content] if isinstance(content, list) else content


def groups_of(campaign: Campaign) -> Mapping[str, Sequence[str]] | None:
    """Domains that go together where letters go to each domain's own servers; None otherwise."""
    if campaign.settings.direct is None:
        return None
    return {each.name: each.domains for each in PROVIDERS if each.domains}


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
