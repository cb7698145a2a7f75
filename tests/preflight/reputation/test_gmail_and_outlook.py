"""What Gmail and Outlook.com say of a sender, asked of servers that answer in their formats."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from campaign.preflight.reputation.gmail import gmail_findings
from campaign.preflight.reputation.snds import read_rows, snds_findings
from campaign.preflight.reputation.web import ProviderError, ask_provider
from campaign.preflight.rules import BY_ID, CheckFinding
from fakes.web.providers import ProviderServer, provider_server

TODAY = date(2026, 11, 27)
STATS = "/v2/domains/sender.test/domainStats:query"
STATUS = "/v2/domains/sender.test/complianceStatus"
SNDS = "/snds/data.aspx"


@pytest.fixture
def provider() -> Iterator[ProviderServer]:
    with provider_server() as server:
        yield server


def stats(*days: tuple[int, float]) -> dict[str, object]:
    return {
        "domainStats": [
            {"name": f"domains/sender.test/domainStats/{day}", "metric": "spam",
             "date": {"year": 2026, "month": 11, "day": day}, "value": {"doubleValue": rate}}
            for day, rate in days
        ]
    }  # fmt: skip


def status(*rows: tuple[str, str], **verdicts: object) -> dict[str, object]:
    table = [{"requirement": name, "status": {"status": state}} for name, state in rows]
    return {
        "name": "domains/sender.test/complianceStatus",
        "complianceData": {"domainId": "sender.test", "rowData": table, **verdicts},
    }


def gmail(provider: ProviderServer) -> dict[str, list[CheckFinding]]:
    found: dict[str, list[CheckFinding]] = {}
    for one in gmail_findings("sender.test", "a-token", provider.url, TODAY):
        assert one.id in BY_ID
        found.setdefault(one.id, []).append(one)
    return found


@pytest.mark.parametrize(
    ("rate", "level"),
    [
        (0.0, "ok"),
        (0.0009, "ok"),
        (0.001, "warn"),
        (0.0029, "warn"),
        (0.003, "fail"),
        (0.02, "fail"),
    ],
)
def test_the_spam_rate_is_held_against_the_lines_of_google(
    provider: ProviderServer, rate: float, level: str
) -> None:
    provider.say(STATS, stats((24, rate), (25, 0.0002)))
    (finding,) = gmail(provider)["gmail-spam"]
    assert finding.level == level
    assert f"{100 * max(rate, 0.0002):.2f} % on 2026-11-2" in finding.evidence
    assert finding.evidence.endswith("0.02 % on 2026-11-25, the last")


def test_only_the_last_seven_days_with_numbers_count(provider: ProviderServer) -> None:
    provider.say(STATS, stats((10, 0.5), (17, 0.0001), (23, 0.0002)))
    (finding,) = gmail(provider)["gmail-spam"]
    assert (finding.level, "0.02 % on 2026-11-23" in finding.evidence) == ("ok", True)


def test_gmail_is_asked_as_its_page_says(provider: ProviderServer) -> None:
    provider.say(STATS, stats((25, 0.0)))
    gmail(provider)
    asked, other = provider.asked
    assert (asked.method, asked.authorization) == ("POST", "Bearer a-token")
    assert asked.body["metricDefinitions"] == [
        {"name": "spam", "baseMetric": {"standardMetric": "SPAM_RATE"}}
    ]
    (span,) = asked.body["timeQuery"]["dateRanges"]["dateRanges"]
    assert span["end"] == {"year": 2026, "month": 11, "day": 27}
    assert asked.body["aggregationGranularity"] == "DAILY"
    assert (other.method, other.path) == ("GET", STATUS)


def test_days_without_a_number_are_no_days(provider: ProviderServer) -> None:
    answer = {"domainStats": [{"metric": "spam", "date": {"year": 2026}}, {"metric": "spam"}, {}]}
    provider.say(STATS, answer)
    (finding,) = gmail(provider)["gmail-spam"]
    assert finding.level == "not-checked"
    assert "no day with enough letters" in finding.evidence


def test_each_rule_that_gmail_finds_broken_is_told_with_its_reason(
    provider: ProviderServer,
) -> None:
    provider.say(
        STATUS,
        status(
            ("SPF", "COMPLIANT"),
            ("DMARC_ALIGNMENT", "NEEDS_WORK"),
            ("ENCRYPTION", "STATE_UNSPECIFIED"),
            oneClickUnsubscribeVerdict={
                "status": {"status": "NEEDS_WORK"}, "reason": "NO_UNSUB_PROMO_SPAM_REPORTS",
            },
            honorUnsubscribeVerdict={"status": {"status": "COMPLIANT"}},
            deliverabilityStatusVerdict={
                "state": {"status": "NEEDS_WORK"}, "reason": "SPAM_RATE_HIGH",
            },
        ),
    )  # fmt: skip
    found = gmail(provider)["gmail-rules"]
    assert [one.level for one in found] == ["warn", "warn", "warn", "ok"]
    assert found[0].evidence == "sender.test: dmarc alignment needs work, read on 2026-11-27"
    assert "(no unsub promo spam reports)" in found[1].evidence
    assert "deliverability needs work (spam rate high)" in found[2].evidence
    assert "spf, honouring unsubscribes" in found[3].evidence


@pytest.mark.parametrize(
    ("code", "why"),
    [(401, "not accepted"), (403, "may not see it"), (404, "does not know it"), (503, "says 503")],
)
def test_what_gmail_does_not_tell_is_not_checked(
    provider: ProviderServer, code: int, why: str
) -> None:
    provider.say(STATS, {"error": {"code": code}}, code)
    provider.say(STATUS, {"error": {"code": code}}, code)
    for (finding,) in gmail(provider).values():
        assert finding.level == "not-checked"
        assert why in finding.evidence
        assert "a-token" not in finding.evidence


@pytest.mark.parametrize("nonsense", ["", "<html>", "[1]", "7", '{"complianceData": {}}'])
def test_nonsense_is_not_checked(provider: ProviderServer, nonsense: str) -> None:
    provider.say(STATS, nonsense)
    provider.say(STATUS, nonsense)
    assert {one.level for some in gmail(provider).values() for one in some} == {"not-checked"}


def line(address: str, result: str, complaints: str, traps: int) -> str:
    return (
        f"{address},11/26/2026 1:00 AM,11/27/2026 12:00 AM,1895,1894,1894,{result},{complaints},"
        f"11/26/2026 3:00 AM,11/26/2026 4:00 AM,{traps},mail.sender.test,news@sender.test,\r\n"
    )


@pytest.mark.parametrize(
    ("result", "complaints", "traps", "level"),
    [
        ("GREEN", "< 0.1%", 0, "ok"),
        ("GREEN", "0.1%", 0, "warn"),
        ("GREEN", "< 0.1%", 2, "warn"),
        ("GREEN", "0.3%", 0, "fail"),
        ("YELLOW", "< 0.1%", 0, "warn"),
        ("RED", "< 0.1%", 0, "fail"),
        ("GREEN", "", 0, "ok"),
    ],
)
def test_what_outlook_says_of_an_address_is_judged(
    provider: ProviderServer, result: str, complaints: str, traps: int, level: str
) -> None:
    provider.say(SNDS, line("192.0.2.10", result, complaints, traps))
    (finding,) = snds_findings("a-key", provider.url + SNDS, ())
    assert finding.level == level
    assert finding.evidence.startswith(f"192.0.2.10: {result}")
    assert "1,894 recipients on 2026-11-26" in finding.evidence
    assert provider.asked[0].path == f"{SNDS}?key=a-key"


def test_a_secret_may_be_the_whole_link(provider: ProviderServer) -> None:
    provider.say("/moved", line("192.0.2.10", "GREEN", "< 0.1%", 0))
    (finding,) = snds_findings(f"{provider.url}/moved?key=k", "https://nowhere.test/", ())
    assert finding.level == "ok"


def test_only_our_own_addresses_count_where_they_are_known(provider: ProviderServer) -> None:
    provider.say(
        SNDS, line("192.0.2.10", "GREEN", "< 0.1%", 0) + line("192.0.2.99", "RED", "1.5%", 9)
    )
    url = provider.url + SNDS
    assert [one.level for one in snds_findings("k", url, ["192.0.2.10"])] == ["ok"]
    assert [one.level for one in snds_findings("k", url, [])] == ["fail", "ok"]
    assert [one.level for one in snds_findings("k", url, ["192.0.2.1"])] == ["not-checked"]


def test_a_link_that_has_ended_is_not_checked(provider: ProviderServer) -> None:
    provider.say(SNDS, "<html><body>Sign in</body></html>")
    (finding,) = snds_findings("secret-key", provider.url + SNDS, ())
    assert finding.level == "not-checked"
    assert "has ended" in finding.evidence
    provider.say(SNDS, "", 403)
    (finding,) = snds_findings("secret-key", provider.url + SNDS, ())
    assert (finding.level, "secret-key" in finding.evidence) == ("not-checked", False)


def test_an_empty_answer_of_outlook_is_no_data() -> None:
    assert read_rows("\r\n") == []


@pytest.mark.parametrize("url", ["http://example.com/x", "ftp://example.com", "nonsense"])
def test_a_token_goes_over_https_or_nowhere(url: str) -> None:
    with pytest.raises(ProviderError, match="https://"):
        ask_provider(url, token="t")


def test_a_server_that_is_gone_is_said_without_the_token() -> None:
    with pytest.raises(ProviderError) as caught:
        ask_provider("http://127.0.0.1:1/x?key=secret", token="secret")
    assert "secret" not in str(caught.value)
