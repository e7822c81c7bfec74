"""Restored tables are those of the backup, whatever happens meanwhile; others are refused."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from services.metadata.adapters.backup.errors import BackupFailed
from services.metadata.adapters.backup.folder import stored_file
from services.metadata.adapters.vast.administration.administration import VastAdministration
from services.metadata.adapters.vast.backup.checking import check
from services.metadata.adapters.vast.backup.copying import back_up
from services.metadata.adapters.vast.backup.restoring import restore
from services.metadata.adapters.vast.examination.examination import VastExamination
from services.metadata.adapters.vast.opening import restoration
from services.metadata.adapters.vast.opening.evolution import missing_values
from services.metadata.adapters.vast.schema import SCHEMA_VERSION
from services.metadata.application.administration.consistency import Consistency, Scope
from services.metadata.domain.webhooks.webhook import Webhook
from services.shared.errors import StartupError
from services.vast_client.listing import table_names
from simulators.vast.endpoints.faults import lost_reply
from simulators.vast.server import Server
from tests.support.metadata.flows import a_flow, flow_id
from tests.support.metadata.rules import Metadata, Subscribers, a_segment
from tests.support.processes.polling import until
from tests.support.vast.backups import Rows, back_up_rows, cluster_on, rows_in, settings_of, store_on
from tests.support.vast.clusters import vast_server

pytestmark = pytest.mark.slow

Backup = tuple[Server, Path, Rows]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backup]:
    """A server with rows in all tables, their backup, and the rows."""
    with vast_server(with_store=True) as server:
        folder = tmp_path_factory.mktemp("original") / "backup"
        yield server, folder, back_up_rows(server, folder)


@pytest.fixture
def backup(original: Backup, tmp_path: Path) -> Path:
    """A copy of the backup, which a test may change."""
    copy = tmp_path / "backup"
    copy.mkdir()
    for path in original[1].iterdir():
        copy.joinpath(path.name).write_bytes(path.read_bytes())
    return copy


def tables_in(server: Server, schema: str) -> frozenset[str]:
    with closing(cluster_on(server, schema)) as cluster:
        return cluster.run(lambda transaction: table_names(transaction, cluster.address))


async def test_a_restored_store_continues(server: Server, tmp_path: Path) -> None:
    async with store_on(server) as store:
        old = Metadata(store, audited=True)
        hooks = Subscribers(store, old.clock, "127.0.0.0/8").webhooks
        await hooks.register(Webhook(id="", url="http://127.0.0.1:1/", events=("flows/segments_added",)))
        await old.put(a_flow(1, tags={"a": "1"}))
        await old.put(a_flow(2, flow_collection=[{"id": flow_id(1), "role": "video"}]))
        assert await old.register(1, a_segment(-5, 0), a_segment(0, 1, inclusive=True), a_segment(1, 9)) == []
        before = (await old.all_flows(), await old.all_sources(), await old.all_segments(1))
        last = await store.read(lambda tables: tables.events.last_id())
        back_up(cluster_on(server), tmp_path / "backup")
    restore(cluster_on(server, "new"), tmp_path / "backup")
    async with store_on(server, "new") as store:
        new = Metadata(store)
        assert (await new.all_flows(), await new.all_sources(), await new.all_segments(1)) == before
        (overlap,) = await new.register(1, a_segment(0, 1))
        assert overlap.error.reason == "SEGMENT_OVERLAP"
        assert await new.register(1, a_segment(9, 10)) == []
        events = await store.read(lambda tables: tables.events.after(last, 100))
        assert [event.id for event in events] == [last + 1]
        examined = Consistency(store, VastAdministration(store), VastExamination(store))
        after, is_checked = "", False
        while not is_checked:
            result = await examined.check(Scope(after=after))
            assert result.found == []
            after, is_checked = result.after, not result.after


def test_a_killed_restore_continues_and_keeps_services_from_starting(
    original: Backup, tmp_path: Path
) -> None:
    server, folder, rows = original
    url, journal = settings_of(server, "killed").store_url, tmp_path / "journal"
    for commit, moment in [("2", "before"), ("4", "after")]:
        command = [sys.executable, "-m", "tests.support.vast.killed_restore"]
        ended = subprocess.run([*command, url, str(journal), str(folder), commit, moment], check=False)
        assert ended.returncode == -signal.SIGKILL
        with (
            closing(cluster_on(server, "killed")) as cluster,
            pytest.raises(StartupError, match="not restored completely"),
        ):
            restoration.refuse_incomplete(cluster)
    with pytest.raises(BackupFailed, match="not restored completely"):
        back_up(cluster_on(server, "killed"), tmp_path / "backup")
    restore(cluster_on(server, "killed", journal=str(journal)), folder)
    assert rows_in(server, "killed") == rows
    assert restoration.TABLE not in tables_in(server, "killed")


async def test_a_store_does_not_start_on_a_part_of_a_backup(server: Server) -> None:
    with closing(cluster_on(server)) as cluster:
        restoration.begin(cluster, "a backup")
    with pytest.raises(StartupError, match="run `tams backup restore` again"):
        async with store_on(server):
            pytest.fail("the store opened")


def test_requests_with_lost_replies_are_repeated(original: Backup) -> None:
    server, folder, rows = original
    for operation in ("commit", "insert", "create_table", "drop_table", "update"):
        for skip in (0, 0, 1, 3):
            server.add_fault(lost_reply(operation, skip=skip))
    restore(cluster_on(server, "lost"), folder)
    server.clear_faults()
    assert rows_in(server, "lost") == rows


def test_only_the_same_backup_continues_a_restore(original: Backup, backup: Path) -> None:
    server, _, _ = original
    with closing(cluster_on(server, "other")) as cluster:
        restoration.begin(cluster, "another backup")
    with pytest.raises(BackupFailed, match="a part of another backup"):
        restore(cluster_on(server, "other"), backup)


def test_an_existing_store_is_not_replaced(original: Backup, backup: Path) -> None:
    server, _, rows = original
    with pytest.raises(BackupFailed, match="a backup does not replace a store"):
        restore(cluster_on(server), backup)
    assert rows_in(server) == rows
    assert restoration.TABLE not in tables_in(server, "tams")


def change_manifest(**members: object) -> Callable[[Path], None]:
    def change(backup: Path) -> None:
        path = backup / "manifest.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **members}))

    return change


def change_a_byte(backup: Path) -> None:
    path = backup / "flows.1.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut_short(backup: Path) -> None:
    path = backup / "flows.1.parquet"
    path.write_bytes(path.read_bytes()[:-1])


def remove_a_file(backup: Path) -> None:
    (backup / "tags.1.parquet").unlink()


def forget_a_file(backup: Path) -> None:
    files = json.loads((backup / "manifest.json").read_text())["files"]
    change_manifest(files=files[1:])(backup)


def count_other_rows(backup: Path) -> None:
    tables = json.loads((backup / "manifest.json").read_text())["tables"]
    change_manifest(tables={**tables, "sources": 19})(backup)


def rewrite(backup: Path, table: str, change: Callable[[pa.Table], pa.Table]) -> None:
    """Change the rows of a table, with the right checksum."""
    path = backup / f"{table}.1.parquet"
    parquet.write_table(change(parquet.read_table(path)), path)
    files = json.loads((backup / "manifest.json").read_text())["files"]
    found = stored_file(path)
    fresh = {"name": found.name, "bytes": found.bytes, "sha256": found.sha256}
    change_manifest(files=[fresh if file["name"] == path.name else file for file in files])(backup)


def change_a_type(backup: Path) -> None:
    rewrite(backup, "counters", lambda rows: rows.set_column(1, "value", rows["name"]))


DAMAGED = [
    change_a_byte,
    cut_short,
    remove_a_file,
    forget_a_file,
    count_other_rows,
    change_a_type,
    change_manifest(engine="sqlite"),
    change_manifest(files=[{"name": "../flows.1.parquet", "bytes": 1, "sha256": ""}]),
]


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_backup_is_neither_intact_nor_restored(
    original: Backup, backup: Path, damage: Callable[[Path], None]
) -> None:
    damage(backup)
    with pytest.raises(BackupFailed):
        check(backup)
    with pytest.raises(BackupFailed):
        restore(cluster_on(original[0], "damaged"), backup)
    assert tables_in(original[0], "damaged") == frozenset()


def test_a_backup_of_a_newer_version_is_not_restored(original: Backup, backup: Path) -> None:
    change_manifest(schema_version=SCHEMA_VERSION + 1)(backup)
    with pytest.raises(BackupFailed, match=rf"schema version {SCHEMA_VERSION + 1}, newer than this program"):
        restore(cluster_on(original[0], "newer"), backup)
    assert tables_in(original[0], "newer") == frozenset()


async def test_a_backup_of_an_older_version_is_completed_at_the_start(server: Server, tmp_path: Path) -> None:
    async with store_on(server) as store:
        await Metadata(store).put_flows([1])
        assert await Metadata(store).register(1, a_segment(0, 10)) == []
        back_up(cluster_on(server), tmp_path / "backup")
    rewrite(tmp_path / "backup", "segments", lambda rows: rows.drop_columns(["end_inclusive"]))
    rewrite(tmp_path / "backup", "objects", lambda rows: rows.drop_columns(["state"]))
    restore(cluster_on(server, "new"), tmp_path / "backup")
    async with store_on(server, "new") as store:
        await until(lambda: missing_values(store.cluster) == [])
        assert len(await Metadata(store).all_segments(1)) == 1
        assert "by_object" in {
            projection.name for projection in await VastAdministration(store).projections("segments")
        }
