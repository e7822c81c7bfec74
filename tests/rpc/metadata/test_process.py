"""The service as a process of its own: what survives its death, and how it refuses to start."""

import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from services.metadata.adapters.sqlite.connection import SCHEMA_VERSION, open_writer
from services.shared.errors import TamsError
from services.shared.rpc.client import open_channel
from services.shared.rpc.probe import is_serving
from tests.rpc.metadata.conftest import SERVICES, Service
from tests.support.messages import create, listing, new_segment, put_flow
from tests.support.polling import until
from tests.support.ports import free_ports

ROOT = Path(__file__).parents[3]
WRITERS = 8


async def start(path: Path, port: int) -> asyncio.subprocess.Process:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TAMS_")} | {
        "TAMS_STORE_URL": f"sqlite:///{path}",
        "TAMS_METADATA_PORT": f"{port}",
        "TAMS_METADATA_DRAIN_SECONDS": "0",
    }
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.metadata"),
        env=environment,
        cwd=ROOT,
        stderr=asyncio.subprocess.PIPE,
    )


async def end(process: asyncio.subprocess.Process, number: signal.Signals) -> tuple[int | None, str]:
    if process.returncode is None:
        process.send_signal(number)
    _, said = await process.communicate()
    return process.returncode, said.decode()


@asynccontextmanager
async def process(path: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, Service]]:
    """The running process and its service; killed at the end unless it ended before."""
    (port,) = free_ports(1)
    started = await start(path, port)
    try:

        async def up() -> bool:
            assert started.returncode is None
            return await asyncio.to_thread(is_serving, f"127.0.0.1:{port}")

        await until(up)
        async with open_channel(f"127.0.0.1:{port}", [one for one, _ in SERVICES.values()]) as channel:
            yield started, Service(port, channel)
    finally:
        await end(started, signal.SIGKILL)


async def register_until_gone(service: Service, writer: int, acknowledged: list[tuple[int, int]]) -> None:
    """Register batches of 1 to 5 segments, one after the other, until the service is gone."""
    start = 0
    while True:
        size = 1 + start % 5
        batch = [new_segment(t, t + 1, f"{writer}/{t}") for t in range(start, start + size)]
        try:
            reply = await service("CreateSegments", create(writer, *batch))
        except TamsError:
            return
        assert list(reply.failures) == []
        acknowledged.append((start, size))
        start += size


async def starts(service: Service, number: int) -> set[int]:
    found: set[int] = set()
    token = ""
    while True:
        page = await service("ListSegments", listing(number, page_size=1000, page_token=token))
        found |= {int(one.document.split(b'"[0:')[1].split(b"_")[0]) for one in page.segments}
        token = page.next_page_token
        if not token:
            return found


@pytest.mark.slow
async def test_nothing_acknowledged_is_lost_when_the_process_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "tables.db"
    acknowledged: dict[int, list[tuple[int, int]]] = {number: [] for number in range(1, WRITERS + 1)}
    async with process(path) as (running, service):
        for number in acknowledged:
            await service("PutFlow", put_flow(number))
        writers = [
            asyncio.ensure_future(register_until_gone(service, number, done))
            for number, done in acknowledged.items()
        ]

        async def enough() -> bool:
            return sum(map(len, acknowledged.values())) > 50 * WRITERS

        await until(enough)
        await end(running, signal.SIGKILL)
        await asyncio.gather(*writers)
    assert_sound(path)
    async with process(path) as (_, service):
        for number, batches in acknowledged.items():
            found = await starts(service, number)
            promised = {t for start, size in batches for t in range(start, start + size)}
            # The batch in flight may have been committed without its writer hearing of it, but as a whole.
            next_start = batches[-1][0] + batches[-1][1]
            unheard = set(range(next_start, next_start + 1 + next_start % 5))
            assert found in (promised, promised | unheard)
            assert list((await service("CreateSegments", create(number, new_segment(-1, 0)))).failures) == []


def assert_sound(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        segments = connection.execute(
            "SELECT f.id, g.start_ns, g.end_ns, g.object_id FROM segments g JOIN flows f ON f.row = g.flow"
        ).fetchall()
        states = connection.execute("SELECT id, state FROM objects").fetchall()
        statistics = connection.execute(
            "SELECT f.id, s.segments, s.start_ns, s.end_ns FROM flow_stats s JOIN flows f ON f.row = s.flow"
        ).fetchall()
    assert {one for one, state in states if state == "registered"} == {one[3] for one in segments}
    for flow, count, start, finish in statistics:
        own = [one for one in segments if one[0] == flow]
        assert (count, start, finish) == (len(own), min(one[1] for one in own), max(one[2] for one in own))


async def test_an_orderly_stop_keeps_everything(tmp_path: Path) -> None:
    path = tmp_path / "tables.db"
    async with process(path) as (running, service):
        await service("PutFlow", put_flow(1))
        await service("CreateSegments", create(1, new_segment(0, 1)))
        code, _ = await end(running, signal.SIGTERM)
        assert code == 0
    assert not path.with_name("tables.db-wal").exists()
    async with process(path) as (_, service):
        assert await starts(service, 1) == {0}


@pytest.mark.parametrize("fault", ["newer", "text", "folder"])
async def test_a_file_it_cannot_use_is_named_in_one_line(tmp_path: Path, fault: str) -> None:
    path = tmp_path / "tables.db"
    if fault == "newer":
        with closing(open_writer(path, "NORMAL")) as connection:
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    elif fault == "text":
        path.write_text("no database" * 1000)
    else:
        path.mkdir()
    refused = await start(path, 0)
    _, said = await refused.communicate()
    (line,) = said.decode().splitlines()
    assert refused.returncode == 1
    assert line.startswith("tams metadata: ")
