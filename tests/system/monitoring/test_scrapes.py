"""Compares real scrapes of all processes with the rules, the dashboards and the page about telemetry."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from typing import Final

import pytest
import pytest_asyncio

from docs.generate_settings import DEPLOYABLES
from tests.support.monitoring.definitions import expressions, recorded
from tests.support.monitoring.promql import Matcher, Selector, alternatives, selectors
from tests.support.monitoring.scrape import Scrape, scrape
from tests.support.monitoring.store import running_store
from tests.support.project.pages import table_rows
from tests.support.project.repository import ROOT
from tests.support.storage.seaweedfs import SeaweedFS

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

# Prometheus adds these to all samples of a process, and the metric up.
OF_TARGETS: Final = {
    "job": {"tams"},
    "part": set(DEPLOYABLES),
    "instance": set[str](),
    "namespace": set[str](),
}
PAGE: Final = ROOT / "docs" / "telemetry.md"
UP: Final = "up"
# Codes of every kind occur, and rules name those that a test cannot provoke.
CODES: Final = {"rpc_response_status_code", "http_response_status_code"}
# Work in the background is counted within moments; a busy machine gets a minute.
ATTEMPTS: Final = 120
PAUSE_SECONDS: Final = 0.5
USED: Final = {
    (expression.place, selector)
    for expression in expressions()
    for selector in selectors(expression.query)
    if selector.metric not in recorded()
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scraped(tmp_path_factory: pytest.TempPathFactory, seaweedfs: SeaweedFS) -> AsyncIterator[Scrape]:
    """The metrics of all processes, once the work in the background has been counted too."""
    async with running_store(tmp_path_factory.mktemp("store"), seaweedfs) as ports:
        found = await scrape(ports)
        for _ in range(ATTEMPTS):
            if not list(faults(found)):
                break
            await asyncio.sleep(PAUSE_SECONDS)
            found = await scrape(ports)
        yield found


def faults(scraped: Scrape) -> Iterator[str]:
    """Each metric, label and value that a rule or panel reads and no process publishes."""
    for place, selector in sorted(USED):
        if selector.metric != UP and selector.metric not in scraped.samples:
            yield f"{place}: there is no {selector.metric}"
            continue
        labels = scraped.labels(selector.metric) | OF_TARGETS.keys()
        yield from (f"{place}: {selector.metric} has no label {label}" for label in selector.labels - labels)
        yield from _unknown_values(scraped, place, selector)


def _unknown_values(scraped: Scrape, place: str, selector: Selector) -> Iterator[str]:
    for matcher in selector.matchers:
        known = OF_TARGETS.get(matcher.label) or scraped.values(selector.metric, matcher.label)
        if matcher.label in CODES or not known:
            continue
        yield from (
            f"{place}: {selector.metric} never has {matcher.label} {value}"
            for value in _unmatched(matcher, known)
        )


def _unmatched(matcher: Matcher, known: set[str]) -> list[str]:
    """The parts of a condition that no value meets."""
    if matcher.operator in ("=", "!="):
        return [] if matcher.value in known else [matcher.value]
    parts = alternatives(matcher.value)
    return [part.pattern for part in parts if not any(map(part.fullmatch, known))]


async def test_every_metric_label_and_value_in_rules_and_dashboards_is_published(scraped: Scrape) -> None:
    found = list(faults(scraped))
    assert found == [], "\n".join(found)


async def test_the_page_lists_every_metric_with_its_type_and_labels(scraped: Scrape) -> None:
    listed = {
        (name[1:-1], kind, frozenset(re.findall(r"`([^`]+)`", labels)))
        for name, kind, labels, meaning in table_rows(PAGE, "metric")
        if kind and meaning
    }
    published = {
        (f"{name}_total" if family.type == "counter" else name, family.type, frozenset(family.labels))
        for name, family in scraped.families.items()
        if not name.startswith(("process_", "python_gc_"))
    }
    assert sorted(listed ^ published, key=str) == []
