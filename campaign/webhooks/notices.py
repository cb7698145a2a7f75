"""What is told: one notice for each thing that happens to a letter.

In: changes of state and events, as the journal has them.  Out: `HookNotice`s.  Touches: nothing.

The id of a notice is made from what it tells.  Whoever is killed between telling and noting that
it was told makes the same id and the same body again, so a receiver can leave repeats out.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, NamedTuple

from campaign.clock import iso
from campaign.journal.reading.since import SeenChange
from campaign.journal.states import SUPPRESSED, is_suppressed
from campaign.outcomes import Event
from campaign.records import State

# In the order of docs/webhooks.md.
KINDS = (
    "sent", "deferred", "failed", "held", "expired", "suppressed",
    "bounced", "complained", "unsubscribed",
)  # fmt: skip
_OF_STATES = {
    State.SENT: "sent",
    State.DEFERRED: "deferred",
    State.FAILED: "failed",
    State.HELD: "held",
    State.EXPIRED: "expired",
}
OF_EVENTS = frozenset({"bounced", "complained", "unsubscribed"})
TOLD_STATES = (*_OF_STATES, State.SKIPPED)


class HookNotice(NamedTuple):
    """What one endpoint is told once."""

    id: str  # webhook-id
    row: int
    kind: str
    at: float
    body: str  # JSON, kept as it is for every attempt


def kind_of(state: str, reason: str) -> str:
    """What a change is told as; "" is not told."""
    if state == State.SKIPPED:
        return SUPPRESSED if is_suppressed(state, reason) else ""
    return _OF_STATES.get(State(state), "")


def of_change(plan_id: str, campaign: str, seen: SeenChange) -> HookNotice | None:
    """The notice of a change; None for one that is not told."""
    kind = kind_of(seen.state, seen.reason)
    if not kind:
        return None
    data: dict[str, Any] = _about(campaign, seen.row, seen.address, seen.message_id)
    data |= {
        "state": seen.state,
        "reason": seen.reason,
        "class": seen.class_,
        "attempts": seen.attempts,
        "code": seen.code,
        "enhanced": seen.enhanced,
        "reply": seen.reply,
        "relay": seen.relay,
    }
    if kind == "deferred":
        data["due"] = iso(seen.due)
    return _notice(f"{plan_id}\0change\0{seen.change}", seen.row, kind, seen.at, data)


def of_event(plan_id: str, campaign: str, event: Event, address: str) -> HookNotice:
    """The notice of something that came back by mail or from a provider."""
    data = _about(campaign, event.row, address, event.message_id)
    data |= {"class": event.class_, "evidence": event.evidence, "source": event.source}
    return _notice(f"{plan_id}\0event\0{event.digest}", event.row, event.kind, event.at, data)


def of_leaving(
    plan_id: str, campaign: str, row: int, address: str, message_id: str, scope: str, at_s: float
) -> HookNotice:
    """The notice of somebody who left by the link in a letter; `scope`: what was left, "*" all."""
    data = _about(campaign, row, address, message_id)
    data |= {"class": "", "evidence": f"the link in the letter, list {scope}", "source": "serve"}
    named = f"{plan_id}\0left\0{row}\0{scope}\0{at_s!r}"
    return _notice(named, row, "unsubscribed", at_s, data)


def _about(campaign: str, row: int, address: str, message_id: str) -> dict[str, Any]:
    return {"campaign": campaign, "row": row, "address": address, "message_id": message_id}


def _notice(named: str, row: int, kind: str, at_s: float, data: dict[str, Any]) -> HookNotice:
    body = {"type": kind, "timestamp": iso(at_s), "data": data}
    digest = hashlib.sha256(named.encode()).hexdigest()[:32]
    return HookNotice(f"msg_{digest}", row, kind, at_s, json.dumps(body, ensure_ascii=False))
