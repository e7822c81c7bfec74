"""The transaction of a killed writer is ended by the next process that starts on the same machine."""

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from services.metadata.adapters.vast.store import VastStore, open_vast_store
from services.metadata.settings import Settings
from services.shared.errors import TamsError
from services.vast_client.cluster import cluster_of
from simulators.vast.server import Server
from tests.support.metadata.flows import a_flow
from tests.support.metadata.rules import Metadata, a_segment
from tests.support.vast.clusters import KEYS, vast_rows

pytestmark = pytest.mark.slow

# Changes the row of a flow, as the registration of a segment does, and is killed before the commit.
KILLED = """
import os, sys
from services.metadata.settings import Settings
from services.vast_client.cluster import cluster_of
from services.vast_client.filters.filters import EVERYTHING
from services.vast_client.plans import Kind
url, access, secret, folder = sys.argv[1:]
cluster = cluster_of(Settings(store_url=url, vast_access_key=access, vast_secret_key=secret), folder)
with cluster.begin() as transaction:
    rows = transaction.select("flows", ["segments"], EVERYTHING, kind=Kind.SCAN, row_ids=True)
    transaction.update("flows", rows.select(["$row_id", "segments"]))
    os.kill(os.getpid(), 9)
"""


@asynccontextmanager
async def a_store(server: Server, folder: Path | None) -> AsyncIterator[VastStore]:
    keys: dict[str, Any] = {"vast_access_key": KEYS.access_key, "vast_secret_key": KEYS.secret_key}
    cluster = cluster_of(Settings(store_url=url_of(server), **keys), str(folder or ""))
    async with open_vast_store(cluster, cache_entries=100, cache_seconds=1.0, max_waiting=1000) as store:
        yield store


def url_of(server: Server) -> str:
    return f"vast://{server.urls[0].removeprefix('http://')}/vastdb/tams?tls=false"


def count_notes(folder: Path) -> int:
    return len(list(folder.iterdir()))


def kill_a_writer(server: Server, folder: Path) -> None:
    arguments = [url_of(server), KEYS.access_key, KEYS.secret_key, str(folder)]
    assert subprocess.run([sys.executable, "-c", KILLED, *arguments], check=False).returncode == -9


async def test_the_next_process_can_write_the_rows_of_a_killed_one(server: Server, tmp_path: Path) -> None:
    async with a_store(server, None) as store:
        await Metadata(store).put(a_flow(1))
    kill_a_writer(server, tmp_path)
    # A process without the notes cannot end the transaction, so its writes conflict.
    async with a_store(server, None) as store:
        with pytest.raises(TamsError):
            await Metadata(store).register(1, a_segment(0, 1))
    async with a_store(server, tmp_path) as store:
        assert await Metadata(store).register(1, a_segment(0, 1)) == []
        assert len(vast_rows(store.cluster, "segments")) == 1
    assert count_notes(tmp_path) == 0


async def test_transactions_of_running_processes_are_not_ended(server: Server, tmp_path: Path) -> None:
    async with a_store(server, tmp_path) as first:
        await Metadata(first).put(a_flow(1))
        with first.cluster.begin() as transaction:
            async with a_store(server, tmp_path) as second:
                assert await Metadata(second).register(1, a_segment(0, 1)) == []
            transaction.commit()
        assert count_notes(tmp_path) == 1


async def test_notes_of_ended_transactions_do_no_harm(server: Server, tmp_path: Path) -> None:
    async with a_store(server, None) as store:
        await Metadata(store).put(a_flow(1))
    kill_a_writer(server, tmp_path)
    server.stop()
    # The restart ends all transactions.
    server.start()
    async with a_store(server, tmp_path) as store:
        assert await Metadata(store).register(1, a_segment(0, 1)) == []
    assert count_notes(tmp_path) == 0
