"""Delivery status notifications (RFC 3464) and what servers write in their place.

In: the text of a message/delivery-status.  Out: `Notice`s.  Touches: nothing.
"""

from __future__ import annotations

import re

from campaign.feedback.parsing.mail import Fields, decoded_words, split
from campaign.feedback.parsing.notices import EVIDENCE_MAX, Notice

_RECIPIENTS = 50  # of one notification; ours have one
_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_TYPE = re.compile(r"\A[A-Za-z0-9-]{1,20}\s*;\s*")
_SPEC = re.compile(r"[^\s<>,;:\"'()\[\]]{1,64}@[^\s<>,;:\"'()\[\]]{1,255}")
_XTEXT = re.compile(r"\+([0-9A-F]{2})")
_KINDS = {
    "failed": "bounced", "failure": "bounced", "fail": "bounced", "undeliverable": "bounced",
    "delayed": "delayed", "delivered": "delivered", "expanded": "delivered",
}  # fmt: skip


def read_delivery_status(text: str) -> list[Notice]:
    """One for each recipient; a relayed one is no more than accepted, and is left out."""
    notices: list[Notice] = []
    for block in re.split(r"\n[ \t]*\n+", text.strip("\n"))[: 4 * _RECIPIENTS]:
        fields, _ = split(block + "\n\n")
        is_bare = fields.has("action") and (fields.has("status") or fields.has("diagnostic-code"))
        if not (fields.has("final-recipient") or fields.has("original-recipient") or is_bare):
            continue
        notice = _notice(fields)
        if notice.kind:
            notices.append(notice)
        if len(notices) == _RECIPIENTS:
            break
    return notices


def envelope_sender_of(text: str) -> str:
    """What the per-message fields say of MAIL FROM; "" where nothing."""
    found = re.search(r"(?im)^(?:x-[a-z0-9-]*sender|original-envelope-id)\s*:\s*(.{1,300})$", text)
    return found[1] if found else ""


def spec_in(value: str) -> str:
    """The address in a field such as `rfc822; <ada@example.org>`; "" without one."""
    value = _TYPE.sub("", decoded_words(value.strip()))
    found = _SPEC.search(value)
    return found[0].strip(".") if found else ""


def _notice(fields: Fields) -> Notice:
    status_found = _STATUS.search(fields.get("status"))
    status = status_found[1] if status_found else ""
    action = fields.get("action").split("(")[0].strip().strip(";").lower()
    kind = _KINDS.get(action, "")
    if not action:
        kind = {"5": "bounced", "4": "delayed", "2": "delivered"}.get(status[:1], "bounced")
    original = fields.get("original-recipient")
    if "+40" in original:  # xtext (RFC 3461, 4) that was not undone
        original = _XTEXT.sub(lambda found: chr(int(found[1], 16)), original)
    diagnostic = " ".join(fields.all("diagnostic-code", "x-supplementary-info"))
    return Notice(
        kind,
        address=spec_in(fields.get("final-recipient")) or spec_in(fields.get("x-actual-recipient")),
        original=spec_in(original),
        status=status,
        diagnostic=decoded_words(_TYPE.sub("", diagnostic))[:EVIDENCE_MAX],
        is_field=True,
    )
