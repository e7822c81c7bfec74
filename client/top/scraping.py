"""Reads the metrics of processes over HTTP, all at the same time, with bounds for size and time."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import httpx
from prometheus_client.parser import text_string_to_metric_families

TIMEOUT_SECONDS: Final = 5.0
MAX_BYTES: Final = 16 * 1024 * 1024
MAX_PROCESSES: Final = 100
_DEFAULT_PATH: Final = "/metrics"

# The labels and the value of a sample.
Sample = tuple[Mapping[str, str], float]
Samples = Mapping[str, Sequence[Sample]]


class NotMetrics(Exception):
    """An address that is unusable, or an answer that has no metrics."""


@dataclass(frozen=True)
class Scrape:
    """The samples of a process by name, at a monotonic time in seconds; none with a `fault`."""

    name: str
    time: float
    samples: Samples
    fault: str = ""
    text: str = ""

    def value(self, name: str) -> float | None:
        """The value of a metric without labels; None if the process has none of this name."""
        found = self.samples.get(name)
        return found[0][1] if found else None

    @property
    def build(self) -> Mapping[str, str]:
        """The service and its version, as the labels of `tams_build_info`."""
        found = self.samples.get("tams_build_info")
        return found[0][0] if found else {}


def metrics_url(url: str) -> str:
    """The URL with the path /metrics if it has none. NotMetrics if it is no http or https URL."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise NotMetrics(f"not an http or https URL: {url.rpartition('@')[2]!r}")
    if parts.username or parts.password:
        raise NotMetrics("the URL of metrics has a user or a password in it")
    return url if parts.path.strip("/") else f"{parts.scheme}://{parts.netloc}{_DEFAULT_PATH}"


async def scrape_all(http: httpx.AsyncClient, urls: Mapping[str, str]) -> list[Scrape]:
    """The metrics of each process by its name. A process that does not answer has a fault."""
    return await asyncio.gather(*(_scrape(http, name, url) for name, url in urls.items()))


async def _scrape(http: httpx.AsyncClient, name: str, url: str) -> Scrape:
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            text = await _read(http, url)
        now = time.monotonic()
        return Scrape(name, now, await asyncio.to_thread(parse, text), text=text)
    except TimeoutError:
        return Scrape(name, time.monotonic(), {}, f"no answer within {TIMEOUT_SECONDS:.0f} s")
    except (httpx.HTTPError, httpx.InvalidURL, NotMetrics) as error:
        return Scrape(name, time.monotonic(), {}, str(error) or type(error).__name__)


async def _read(http: httpx.AsyncClient, url: str) -> str:
    async with http.stream("GET", url, headers={"accept": "text/plain"}) as response:
        if not response.is_success:
            raise NotMetrics(f"it answers with status {response.status_code}")
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > MAX_BYTES:
                raise NotMetrics(f"its metrics are longer than {MAX_BYTES} bytes")
    return body.decode(errors="replace")


def parse(text: str) -> Samples:
    """The samples of Prometheus' text format by name. NotMetrics if it is another text."""
    found: dict[str, list[Sample]] = {}
    try:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                found.setdefault(sample.name, []).append((sample.labels, sample.value))
    # The parser raises errors of several types for texts of other forms.
    except Exception as error:
        raise NotMetrics(f"its answer has no metrics: {type(error).__name__}") from error
    if not found:
        raise NotMetrics("its answer has no metrics")
    return found
