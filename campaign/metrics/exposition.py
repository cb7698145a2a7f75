"""The metrics there are, and how they are written (Prometheus' text format, version 0.0.4).

In: samples.  Out: text.  Touches: nothing.

Every metric stands in METRICS: docs/metrics.md is held to it, and what is not in it cannot be
written.  The format is a line for each sample.  `prometheus_client` would add its registries, which
are for programs that count while they run; ours reads a journal that was there before it.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Literal, NamedTuple

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metric(NamedTuple):
    """One metric."""

    name: str
    kind: Literal["counter", "gauge"]
    labels: tuple[str, ...]
    help: str


METRICS = (
    Metric("campaign_build_info", "gauge", ("version",), "1, with the version of the program."),
    Metric(
        "campaign_journal_up",
        "gauge",
        ("campaign",),
        "1 while the journal can be read, else 0, and then its figures are missing.",
    ),
    Metric("campaign_recipients", "gauge", ("campaign", "state"), "Recipients in each state."),
    Metric(
        "campaign_changes_total",
        "counter",
        ("campaign",),
        "Changes of state since the campaign was planned.",
    ),
    Metric(
        "campaign_last_change_timestamp_seconds",
        "gauge",
        ("campaign",),
        "When a state last changed; 0 before the first time.",
    ),
    Metric(
        "campaign_next_due_timestamp_seconds",
        "gauge",
        ("campaign",),
        "When the first deferred recipient may go; missing without any.",
    ),
    Metric(
        "campaign_run_active",
        "gauge",
        ("campaign",),
        "1 while a run is under way on this machine; missing where it ran on another.",
    ),
    Metric("campaign_paused", "gauge", ("campaign",), "1 after `campaign pause`."),
    Metric(
        "campaign_events_total",
        "counter",
        ("campaign", "kind"),
        "What came back: bounced, complained, unsubscribed, ...",
    ),
    Metric(
        "campaign_webhook_waiting",
        "gauge",
        ("campaign", "url"),
        "Events that wait in the outbox of a webhook.",
    ),
    Metric("campaign_webhook_told_total", "counter", ("campaign", "url"), "Events a webhook took."),
    Metric(
        "campaign_webhook_tries_total", "counter", ("campaign", "url"), "Requests to a webhook."
    ),
    Metric(
        "campaign_webhook_given_up",
        "gauge",
        ("campaign", "url"),
        "Events that a webhook alone refused for three days.",
    ),
    Metric(
        "campaign_webhook_failing",
        "gauge",
        ("campaign", "url"),
        "1 while a webhook takes nothing.",
    ),
    Metric(
        "campaign_webhook_disabled",
        "gauge",
        ("campaign", "url"),
        "1 once it was disabled, after three days of that.",
    ),
    Metric(
        "campaign_http_requests_total",
        "counter",
        ("code",),
        "Requests that `serve` answered, by status.",
    ),
    Metric(
        "campaign_mails_read_total",
        "counter",
        ("outcome",),
        "Mails that `bounces` read, by what became of them.",
    ),
    Metric(
        "campaign_consumed_total",
        "counter",
        ("outcome",),
        "Messages of a queue that became a letter, or a dead letter.",
    ),
    Metric(
        "campaign_sandbox_messages_total",
        "counter",
        ("answer",),
        "Messages that the sandbox took or did not take.",
    ),
    Metric("process_cpu_seconds_total", "counter", (), "Processor time of this process."),
    Metric("process_resident_memory_bytes", "gauge", (), "Memory of this process."),
    Metric("process_start_time_seconds", "gauge", (), "When this process was started."),
    Metric("process_open_fds", "gauge", (), "Files and sockets that this process has open."),
)
_PLACE = {metric.name: (number, metric) for number, metric in enumerate(METRICS)}


class Sample(NamedTuple):
    """One value of a metric; `labels` in the order of the metric's."""

    name: str
    value: float
    labels: tuple[str, ...] = ()


def expose(samples: Iterable[Sample]) -> str:
    """All samples as text; those of one metric stand together."""
    lines: list[str] = []
    placed = sorted(set(samples), key=lambda sample: (_PLACE[sample.name][0], sample.labels))
    for name, group in groupby(placed, key=lambda sample: sample.name):
        metric = _PLACE[name][1]
        lines += [f"# HELP {name} {_escaped(metric.help)}", f"# TYPE {name} {metric.kind}"]
        for sample in group:
            named = ",".join(
                f'{label}="{_quoted(value)}"'
                for label, value in zip(metric.labels, sample.labels, strict=True)
            )
            lines.append(f"{name}{{{named}}} {_number(sample.value)}" if named else _bare(sample))
    return "\n".join([*lines, ""])


def _bare(sample: Sample) -> str:
    return f"{sample.name} {_number(sample.value)}"


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', '\\"')
