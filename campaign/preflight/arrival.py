"""What the test letter of `check --live` shows where it arrived.

In: `ArrivedSignatures`.  Out: a finding.  Touches: nothing.
"""

from __future__ import annotations

from campaign.preflight.rules import CheckFinding
from campaign.signing.arrived import ArrivedSignatures
from campaign.units import show_duration

RULE = "live-signature"
_MOST = 3  # changes that are named


def arrival_finding(arrival: ArrivedSignatures, mailbox: str, after_s: float) -> CheckFinding:
    """`after_s`: how long the letter took to the mailbox."""
    others = f"; signed by others: {', '.join(arrival.others)}" if arrival.others else ""
    there = f"in {mailbox} after {show_duration(max(1.0, round(after_s)))}"
    if lost := arrival.broken or arrival.missing:
        return _lost(arrival, lost, f"{there}{others}")
    if arrival.whole:
        evidence = f"{', '.join(arrival.whole)}: whole {there}{others}"
        return CheckFinding(RULE, "ok", evidence)
    if arrival.others:
        evidence = f"{', '.join(arrival.others)} signed it {there}; there is no [[dkim]] of ours"
        return CheckFinding(RULE, "info", evidence)
    remedy = "`campaign dkim keygen` makes a key and a [[dkim]]"
    return CheckFinding(RULE, "warn", f"the letter is not signed {there}", remedy)


def _lost(arrival: ArrivedSignatures, lost: tuple[str, ...], there: str) -> CheckFinding:
    if not arrival.broken:
        evidence = f"{', '.join(lost)}: taken out of the letter {there}"
        remedy = "let the relay leave signatures alone, or take [[dkim]] out and let it sign"
        return CheckFinding(RULE, "fail", evidence, remedy)
    more = len(arrival.changes) - _MOST
    changes = "; ".join(arrival.changes[:_MOST]) + (f"; {more} more" if more > 0 else "")
    evidence = f"{', '.join(lost)}: broken {there}. {changes}"
    remedy = "let the relay leave letters as they are, or take [[dkim]] out and let it sign"
    return CheckFinding(RULE, "fail", evidence, remedy)
