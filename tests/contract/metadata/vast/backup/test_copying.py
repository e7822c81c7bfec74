"""Backups of tables that are being written."""

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pytest

from services.metadata.adapters.backup.errors import BackupFailed
from services.metadata.adapters.vast.backup import copying, parquet
from services.metadata.adapters.vast.backup.checking import check
from services.metadata.adapters.vast.backup.copying import back_up
from services.metadata.adapters.vast.backup.restoring import restore
from services.metadata.domain.webhooks.webhook import Webhook
from services.vast_client.transactions.transaction import Transaction
from simulators.vast.server import Server
from tests.support.metadata.rules import Metadata, Subscribers, a_segment
from tests.support.processes.polling import until
from tests.support.vast.backups import (
    back_up_rows,
    cluster_on,
    in_order,
    rows_in,
    rows_of_backup,
    settings_of,
    store_on,
)
from tests.support.vast.clusters import KEYS, vast_server

pytestmark = pytest.mark.slow

FLOWS = range(2)


@dataclass
class Writing:
    """The number of acknowledged changes of each flow."""

    acknowledged: Counter[int] = field(default_factory=Counter)

    async def run(self, metadata: Metadata, flow: int) -> None:
        """Register segments of two flows with a shared object, without a pause."""
        while True:
            start = self.acknowledged[flow]
            for number in (flow, flow + len(FLOWS)):
                assert not await metadata.register(number, a_segment(start, start + 1, f"o{flow}-{start}"))
            self.acknowledged[flow] = start + 1


@asynccontextmanager
async def written_store(server: Server) -> AsyncIterator[Writing]:
    """A store with a subscriber, to which tasks write until the block ends."""
    writing = Writing()
    async with store_on(server) as store:
        metadata = Metadata(store)
        await Subscribers(store, metadata.clock, "127.0.0.0/8").webhooks.register(
            Webhook(id="", url="http://127.0.0.1:1/", events=("flows/segments_added",))
        )
        await metadata.put_flows(range(2 * len(FLOWS)))
        tasks = [asyncio.create_task(writing.run(metadata, flow)) for flow in FLOWS]
        try:
            await until(lambda: writing.acknowledged.total() >= 8)
            yield writing
            assert not any(task.done() for task in tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def assert_whole(folder: Path, earliest: Mapping[int, int]) -> int:
    """Check that rows that were committed together are all there; returns the number of segments."""
    segments, flows, objects = (rows_of_backup(folder, name) for name in ("segments", "flows", "objects"))
    in_timelines = Counter(row["flow"] for row in segments)
    uses = Counter(row["object_id"] for row in segments)
    assert {row["timeline"]: row["segments"] for row in flows if row["segments"]} == in_timelines
    assert {row["id"]: row["segments"] for row in objects} == uses
    events = sorted(row["id"] for row in rows_of_backup(folder, "events"))
    (last,) = (row["value"] for row in rows_of_backup(folder, "counters") if row["name"] == "events")
    assert events == list(range(1, last + 1))
    # Each flow and each source has an event of its creation.
    assert len(events) == len(segments) + 2 * len(flows)
    for flow, count in earliest.items():
        assert {f"o{flow}-{number}" for number in range(count)} <= uses.keys()
    return len(segments)


async def test_a_backup_has_all_changes_up_to_one_moment(server: Server, tmp_path: Path) -> None:
    async with written_store(server) as writing:
        earliest = writing.acknowledged.copy()
        made = await asyncio.to_thread(back_up, cluster_on(server), tmp_path / "backup")
        assert writing.acknowledged.total() > earliest.total()  # the writers did not wait
    assert assert_whole(tmp_path / "backup", earliest) == made.tables["segments"]
    assert check(tmp_path / "backup") == made


async def test_a_cluster_whose_transactions_see_later_changes_needs_a_snapshot(tmp_path: Path) -> None:
    with vast_server(with_store=True, reads="latest") as server:
        async with written_store(server) as writing:
            with pytest.raises(BackupFailed, match="name it with --snapshot"):
                await asyncio.to_thread(back_up, cluster_on(server), tmp_path / "live")
            assert list(tmp_path.iterdir()) == []
            earliest = writing.acknowledged.copy()
            await asyncio.to_thread(server.take_snapshot, "nightly")
            until_then = 2 * writing.acknowledged.total()
            folder = tmp_path / "backup"
            await asyncio.to_thread(back_up, cluster_on(server, snapshot="nightly"), folder)
        # Each task may have made one more change of two segments, which is not acknowledged yet.
        assert assert_whole(folder, earliest) <= until_then + 2 * len(FLOWS)


def test_an_unknown_snapshot_is_refused(server: Server, tmp_path: Path) -> None:
    server.take_snapshot("nightly-2")
    with pytest.raises(BackupFailed, match="no such snapshot 'nightly'"):
        back_up(cluster_on(server, snapshot="nightly"), tmp_path / "backup")
    assert list(tmp_path.iterdir()) == []


def test_a_schema_without_a_store_is_refused(server: Server, tmp_path: Path) -> None:
    with pytest.raises(BackupFailed, match="no tables of a store"):
        back_up(cluster_on(server, "other"), tmp_path / "backup")
    assert list(tmp_path.iterdir()) == []


def test_rows_are_copied_as_they_are_in_several_files(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "_SAMPLE_ROWS", 2)
    monkeypatch.setattr(copying, "_REPLY_BYTES", 1)  # a row in each reply
    monkeypatch.setattr(parquet, "_PART_ROWS", 2)
    monkeypatch.setattr(parquet, "_FILE_ROWS", 4)
    rows = back_up_rows(server, tmp_path / "backup")
    assert len(list(tmp_path.glob("backup/segments.*.parquet"))) == 2
    assert {table: in_order(rows_of_backup(tmp_path / "backup", table)) for table in rows} == rows
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "backup").glob("*.parquet")}
    assert ((tmp_path / "backup").stat().st_mode & 0o777, modes) == (0o700, {0o600})
    restore(cluster_on(server, "new"), tmp_path / "backup")
    assert rows_in(server, "new") == rows


def test_columns_of_others_are_copied_too(server: Server, tmp_path: Path) -> None:
    with closing(cluster_on(server)) as cluster:

        def add(transaction: Transaction) -> None:
            schema = transaction.raw.bucket("vastdb").schema("tams")
            schema.table("sources").add_column(pa.schema({"rating": pa.float64()}))
            transaction.commit()

        cluster.run(add)
    back_up(cluster_on(server), tmp_path / "backup")
    restore(cluster_on(server, "new"), tmp_path / "backup")
    with closing(cluster_on(server, "new")) as cluster:
        assert "rating" in cluster.catalog.metadata("sources").arrow_schema.names


# Backs up tables, and is killed when the files of two tables are complete.
KILLED = """
import os, sys
from pathlib import Path
from services.metadata.adapters.vast.backup.copying import back_up
from services.metadata.adapters.vast.backup.parquet import TableFiles
from services.metadata.settings import Settings
from services.vast_client.cluster import cluster_of
url, access, secret, folder = sys.argv[1:]
close, closed = TableFiles.close, []
def close_and_die(files):
    close(files)
    closed.append(files)
    if len(closed) == 2:
        os.kill(os.getpid(), 9)
TableFiles.close = close_and_die
back_up(cluster_of(Settings(store_url=url, vast_access_key=access, vast_secret_key=secret)), Path(folder))
"""


def test_a_killed_backup_leaves_no_folder_of_its_name(server: Server, tmp_path: Path) -> None:
    arguments = [settings_of(server).store_url, KEYS.access_key, KEYS.secret_key, str(tmp_path / "backup")]
    assert subprocess.run([sys.executable, "-c", KILLED, *arguments], check=False).returncode == -9
    assert len(list(tmp_path.glob(".backup.*/*.parquet"))) == 2
    assert not (tmp_path / "backup").exists()
    back_up(cluster_on(server), tmp_path / "backup")
    assert check(tmp_path / "backup").tables["flows"] == 0
