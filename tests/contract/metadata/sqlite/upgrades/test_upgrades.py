"""Stores that earlier versions have left are opened by this one, which finds everything in them.

`stores` has the database of a store for each schema, and the answers of its own version. Each was filled over
HTTP in a version with that schema. Two deletions were under way.
"""

import json
import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from tams.event.v1 import event_service_pb2
from tams.event.v1.event_service_pb2 import LeaseWebhooksRequest, PullEventsRequest
from tams.event.v1.event_service_pb2_grpc import EventServiceStub

from services.media import bootstrap as media
from services.media.settings import Settings as MediaSettings
from services.metadata.adapters.sqlite.file.connection import open_writer
from services.metadata.adapters.sqlite.file.damage import find_damage
from services.metadata.adapters.sqlite.file.evolution import SCHEMA_VERSION
from services.metadata.application.ports.administration import Damage
from services.metadata.bootstrap import running
from services.metadata.settings import Settings
from services.shared.rpc.client import call, open_channel
from tests.support.processes.health import until_serving
from tests.support.processes.polling import until
from tests.support.services.gateway import QUICK, a_segment, running_gateway
from tests.support.storage.seaweedfs import SeaweedFS, write_storage_config
from tests.support.tables.dumps import STORES, restored

NAMES: Final = sorted(path.stem for path in STORES.glob("*.sql"))
# The trash of the stores is kept for a week.
SOON: Final = datetime(2026, 11, 30, 12, tzinfo=UTC)
VIDEO, LONG, DOOMED = (f"00000000-0000-4000-8000-{number:012}" for number in (1, 4, 5))
# The version of the program and what it offers are not stored.
UNSTORED: Final = {"service_version", "event_stream_mechanisms"}
# Deletions change these.
UNSTEADY: Final = {"segments_updated", "timerange", "timerange_remaining", "status", "updated"}
_TABLES: Final = "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"


@asynccontextmanager
async def running_store(database: Path, storage: SeaweedFS) -> AsyncIterator[tuple[httpx.AsyncClient, str]]:
    """A gateway, and the address of metadata."""
    settings = Settings(store_url=f"sqlite:///{database}", **QUICK)
    async with running(settings, clock=lambda: SOON) as metadata:
        address = f"127.0.0.1:{metadata.port}"
        config = write_storage_config(database.with_name("storage.json"), storage.backend("upgrades"))
        chosen = MediaSettings(metadata_address=address, storage_config=str(config), **QUICK)
        async with media.running(chosen) as server:
            await until_serving(server.port)
            addresses = {"metadata_address": address, "media_address": f"127.0.0.1:{server.port}"}
            async with running_gateway(**addresses, admin=True) as client:
                yield client, address


def answers_of(name: str) -> dict[str, Any]:
    answers: dict[str, Any] = json.loads((STORES / f"{name}.json").read_text("utf-8"))
    left = f"/flows/{LONG}/segments?presigned=false"
    return answers | {left: [segment for segment in answers[left] if segment["object_id"] == "long-4"]}


def kept(before: Any, after: Any, path: str) -> list[str]:
    """The members of an answer that are not what they were; there may be more members now."""
    if isinstance(before, dict) and isinstance(after, dict):
        changing = UNSTEADY if LONG in path or DOOMED in path else frozenset()
        members = [name for name in before if name not in UNSTORED | changing]
        return [line for name in members for line in kept(before[name], after.get(name), f"{path} {name}")]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        places = [
            f"{path} {item.get('flow_id', item.get('id'))}" if isinstance(item, dict) else path
            for item in before
        ]
        return [line for items in zip(before, after, places, strict=True) for line in kept(*items)]
    return [] if before == after else [f"{path}: {before} became {after}"]


async def json_of(client: httpx.AsyncClient, path: str) -> Any:
    return (await client.get(path)).json()


@pytest.mark.parametrize("name", NAMES)
async def test_everything_in_a_store_of_an_earlier_version_is_found(
    name: str, tmp_path: Path, seaweedfs: SeaweedFS
) -> None:
    async with running_store(restored(name, tmp_path), seaweedfs) as (client, address):

        async def deletions_are_done() -> bool:
            requests = await json_of(client, "/flow-delete-requests")
            return all(request["status"] == "done" for request in requests)

        await until(deletions_are_done)
        changed = [
            line
            for path, before in answers_of(name).items()
            for line in kept(before, await json_of(client, path), path)
        ]
        assert changed == []
        assert (await client.get(f"/flows/{DOOMED}")).status_code == 404
        checked = await json_of(client, "/x/admin/consistency")
        assert (checked["inconsistencies"], checked["complete"]) == ([], True)
        await check_events(address, webhooks=0 if name == "1-first" else 2)
        assert (await client.post(f"/flows/{VIDEO}/segments", json=a_segment(50, 60))).status_code == 201


async def check_events(address: str, webhooks: int) -> None:
    """Check that the webhooks are served, and that the events which wait for them can be read."""
    services = [event_service_pb2.DESCRIPTOR.services_by_name["EventService"]]
    async with open_channel(address, services) as channel:
        events = EventServiceStub(channel)
        request = LeaseWebhooksRequest(owner="test", ttl_seconds=60, max_webhooks=10)
        leases = (await call(events.LeaseWebhooks, request)).leases
        assert len(leases) == webhooks
        for lease in leases:
            pull = PullEventsRequest(owner="test", webhook_id=lease.webhook.id, max_events=100)
            found = [*(await call(events.PullEvents, pull)).events]
            for pull.key, pull.after_id in lease.behind.items():
                found += (await call(events.PullEvents, pull)).events
            assert found


@pytest.mark.parametrize("name", NAMES)
def test_an_upgraded_database_has_all_that_a_new_one_has(name: str, tmp_path: Path) -> None:
    path = restored(name, tmp_path)
    with closing(open_writer(path, "NORMAL")) as upgraded, closing(new_database(tmp_path)) as new:
        assert upgraded.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
        assert find_damage(path, seconds=60) == Damage([])
        assert tables_of(new).keys() <= tables_of(upgraded).keys()
        assert not {name for name in tables_of(upgraded) if name.startswith("old_")}
        for table, sql in tables_of(new).items():
            assert columns_of(new, table) <= columns_of(upgraded, table)
            assert ("AUTOINCREMENT" in sql) == ("AUTOINCREMENT" in tables_of(upgraded)[table])


def test_the_newest_store_has_the_present_schema(tmp_path: Path) -> None:
    """A change of the schema needs a new SCHEMA_VERSION and a store that has it: docs/upgrades.md."""
    newest = restored(NAMES[-1], tmp_path)
    with closing(sqlite3.connect(newest)) as stored, closing(new_database(tmp_path)) as new:
        assert stored.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
        assert tables_of(stored) == tables_of(new)


def test_columns_of_an_operator_survive_an_upgrade(tmp_path: Path) -> None:
    path = restored("2-trash", tmp_path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute('ALTER TABLE webhooks ADD COLUMN "my note" TEXT')
        connection.execute('UPDATE webhooks SET "my note" = url')
    with closing(open_writer(path, "NORMAL")) as upgraded:
        rows = upgraded.execute('SELECT url, "my note" FROM webhooks').fetchall()
    assert [url == note for url, note in rows] == [True, True]


def test_a_database_of_another_program_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("CREATE TABLE flows (something INTEGER); INSERT INTO flows VALUES (1)")
        before = list(connection.iterdump())
    with pytest.raises(sqlite3.OperationalError, match="no such column"):
        open_writer(path, "NORMAL")
    with closing(sqlite3.connect(path)) as connection:
        assert list(connection.iterdump()) == before


def new_database(folder: Path) -> sqlite3.Connection:
    return open_writer(folder / "new.db", "NORMAL")


def tables_of(connection: sqlite3.Connection) -> dict[str, str]:
    """The statements of tables, indexes and triggers by name, without comments and blanks."""
    return {name: re.sub(r"--.*|\s+", "", sql) for name, sql in connection.execute(_TABLES)}


def columns_of(connection: sqlite3.Connection, table: str) -> set[tuple[str, str, int]]:
    rows = connection.execute('SELECT name, type, "notnull" FROM pragma_table_info(?)', (table,))
    return set(rows.fetchall())
