"""Header fields that letters to a list carry without being asked.

In: [unsubscribe] of the config, the domain of From.  Out: names and values.  Touches: nothing.

A campaign without [unsubscribe] sends single letters, such as invoices, and has none of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from campaign.addresses.tokens import EVERYTHING
from campaign.rendering.spec import RenderSpec

_SENDER_ID = range(5, 16)  # characters (support.google.com/mail/answer/6254652)


def bulk_fields(spec: RenderSpec, domain: str) -> Iterator[tuple[str, str]]:
    """The same for every letter; one of the same name in [message] headers takes its place."""
    unsubscribe = spec.unsubscribe
    if unsubscribe is None:
        return
    name = "" if unsubscribe.list == EVERYTHING else unsubscribe.list
    if name:
        yield "List-ID", f"<{name}.{domain}>"  # RFC 2919, 2
    # Gmail's feedback loop counts complaints by each of the first three; the last is the sender.
    yield "Feedback-ID", f"{spec.campaign}:{name}::{_sender_id(domain)}"
    # Nobody's automatic reply is of use to a list (RFC 3834, 5).
    yield "Auto-Submitted", "auto-generated"


def _sender_id(domain: str) -> str:
    """The domain with "-" for its dots, or a digest of it where that has another length."""
    plain = domain.replace(".", "-")
    return plain if len(plain) in _SENDER_ID else hashlib.sha256(domain.encode()).hexdigest()[:12]
