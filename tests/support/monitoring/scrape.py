"""Metrics as Prometheus reads them from processes."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final, NamedTuple

import httpx
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import parser

OPENMETRICS: Final = {"accept": "application/openmetrics-text; version=1.0.0"}
# The labels of a sample that belong to its form, not to its metric.
_OF_FORM: Final = frozenset({"le"})


class Family(NamedTuple):
    """A metric: its name without suffixes, its type, its labels, its help text."""

    name: str
    type: str
    labels: tuple[str, ...]
    text: str


class Scrape:
    """The samples of several processes together."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._values: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        self.samples: dict[str, int] = defaultdict(int)
        self.families: dict[str, Family] = {}
        for family in families:
            labels = {label: None for sample in family.samples for label in sample.labels}
            own = tuple(label for label in labels if label not in _OF_FORM)
            if own or family.name not in self.families:
                self.families[family.name] = Family(family.name, family.type, own, family.documentation)
            for sample in family.samples:
                self.samples[sample.name] += 1
                for label, value in sample.labels.items():
                    self._values[sample.name][label].add(value)

    def labels(self, metric: str) -> set[str]:
        """The labels that samples of the metric have."""
        return set(self._values[metric])

    def values(self, metric: str, label: str) -> set[str]:
        """The values of a label in all samples of the metric."""
        return self._values[metric][label]


async def scrape(ports: Iterable[int]) -> Scrape:
    """Read the metrics of the processes that serve them on these ports of loopback."""
    async with httpx.AsyncClient(trust_env=False, headers=OPENMETRICS, timeout=20) as http:
        replies = [await http.get(f"http://127.0.0.1:{port}/metrics") for port in ports]
    families: list[Metric] = []
    for reply in replies:
        reply.raise_for_status()
        families += parser.text_string_to_metric_families(reply.text)  # type: ignore[no-untyped-call]
    return Scrape(families)
