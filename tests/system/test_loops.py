"""A recorder in a loop: readers walk through the flow while it grows and shrinks, and metadata is killed."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.support.metadata.flows import a_flow
from tests.support.processes.polling import until
from tests.support.processes.system import System
from tests.support.services.gateway import a_segment
from tests.support.vast.clusters import KEYS, vast_server

pytestmark = pytest.mark.slow

# The seconds of a segment, which do not divide those of the loop: so some segments reach across the bound.
LENGTH = 5
KEPT_SECONDS = 36
SEGMENTS = 120
KILLS = 3
FLOW = a_flow(1, tags={"loop_recorder_duration": "36"})
PATH = f"/flows/{FLOW['id']}/segments"


@contextmanager
def vast() -> Iterator[dict[str, str]]:
    with vast_server() as server:
        hosts = ",".join(url.removeprefix("http://") for url in server.urls)
        yield {
            "TAMS_STORE_URL": f"vast://{hosts}/vastdb/tams?tls=false",
            "TAMS_VAST_ACCESS_KEY": KEYS.access_key,
            "TAMS_VAST_SECRET_KEY": KEYS.secret_key,
        }


@pytest.fixture(params=["sqlite", "vast"])
def system(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[System]:
    """A store that shortens loops many times a second; on VAST with two metadata processes."""
    with ExitStack() as stack:
        env, arguments = {"TAMS_METADATA_LOOP_PAUSE_SECONDS": "0.05"}, ["--metadata", "1"]
        if request.param == "vast":
            env, arguments = env | stack.enter_context(vast()), ["--metadata", "2"]
        running = System(tmp_path / "data", env, arguments=arguments)
        stack.callback(running.abandon)
        yield running.start().ready()


@pytest_asyncio.fixture
async def tams(system: System) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=system.url, trust_env=False, timeout=60) as client:
        yield client


def start_of(segment: Mapping[str, Any]) -> int:
    return int(segment["timerange"][1:].partition(":")[0])


async def register(tams: httpx.AsyncClient, number: int) -> None:
    """Register a segment, again after errors of a store that restarts."""
    body = a_segment(LENGTH * number, LENGTH * (number + 1))

    async def is_stored() -> bool:
        answer = await tams.post(PATH, json=body)
        assert answer.status_code in (201, 400, 503, 504), answer.text
        # An earlier attempt, whose answer was lost, may have stored it.
        return answer.status_code == 201 or (
            answer.status_code == 400 and answer.json()["type"] == "SEGMENT_OVERLAP"
        )

    await until(is_stored)


async def walk(tams: httpx.AsyncClient) -> AsyncIterator[list[int]]:
    """The starts of the segments, page by page. The walk ends early if the store is restarting."""
    query = {"limit": "3"}
    while True:
        answer = await tams.get(PATH, params=query)
        if answer.status_code != 200:
            assert answer.status_code in (503, 504), answer.text
            return
        yield list(map(start_of, answer.json()))
        if "X-Paging-NextKey" not in answer.headers:
            return
        query["page"] = answer.headers["X-Paging-NextKey"]


def kept(last: int) -> list[int]:
    """The starts of the segments that a loop keeps whose last segment has this number."""
    end = LENGTH * (last + 1)
    return [LENGTH * n for n in range(last + 1) if LENGTH * (n + 1) > end - KEPT_SECONDS]


class Recording:
    """A recorder, its readers, and the faults of the store. `stored` is the number of the last segment."""

    def __init__(self, system: System, tams: httpx.AsyncClient) -> None:
        self.stored = -1
        self.pages = 0
        self._system = system
        self._tams = tams

    async def feed(self) -> None:
        for number in range(SEGMENTS):
            await register(self._tams, number)
            self.stored = number

    async def read(self) -> None:
        """Walk as long as the recorder runs. Readers miss no segment that the loop keeps.

        Between two pages, what follows the first of them may have become too old.
        """
        while self.stored < SEGMENTS - 1:
            next_start = 0
            async for starts in walk(self._tams):
                self.pages += 1
                for start in starts[:1]:
                    assert next_start <= start <= max(next_start, kept(self.stored + 1)[0])
                    next_start = start
                assert starts == [next_start + LENGTH * n for n in range(len(starts))]
                next_start += LENGTH * len(starts)

    async def kill(self) -> None:
        chosen = random.Random(7)
        for kills in range(KILLS):
            await until(partial(self._may_kill, kills))
            chosen.choice(self._system.processes_of("metadata")).send_signal(signal.SIGKILL)

    def _may_kill(self, kills: int) -> bool:
        """Whether the killed processes serve again. The runner gives up a part that fails to start."""
        is_time = self.stored >= (kills + 1) * SEGMENTS // (KILLS + 1)
        return is_time and self._system.errors().count("serves again") == kills


async def test_a_loop_loses_nothing_while_metadata_is_killed(system: System, tams: httpx.AsyncClient) -> None:
    assert (await tams.put(f"/flows/{FLOW['id']}", json=FLOW)).status_code == 201
    recording = Recording(system, tams)
    await asyncio.gather(recording.feed(), recording.read(), recording.read(), recording.kill())
    assert recording.pages > SEGMENTS // 10
    remaining = kept(SEGMENTS - 1)

    async def is_shortened() -> bool:
        return [start async for starts in walk(tams) for start in starts] == remaining

    await until(is_shortened, pause=0.1)
    flow = (await tams.get(f"/flows/{FLOW['id']}", params={"include_timerange": "true"})).json()
    assert flow["timerange"] == f"[{remaining[0]}:0_{LENGTH * SEGMENTS}:0)"
