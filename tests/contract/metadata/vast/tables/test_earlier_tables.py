"""Tables that earlier versions have made are completed at the start, and everything in them is found."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

import pyarrow as pa
import pytest
import pytest_asyncio

from services.metadata.adapters.vast.administration.administration import VastAdministration
from services.metadata.adapters.vast.examination.examination import VastExamination
from services.metadata.adapters.vast.schema import COLUMNS, TABLES
from services.metadata.adapters.vast.store import VastStore, open_vast_store
from services.metadata.application.administration.consistency import Consistency, Scope
from services.metadata.domain.webhooks.webhook import Webhook
from services.vast_client.cluster import Cluster
from services.vast_client.tables import TableSpec
from services.vast_client.transactions.transaction import Transaction
from tests.support.metadata.classes import seen_by, tags_of
from tests.support.metadata.flows import a_flow, flow_id
from tests.support.metadata.rules import Metadata, Subscribers, a_segment
from tests.support.processes.polling import until
from tests.support.vast.clusters import vast_cluster, vast_rows

Form = dict[str, tuple[str, ...]]
Rows = list[dict[str, Any]]
LEASE: Final = ("lease_owner", "lease_until_ms")
STATISTICS: Final = ("segments", "start_ns", "end_ns", "end_inclusive", "updated", "longest_ns")
ENTRY: Final = (
    "time_ns", "principal", "action", "resource", "request_id", "before", "after", "outcome", "facts",
)  # fmt: skip
# The first tables, and what each later form added, oldest first.
FIRST: Final[Form] = {
    "sources": ("id", "format", "label", "doc", "source_collection", "collected_by"),
    "flows": (
        "id", "timeline", "source_id", "format", "codec", "container", "label", "frame_width", "frame_height",
        "read_only", "doc", "collected_by", *STATISTICS,
    ),
    "timelines": ("timeline", *STATISTICS),
    "tags": ("owner", "name", "value", "id"),
    "collections": ("flow_id", "position", "member", "role"),
    "segments": (
        "flow", "start_ns", "end_ns", "end_inclusive", "object_id", "storage_id", "storage_path",
        "external_urls", "doc",
    ),
    "objects": (
        "id", "storage_id", "storage_path", "size", "state", "allocated_for_flow", "first_referenced_by_flow",
        "created_ms", "changed_ms", "measure_at_ms", "measure_attempts",
    ),
    "service_info": ("name", "description"),
    "webhooks": ("id", "url", "api_key_name", "api_key_value", "body", "settled", *LEASE),
    "events": ("id", "body"),
    "dead_letters": ("webhook_id", "event_id", "attempts", "error", "body", "given_up_ms"),
    "deletion_requests": ("id", "status", "created_ms", "expiry_ms", "body", *LEASE),
    "locks": ("stripe", "stamp"),
    "counters": ("name", "value"),
    "writers": ("id", "change", "seen_ms"),
}  # fmt: skip
LATER: Final[dict[str, Form]] = {
    "lagging flows": {"webhooks": ("behind",)},
    "bulk loads": {"loads": ("id", "changed_ms", "body"), "load_keys": ("load", "number", "body")},
    "trash and accounts": {
        "flows": ("deleting",),
        "objects": ("segments",),
        "storage_backends": ("id", "label"),
        "users": ("name", "password_hash", "scopes", "suspended", "created_ms", "changed_ms"),
        "api_keys": (
            "id", "name", "secret_hash", "scopes", "suspended", "created_ms", "expires_ms", "last_used_ms",
        ),
        "trash": (
            "id", "operation", "number", "kind", "flow_id", "source_id", "timeline", "deleted_ms", "purge_ms",
            "body", "flow_doc", "source_doc", *LEASE,
        ),
        "audit": ("number", *ENTRY),
    },
    "places in the trash": {"trash_places": ("entry", "number", "body")},
    "audit entries without numbers": {"audit_new": ("id", "place", *ENTRY)},
    "classes": {
        "users": ("classes",), "api_keys": ("classes",), "webhooks": ("created_by",),
        "deletion_requests": ("created_by",),
    },
    "accesses": {"objects": ("etag",), "object_accesses": ("object_id", "urls", "last_ms")},
    "copies": {
        "segments": ("copies",), "objects": ("copies",),
        "object_copies": (
            "object_id", "storage_id", "storage_path", "state", "created_ms", "changed_ms", "lease_until_ms",
        ),
    },
}  # fmt: skip


def form_before(addition: str | None) -> Form:
    """The tables with their columns before an addition; None for those of today."""
    form = dict(FIRST)
    for name, added in LATER.items():
        if name == addition:
            break
        form |= {table: (*form.get(table, ()), *columns) for table, columns in added.items()}
    return form


async def fill(cluster: Cluster) -> None:
    """Store flows with classes, a collection, segments and a webhook."""
    async with a_store(cluster) as store:
        metadata = Metadata(store)
        webhook = Webhook("", "http://127.0.0.1:1/", ["flows/created", "flows/updated"])
        await Subscribers(store, metadata.clock, "127.0.0.0/8").webhooks.register(webhook)
        await metadata.put(a_flow(1, tags=tags_of("news", genre="weather")))
        await metadata.put(a_flow(2, "multi", flow_collection=[{"id": flow_id(1), "role": "picture"}]))
        segments = [a_segment(start, start + 10, f"o{start}") for start in range(0, 50, 10)]
        assert await metadata.register(1, *segments) == []


@asynccontextmanager
async def a_store(cluster: Cluster) -> AsyncIterator[VastStore]:
    async with open_vast_store(cluster, cache_entries=10, cache_seconds=0.0, max_waiting=100) as store:
        await until(lambda: store.ready)
        yield store


def insert(table: str, rows: pa.RecordBatch, transaction: Transaction) -> None:
    transaction.insert(table, rows)
    transaction.commit()


def copy(filled: dict[str, Rows], cluster: Cluster, form: Form) -> None:
    """Copy the rows of a store into tables of an earlier form. Before classes, they had no rows."""
    schemas = {
        name: pa.schema([TABLES[name].columns.field(column) for column in columns])
        for name, columns in form.items()
    }
    specs = [TableSpec(name, schema, TABLES[name].sorted_by) for name, schema in schemas.items()]
    cluster.catalog.ensure(specs)
    for name, schema in schemas.items():
        is_older = "classes" not in form.get("users", ())
        rows = [row for row in filled[name] if not (is_older and str(row.get("owner")).endswith("-class"))]
        if rows:
            batch = pa.RecordBatch.from_pylist(
                [{column: row[column] for column in schema.names} for row in rows], schema
            )
            cluster.run(partial(insert, name, batch))


def test_the_additions_lead_to_the_present_tables() -> None:
    """A new column needs a line in LATER, so that its absence is tested."""
    assert {table: set(columns) for table, columns in form_before(None).items()} == {
        table: set(columns) for table, columns in COLUMNS.items()
    }


async def seen(store: VastStore) -> list[Any]:
    metadata = Metadata(store)
    flows, sources = await metadata.all_flows(), await metadata.all_sources()
    segments = [segment.document for segment in await metadata.all_segments(1)]
    with seen_by("news"):
        return [flows, sources, segments, await metadata.all_flows(), await metadata.all_sources()]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def filled() -> tuple[dict[str, Rows], list[Any]]:
    """The rows of a store by table, and what is seen in it."""
    with vast_cluster() as cluster:
        await fill(cluster)
        async with a_store(cluster) as store:
            before = await seen(store)
        return {table: vast_rows(cluster, table) for table in TABLES}, before


@pytest.mark.parametrize("addition", LATER)
async def test_a_store_on_tables_from_before_an_addition_is_as_it_was(
    filled: tuple[dict[str, Rows], list[Any]], addition: str
) -> None:
    rows, before = filled
    assert [len(part) for part in before] == [2, 2, 5, 1, 0]
    with vast_cluster() as cluster:
        copy(rows, cluster, form_before(addition))
        async with a_store(cluster) as store:
            assert await seen(store) == before
            await check(store)


async def check(store: VastStore) -> None:
    """Check that the tables become consistent, that the webhook is served, and that changes are possible."""
    consistency = Consistency(store, VastAdministration(store), VastExamination(store))

    async def is_consistent() -> bool:
        return not (await consistency.check(Scope())).found

    await until(is_consistent)
    metadata = Metadata(store)
    subscribers = Subscribers(store, metadata.clock, "127.0.0.0/8")
    (lease,) = await subscribers.deliveries.lease("test", 60, 10)
    assert lease.webhook.url == "http://127.0.0.1:1/"
    assert await metadata.register(1, a_segment(60, 70)) == []
    await metadata.unregister(1)
    assert vast_rows(store.cluster, "objects") == []
