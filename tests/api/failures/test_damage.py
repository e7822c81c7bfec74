"""The answers of the gateway while the database is full or damaged."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes.polling import until
from tests.support.services.engine import ENGINE
from tests.support.services.gateway import a_flow, a_segment, running_gateway
from tests.support.services.metadata import running_metadata


@pytest.fixture(autouse=True)
def only_sqlite() -> None:
    if ENGINE.name != "sqlite":
        pytest.skip("a cluster looks after its own storage")


async def test_a_full_database_refuses_writes_and_serves_reads(tmp_path: Path) -> None:
    async with (
        running_metadata(tmp_path, sqlite_max_bytes=6 * 1024 * 1024) as metadata,
        running_gateway(metadata_address=f"127.0.0.1:{metadata.port}") as tams,
    ):
        stored_ids = []
        # The last ones are so small that the store's own test of the room fails too.
        for size in (500_000, 20_000):
            while True:
                flow = a_flow(description="x" * size)
                response = await tams.put(f"/flows/{flow['id']}", json=flow)
                if response.status_code != 201:
                    break
                stored_ids.append(flow["id"])
        assert (response.status_code, response.json()["type"]) == (503, "STORAGE_FULL")
        assert "limit" in response.json()["summary"]
        assert int(response.headers["retry-after"]) > 0
        for flow_id in stored_ids:
            assert (await tams.get(f"/flows/{flow_id}")).status_code == 200
        health = (await tams.get("/health")).json()
        assert (health["status"], health["services"]["metadata"]) == ("NOT_SERVING", "SERVING")
        assert any("STORAGE_FULL" in reason for reason in health["reasons"])
        database = (await tams.get("/health/details")).json()["database"]
        assert (database["writable"], database["type"]) == (False, "STORAGE_FULL")
        for flow_id in stored_ids[:4]:
            assert (await tams.delete(f"/flows/{flow_id}")).status_code == 204
        assert (await tams.put(f"/flows/{flow['id']}", json=flow)).status_code == 201

        async def writable() -> bool:
            return bool((await tams.get("/health/details")).json()["database"]["writable"])

        await until(writable)


def damage_documents(path: Path, damage: bytes, flow: dict[str, Any]) -> None:
    """Overwrite bytes in the documents of a flow, its source and its second segment."""
    damaged = "CAST(substr(doc, 1, 20) || ? || substr(doc, 22) AS BLOB)"
    of_flow = "flow = (SELECT row FROM flows WHERE id = ?)"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for change, key in (
            (f"UPDATE flows SET doc = {damaged} WHERE id = ?", flow["id"]),
            (f"UPDATE sources SET doc = {damaged} WHERE id = ?", flow["source_id"]),
            (f"UPDATE segments SET doc = {damaged} WHERE start_ns = 10000000000 AND {of_flow}", flow["id"]),
        ):
            connection.execute(change, (damage, key))


@pytest.mark.parametrize("damage", [b"\xff", b"\x00", b"\n", b'"'])
async def test_a_damaged_document_is_never_served(tmp_path: Path, damage: bytes) -> None:
    async with (
        running_metadata(tmp_path) as metadata,
        running_gateway(metadata_address=f"127.0.0.1:{metadata.port}", admin=True) as tams,
    ):
        flow, intact = a_flow(label="whole"), a_flow()
        path = f"/flows/{flow['id']}"
        for document in (flow, intact):
            await tams.put(f"/flows/{document['id']}", json=document)
            for start in (0, 10, 20):
                await tams.post(f"/flows/{document['id']}/segments", json=a_segment(start, start + 10))
        damage_documents(tmp_path / "tams.db", damage, flow)
        query = "accept_get_urls="
        for target in (
            path,
            f"{path}/label",
            f"{path}/tags",
            "/flows",
            f"/sources/{flow['source_id']}",
            "/sources",
            f"{path}/segments?{query}",
        ):
            response = await tams.get(target)
            assert (response.status_code, response.json()["type"]) == (500, "DATA_DAMAGED"), target
        response = await tams.put(f"{path}/label", json="new")
        assert (response.status_code, response.json()["type"]) == (500, "DATA_DAMAGED")
        assert (await tams.get(f"/flows/{intact['id']}")).json()["id"] == intact["id"]
        assert len((await tams.get(f"/flows/{intact['id']}/segments?{query}")).json()) == 3
        findings = (await tams.get("/x/admin/consistency")).json()["inconsistencies"]
        damaged = {
            (finding["kind"], finding["table"], finding["id"]) for finding in findings if finding["mendable"]
        }
        assert damaged >= {
            ("DAMAGED_DOCUMENT", "flows", flow["id"]),
            ("DAMAGED_DOCUMENT", "sources", flow["source_id"]),
            ("DAMAGED_SEGMENT", "flows", flow["id"]),
        }
