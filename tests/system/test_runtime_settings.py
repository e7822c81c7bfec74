"""Settings change while a whole store runs and serves requests, by a file in its data directory."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.support.processes.polling import until
from tests.support.processes.system import System, running_system
from tests.support.telemetry.collector import Collector, running_collector

pytestmark = pytest.mark.slow

PARTS = ("metadata", "media", "analytics", "events", "gateway")
# Together they need every service but events.
PATHS = ("/flows?limit=1", "/service/storage-backends", "/x/analytics/storage-usage")
REFUSED = "the run-time settings cannot be used"


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with running_collector() as running:
        yield running


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Iterator[System]:
    """A store of its own, because its settings change."""
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "TAMS_TRACE_RATIO": "0", "TAMS_LOG_FORMAT": "json"}
    with running_system(tmp_path_factory.mktemp("changing") / "data", env) as running:
        yield running


@asynccontextmanager
async def traffic(store: System) -> AsyncIterator[list[httpx.Response]]:
    """The answers to one request after the other, for each path."""
    answers: list[httpx.Response] = []

    async def ask(client: httpx.AsyncClient, path: str) -> None:
        while True:
            answers.append(await client.get(path))

    async with (
        httpx.AsyncClient(base_url=store.url, trust_env=False, timeout=60) as client,
        asyncio.TaskGroup() as group,
    ):
        tasks = [group.create_task(ask(client, path)) for path in PATHS]
        yield answers
        for task in tasks:
            task.cancel()


def file_of(store: System) -> Path:
    return store.data_dir / "runtime.env"


def log(store: System, part: str) -> str:
    return (store.data_dir / "logs" / f"{part}.log").read_text()


def changes(store: System, part: str) -> list[tuple[str, str, str]]:
    """The changes of settings that a part has logged: name, old and new value."""
    lines = [json.loads(line) for line in log(store, part).splitlines() if '"a setting has changed"' in line]
    return [(line["setting"], line["old"], line["new"]) for line in lines]


async def metric(store: System, part: str, name: str) -> list[str]:
    """The lines of a metric of a part."""
    urls = json.loads((store.data_dir / "running.json").read_text())["metrics"]
    async with httpx.AsyncClient(trust_env=False) as client:
        text = (await client.get(urls[part])).text
    return [line for line in text.splitlines() if line.startswith(name)]


async def test_levels_and_sampling_change_and_a_mistake_changes_nothing(
    store: System, collector: Collector
) -> None:
    level, ratio = "TAMS_LOG_LEVELS", "TAMS_TRACE_RATIO"
    async with traffic(store) as answers:
        await until(lambda: len(answers) > 30)
        assert collector.spans() == []
        file_of(store).write_text(f"{level}=services.shared.rpc.interceptors=debug\n{ratio}=1\n")
        await until(lambda: all(len(changes(store, part)) == 2 for part in PARTS), pause=0.1)
        await until(lambda: '"level": "debug"' in log(store, "metadata"), pause=0.1)
        await until(
            lambda: {"tams-gateway", "tams-media"} <= {name for name, _ in collector.spans()}, pause=0.1
        )

        file_of(store).write_text(f"{level}=\n{ratio}=most\n")
        await until(lambda: all(REFUSED in log(store, part) for part in PARTS), pause=0.1)
        assert await metric(store, "media", "tams_runtime_settings_refused") == [
            "tams_runtime_settings_refused 1.0"
        ]
        in_force = await metric(store, "media", f'tams_setting_info{{setting="{ratio}"')
        assert in_force == [f'tams_setting_info{{setting="{ratio}",value="1.0"}} 1.0']

        file_of(store).unlink()
        await until(lambda: all(len(changes(store, part)) == 4 for part in PARTS), pause=0.1)
        assert (ratio, "1.0", "0.0") in changes(store, "gateway")
        assert await metric(store, "media", "tams_runtime_settings_refused") == [
            "tams_runtime_settings_refused 0.0"
        ]
    assert [(answer.url, answer.status_code) for answer in answers if not answer.is_success] == []


async def test_a_limit_comes_and_goes_with_its_line(store: System) -> None:
    async with httpx.AsyncClient(base_url=store.url, trust_env=False, timeout=60) as client:

        async def status() -> int:
            return (await client.get("/flows?limit=1")).status_code

        async def is_limited() -> bool:
            return await status() == 429

        async def is_open() -> bool:
            return await status() == 200

        assert await status() == 200
        file_of(store).write_text("TAMS_GATEWAY_ADDRESS_RATE=0.001\nTAMS_GATEWAY_ADDRESS_BURST=1\n")
        await until(is_limited, pause=0.1)
        file_of(store).write_text("# no limit\n")
        await until(is_open, pause=0.1)
