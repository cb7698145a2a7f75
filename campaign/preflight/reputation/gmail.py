"""What Gmail says of a domain: Postmaster Tools API, version 2.

In: a domain, an access token.  Out: findings.  Touches: gmailpostmastertools.googleapis.com.

developers.google.com/workspace/gmail/postmaster/reference/rest/v2, read in November 2026.  Gmail
shows numbers of days with enough letters to its users only.  SPAM_RATE is taken for a ratio, as
userReportedSpamRatio of version 1 is; the page of version 2 does not say.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from urllib.parse import quote

from campaign.preflight.reputation.web import ProviderError, ask_provider
from campaign.preflight.rules import CheckFinding, Level

WARN_AT, FAIL_AT = 0.001, 0.003  # support.google.com/mail/answer/81126
_DAYS = 7  # so long below 0.3 % until mitigation is to be had again
_LOOKED_BACK_DAYS = 30
_METRIC = "spam"
_REASONS = {
    401: "the token is not accepted: fetch a new one (scope postmaster.traffic.readonly)",
    403: "the token may not see it: add the domain in Postmaster Tools, or give the token its user",
    404: "Postmaster Tools does not know it: add the domain there",
}


def gmail_findings(
    domain: str, token: str, url: str, today: date, *, context: Any = None
) -> list[CheckFinding]:
    """Spam rate and compliance; whatever cannot be had is "not-checked"."""
    parent = f"{url.rstrip('/')}/v2/domains/{quote(domain, safe='')}"
    found: list[CheckFinding] = []
    for rule, ask in (("gmail-spam", _spam), ("gmail-rules", _rules)):
        try:
            found += ask(parent, domain, token, today, context)
        except ProviderError as error:
            why = _REASONS.get(error.status, str(error))
            found.append(CheckFinding(rule, "not-checked", f"{domain}: {why}"))
    return found


def _read(text: str) -> dict[str, Any]:
    try:
        answer = json.loads(text)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise ProviderError("what it says is not understood")
    return answer


def _spam(
    parent: str, domain: str, token: str, today: date, context: Any
) -> Iterator[CheckFinding]:
    rates = _rates(parent, token, today, context)
    if not rates:
        why = f"{domain}: no day with enough letters to Gmail in the last {_LOOKED_BACK_DAYS} days"
        yield CheckFinding("gmail-spam", "not-checked", why)
        return
    last = max(rates)
    lately = {day: rate for day, rate in rates.items() if last - day < timedelta(_DAYS)}
    worst = max(lately, key=lambda day: (lately[day], day))
    level: Level = "ok"
    if lately[worst] >= WARN_AT:
        level = "fail" if lately[worst] >= FAIL_AT else "warn"
    evidence = (
        f"{domain}: {100 * lately[worst]:.2f} % on {worst}, the worst of {len(lately)} days;"
        f" {100 * rates[last]:.2f} % on {last}, the last"
    )
    remedy = "write to those only who asked for it and read it, until it is below 0.10 %"
    yield CheckFinding("gmail-spam", level, evidence, "" if level == "ok" else remedy)


def _rates(parent: str, token: str, today: date, context: Any) -> dict[date, float]:
    """By day."""
    start = today - timedelta(_LOOKED_BACK_DAYS)
    body: dict[str, Any] = {
        "metricDefinitions": [{"name": _METRIC, "baseMetric": {"standardMetric": "SPAM_RATE"}}],
        "timeQuery": {"dateRanges": {"dateRanges": [{"start": _day(start), "end": _day(today)}]}},
        "aggregationGranularity": "DAILY",
        "pageSize": 200,
    }
    text = ask_provider(f"{parent}/domainStats:query", token=token, body=body, context=context)
    rates = {}
    for one in _read(text).get("domainStats", []):
        try:
            if one.get("metric", _METRIC) != _METRIC:
                continue
            day, value = one["date"], one["value"]
            rate = value.get("doubleValue", value.get("floatValue"))
            rates[date(day["year"], day["month"], day["day"])] = float(rate)
        except (KeyError, TypeError, ValueError, AttributeError):
            continue  # a day without a number
    return rates


def _day(day: date) -> dict[str, int]:
    return {"year": day.year, "month": day.month, "day": day.day}


def _rules(
    parent: str, domain: str, token: str, today: date, context: Any
) -> Iterator[CheckFinding]:
    data = _read(ask_provider(f"{parent}/complianceStatus", token=token, context=context))
    told = data.get("complianceData")
    if not isinstance(told, dict):
        raise ProviderError("it has no compliance status yet")
    good = []
    for name, state, reason in _rows(told):
        if state == "COMPLIANT":
            good.append(name)
        elif state == "NEEDS_WORK":
            because = f" ({reason.lower().replace('_', ' ')})" if reason else ""
            evidence = f"{domain}: {name} needs work{because}, read on {today}"
            remedy = "the other rules of this check say what to mend; Gmail looks again in a week"
            yield CheckFinding("gmail-rules", "warn", evidence, remedy)
    if good:
        yield CheckFinding("gmail-rules", "ok", f"{domain}: {', '.join(good)}, read on {today}")
    elif not any(state == "NEEDS_WORK" for _, state, _ in _rows(told)):
        raise ProviderError("it has no compliance status yet")


def _rows(told: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Name, state and reason of each."""
    for row in told.get("rowData", []):
        name = str(row.get("requirement", "")).lower().replace("_", " ")
        yield name, str(row.get("status", {}).get("status", "")), ""
    for key, name, inside in (
        ("oneClickUnsubscribeVerdict", "one-click unsubscribe", "status"),
        ("honorUnsubscribeVerdict", "honouring unsubscribes", "status"),
        ("deliverabilityStatusVerdict", "deliverability", "state"),
    ):
        if isinstance(verdict := told.get(key), dict):
            state = verdict.get(inside, {})
            yield name, str(state.get("status", "")), str(verdict.get("reason", ""))
