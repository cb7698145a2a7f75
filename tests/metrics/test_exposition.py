"""Figures are written as Prometheus reads them; its own parser is the oracle."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from campaign.metrics.exposition import METRICS, Metric, Sample, expose

PAGE = Path(__file__).parents[2] / "docs/metrics.md"


def rows() -> list[str]:
    return [
        f"| `{metric.name}` | {metric.kind} |"
        f" {', '.join(f'`{label}`' for label in metric.labels)} | {metric.help} |"
        for metric in METRICS
    ]


def test_the_page_lists_every_metric_as_it_is_written() -> None:
    listed = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `")]
    assert listed == rows()


def test_the_alerts_ask_for_metrics_that_there_are() -> None:
    alerts = PAGE.read_text("utf-8").partition("## Alerts")[2]
    asked = set(re.findall(r"campaign_\w+", alerts))
    assert asked <= {metric.name for metric in METRICS}
    assert len(asked) > 5


def test_names_follow_the_rules_of_prometheus() -> None:
    for metric in METRICS:
        assert metric.name.endswith("_total") == (metric.kind == "counter"), metric
        assert re.fullmatch(r"[a-z][a-z0-9_]*", metric.name)
        assert metric.help.endswith(".")


def _sample_of(each: tuple[Metric, float, list[str]]) -> tuple[str, tuple[str, ...]]:
    return each[0].name, tuple(each[2][: len(each[0].labels)])


@given(
    st.lists(
        st.tuples(
            st.sampled_from(METRICS),
            st.floats(allow_nan=False, allow_infinity=False) | st.integers(0, 2**50),
            st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=3, max_size=3),
        ),
        unique_by=_sample_of,
    )
)
def test_what_is_written_is_read_back(given_: list[tuple[Metric, float, list[str]]]) -> None:
    wanted = {}
    samples = []
    for metric, value, texts in given_:
        labels = tuple(texts[: len(metric.labels)])
        samples.append(Sample(metric.name, value, labels))
        wanted[metric.name, labels] = float(value)
    read = {}
    for family in text_string_to_metric_families(expose(samples)):
        for sample in family.samples:
            read[sample.name, tuple(sample.labels.values())] = sample.value
    assert read.keys() == wanted.keys()
    assert all(math.isclose(read[key], wanted[key]) for key in read)


def test_what_is_in_no_list_cannot_be_written() -> None:
    with pytest.raises(KeyError):
        expose([Sample("campaign_secret_total", 1)])
    with pytest.raises(ValueError, match="zip"):
        expose([Sample("campaign_events_total", 1, ("spring",))])
