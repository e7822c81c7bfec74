"""Writers that are killed in a transaction: whoever starts next on the same machine ends it."""

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from services.metadata.adapters.vast.store import VastStore, open_vast_store
from services.metadata.settings import Settings
from services.shared.errors import TamsError
from services.shared.vast.cluster import cluster_of
from tests.support.flows import a_flow
from tests.support.metadata import Metadata, a_segment
from tests.support.vast import KEYS, vast_rows, vast_server
from tests.vast.server import Server

# Changes the row of a flow, as registering a segment does, and is killed before it commits.
KILLED = """
import os, sys
from services.metadata.settings import Settings
from services.shared.vast.cluster import cluster_of
from services.shared.vast.filters import EVERYTHING
from services.shared.vast.plans import Kind
url, access, secret, folder = sys.argv[1:]
cluster = cluster_of(Settings(store_url=url, vast_access_key=access, vast_secret_key=secret), folder)
with cluster.begin() as transaction:
    rows = transaction.select("flows", ["segments"], EVERYTHING, kind=Kind.SCAN, row_ids=True)
    transaction.update("flows", rows.select(["$row_id", "segments"]))
    os.kill(os.getpid(), 9)
"""


@pytest.fixture
def server() -> Iterator[Server]:
    with vast_server() as running:
        yield running


@asynccontextmanager
async def a_store(server: Server, folder: Path | None) -> AsyncIterator[VastStore]:
    keys = {"vast_access_key": KEYS.access_key, "vast_secret_key": KEYS.secret_key}
    cluster = cluster_of(Settings(store_url=url_of(server), **keys), str(folder or ""))
    async with open_vast_store(cluster, cache_entries=100, cache_seconds=1.0, max_waiting=1000) as store:
        yield store


def url_of(server: Server) -> str:
    return f"vast://{server.urls[0].removeprefix('http://')}/vastdb/tams?tls=false"


def notes_in(folder: Path) -> int:
    return len(list(folder.iterdir()))


def kill_a_writer(server: Server, folder: Path) -> None:
    arguments = [url_of(server), KEYS.access_key, KEYS.secret_key, str(folder)]
    assert subprocess.run([sys.executable, "-c", KILLED, *arguments], check=False).returncode == -9


async def test_the_next_to_start_writes_where_a_killed_writer_was(server: Server, tmp_path: Path) -> None:
    async with a_store(server, None) as store:
        await Metadata(store).put(a_flow(1))
    kill_a_writer(server, tmp_path)
    # Without the notes, the rows stay in conflict.
    async with a_store(server, None) as store:
        with pytest.raises(TamsError):
            await Metadata(store).register(1, a_segment(0, 1))
    async with a_store(server, tmp_path) as store:
        assert await Metadata(store).register(1, a_segment(0, 1)) == []
        assert len(vast_rows(store.cluster, "segments")) == 1
    assert notes_in(tmp_path) == 0


async def test_the_transactions_of_the_living_are_left_alone(server: Server, tmp_path: Path) -> None:
    async with a_store(server, tmp_path) as first:
        await Metadata(first).put(a_flow(1))
        with first.cluster.begin() as transaction:
            async with a_store(server, tmp_path) as second:
                assert await Metadata(second).register(1, a_segment(0, 1)) == []
            transaction.commit()
        assert notes_in(tmp_path) == 1


async def test_notes_of_what_has_ended_harm_nobody(server: Server, tmp_path: Path) -> None:
    async with a_store(server, None) as store:
        await Metadata(store).put(a_flow(1))
    kill_a_writer(server, tmp_path)
    server.stop()
    server.start()  # which ends all transactions
    async with a_store(server, tmp_path) as store:
        assert await Metadata(store).register(1, a_segment(0, 1)) == []
    assert notes_in(tmp_path) == 0
