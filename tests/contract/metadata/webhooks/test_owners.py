"""Webhooks belong to the callers who registered them, who get only the events that they may see."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from services.metadata.adapters.sqlite.store import open_store
from services.metadata.adapters.vast.schema import TABLES
from services.metadata.adapters.vast.store import open_vast_store
from services.metadata.application.accounts.api_keys import ApiKeys
from services.metadata.application.ports import Store, Tables
from services.metadata.domain.accounts.user import User
from services.metadata.domain.ids import FlowId, SourceId
from services.metadata.domain.webhooks.delivery import Pull
from services.metadata.domain.webhooks.event import EVENT_TYPES, FLOW_UPDATED, Event
from services.metadata.domain.webhooks.webhook import Webhook
from services.shared.access.principal import SYSTEM, Limit, Principal, Scope
from services.shared.errors import PermissionDenied
from services.shared.ids import new_uuid
from services.vast_client.tables import TableSpec
from services.vast_client.transactions.transaction import Transaction
from tests.support.access.callers import caller_is
from tests.support.metadata.flows import a_flow, flow_id
from tests.support.metadata.rules import Metadata, Subscribers
from tests.support.vast.clusters import vast_cluster

OWNER = "deliverer"
READ_WRITE = frozenset({Scope.READ, Scope.WRITE})
NEWS, SPORT = frozenset({"news"}), frozenset({"sport"})
ALICE = Principal.of("user:alice", READ_WRITE)
BOB = Principal.of("jwt:bob", READ_WRITE, NEWS)
ADMIN = Principal.of("jwt:root", [Scope.ADMIN])
START = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    """A clock that stands still except for `pass_time`."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def subscribers(store: Store, clock: Clock) -> Subscribers:
    return Subscribers(store, clock, "127.0.0.0/8")


async def register(subscribers: Subscribers, owner: Principal, **members: object) -> Webhook | None:
    """Register a webhook of a caller, and lease it."""
    members = {"url": "http://127.0.0.1:9/", "events": [FLOW_UPDATED], **members}
    with caller_is(owner):
        stored = await subscribers.webhooks.register(Webhook(id="", **members))  # type: ignore[arg-type]
    await subscribers.deliveries.lease(OWNER, 60, 10)
    return stored


async def registered(subscribers: Subscribers, owner: Principal, **members: object) -> Webhook:
    stored = await register(subscribers, owner, **members)
    assert stored is not None
    return stored


async def listed(subscribers: Subscribers, principal: Principal) -> list[str]:
    """The ids of the webhooks that a caller sees."""
    with caller_is(principal):
        return [webhook.id for webhook in await subscribers.webhooks.all()]


async def append_events(store: Store) -> int:
    """Add events of every kind of class; returns the id of the last one."""

    def change(tables: Tables) -> int:
        each = {"news": NEWS, "sport": SPORT, "both": NEWS | SPORT, "none": frozenset()}
        for name, classes in each.items():
            tables.events.append(
                Event(FLOW_UPDATED, 1, source_id=SourceId("s"), flow_id=FlowId(name), classes=classes)
            )
        return tables.events.last_id()

    return await store.write(change)


async def received(subscribers: Subscribers, webhook: Webhook) -> tuple[list[str], int]:
    """The flows whose events a subscriber gets now, and the id up to which events were looked at."""
    pulled = await subscribers.deliveries.pull(Pull(OWNER, webhook.id, 0))
    return [str(event.flow_id) for event in pulled.events], pulled.seen


async def put_user(store: Store, *, suspended: bool = False, classes: frozenset[str] | None = NEWS) -> None:
    user = User(
        name="alice",
        password_hash="x",
        scopes=READ_WRITE,
        suspended=suspended,
        created_ms=1,
        changed_ms=1,
        classes=classes,
    )
    await store.write(lambda tables: tables.users.put(user))


async def test_a_caller_sees_its_own_webhooks_and_administrators_see_all(subscribers: Subscribers) -> None:
    hers = await registered(subscribers, ALICE, url="http://127.0.0.1:1/")
    his = await registered(subscribers, BOB, url="http://127.0.0.1:2/")
    everybody = await registered(subscribers, SYSTEM, url="http://127.0.0.1:3/")
    assert await listed(subscribers, ALICE) == [hers.id]
    assert await listed(subscribers, BOB) == [his.id]
    assert await listed(subscribers, Principal.of("jwt:carol", READ_WRITE)) == []
    for principal in (ADMIN, SYSTEM):
        assert await listed(subscribers, principal) == [hers.id, his.id, everybody.id]


async def test_the_same_url_and_key_are_registrations_of_each_owner(subscribers: Subscribers) -> None:
    key = {"api_key_name": "x-key", "api_key_value": "secret"}
    hers = await registered(subscribers, ALICE, **key)
    his = await registered(subscribers, BOB, **key)
    assert hers.id != his.id
    again = await registered(subscribers, ALICE, presigned=True, **key)
    assert again.id == hers.id
    assert await register(subscribers, BOB, events=[], **key) is None
    with caller_is(ADMIN):
        assert await subscribers.webhooks.all() == [again]


async def test_only_administrators_remove_the_webhooks_of_others(subscribers: Subscribers) -> None:
    hers, his = await registered(subscribers, ALICE), await registered(subscribers, BOB)
    stranger = Principal.of("jwt:carol", READ_WRITE)
    assert await register(subscribers, stranger, events=[]) is None
    assert set(await listed(subscribers, ADMIN)) == {hers.id, his.id}
    assert await register(subscribers, ADMIN, events=[]) is None
    assert await listed(subscribers, ADMIN) == []


async def test_a_token_for_urls_registers_no_webhook(subscribers: Subscribers) -> None:
    hers = await registered(subscribers, ALICE)
    limited = ALICE._replace(limit=Limit(frozenset({"POST"})))
    for events in ([FLOW_UPDATED], []):
        with pytest.raises(PermissionDenied) as refused:
            await register(subscribers, limited, events=events)
        assert refused.value.reason == "OUTSIDE_TOKEN"
    assert await listed(subscribers, ADMIN) == [hers.id]


async def test_an_owner_gets_the_events_of_its_classes(store: Store, subscribers: Subscribers) -> None:
    await put_user(store)
    hers, his = await registered(subscribers, ALICE), await registered(subscribers, BOB)
    everybody = await registered(subscribers, SYSTEM)
    nobody = await registered(subscribers, Principal.of("jwt:carol", READ_WRITE, frozenset()))
    boss = await registered(subscribers, ADMIN)
    last = await append_events(store)
    for webhook in (hers, his):
        assert await received(subscribers, webhook) == (["news", "both"], last)
    for webhook in (everybody, boss):
        assert await received(subscribers, webhook) == (["news", "sport", "both", "none"], last)
    # The others are looked at, so they are settled.
    assert await received(subscribers, nobody) == ([], last)


async def test_the_classes_of_a_user_are_those_of_now(store: Store, subscribers: Subscribers) -> None:
    await put_user(store, classes=None)
    webhook = await registered(subscribers, ALICE)
    last = await append_events(store)
    assert await received(subscribers, webhook) == (["news", "sport", "both", "none"], last)
    await put_user(store, classes=SPORT)
    assert await received(subscribers, webhook) == (["sport", "both"], last)
    await put_user(store, classes=None, suspended=True)
    assert await received(subscribers, webhook) == ([], last)
    await put_user(store, classes=frozenset())
    assert await received(subscribers, webhook) == ([], last)
    await put_user(store)
    assert await received(subscribers, webhook) == (["news", "both"], last)
    await store.write(lambda tables: tables.users.remove("alice"))
    assert await received(subscribers, webhook) == ([], last)


async def test_a_key_gets_events_while_it_is_valid(
    store: Store, subscribers: Subscribers, clock: Clock
) -> None:
    keys = ApiKeys(store, clock)
    expires = int((START + timedelta(seconds=5)).timestamp() * 1000)
    key, _ = await keys.create("ingest", READ_WRITE, expires, ["news"])
    webhook = await registered(subscribers, key.principal)
    last = await append_events(store)
    assert await received(subscribers, webhook) == (["news", "both"], last)
    await keys.suspend(key.id, suspended=True)
    assert await received(subscribers, webhook) == ([], last)
    await keys.suspend(key.id, suspended=False)
    assert await received(subscribers, webhook) == (["news", "both"], last)
    clock.pass_time(5)
    assert await received(subscribers, webhook) == ([], last)
    await keys.delete(key.id)
    assert await received(subscribers, webhook) == ([], last)


async def test_a_jwt_has_the_classes_of_its_last_registration(store: Store, subscribers: Subscribers) -> None:
    webhook = await registered(subscribers, BOB)
    last = await append_events(store)
    assert await received(subscribers, webhook) == (["news", "both"], last)
    again = await registered(subscribers, BOB._replace(classes=SPORT))
    assert again.id == webhook.id
    assert await received(subscribers, webhook) == (["sport", "both"], last)


async def test_links_to_what_an_owner_does_not_see_are_left_out(
    store: Store, metadata: Metadata, subscribers: Subscribers
) -> None:
    events = sorted(EVENT_TYPES)
    narrow, foreign = flow_id(1), flow_id(3)
    hers = await registered(subscribers, BOB, events=events)
    filtered = await registered(
        subscribers, BOB, events=events, api_key_name="k", flow_collected_by_ids=[foreign]
    )
    everybody = await registered(subscribers, SYSTEM, events=events)
    await metadata.put(a_flow(1, tags={"auth_classes": "news"}))
    await metadata.put(a_flow(2, tags={"auth_classes": "sport"}))
    members = [{"id": flow_id(number), "role": "part"} for number in (1, 2)]
    await metadata.put(a_flow(3, tags={"auth_classes": "sport"}, flow_collection=members))
    await metadata.put(a_flow(4, tags={"auth_classes": "news"}, flow_collection=members))
    await metadata.put(a_flow(1, label="new", tags={"auth_classes": "news"}))
    collector = await last_document(subscribers, hers, flow_id(4))
    assert [item["id"] for item in collector["flow_collection"]] == [narrow]
    whole = await last_document(subscribers, everybody, flow_id(4))
    assert [item["id"] for item in whole["flow_collection"]] == [narrow, flow_id(2)]
    assert (await last_document(subscribers, hers, narrow))["collected_by"] == [flow_id(4)]
    assert (await last_document(subscribers, everybody, narrow))["collected_by"] == [foreign, flow_id(4)]
    assert await received(subscribers, filtered) == ([], (await received(subscribers, hers))[1])


async def last_document(subscribers: Subscribers, webhook: Webhook, key: str) -> dict[str, Any]:
    """The document in the last event of a flow that a subscriber gets."""
    pulled = await subscribers.deliveries.pull(Pull(OWNER, webhook.id, 0))
    found = [event.document for event in pulled.events if event.key == key and event.document]
    document: dict[str, Any] = json.loads(found[-1])
    return document


def older_webhook(number: int) -> dict[str, object]:
    """The row of a webhook of a version without owners."""
    members = {"id": new_uuid(), "url": f"http://127.0.0.1:{number}/", "events": [FLOW_UPDATED]}
    return {
        "id": members["id"],
        "url": members["url"],
        "api_key_name": "",
        "api_key_value": "",
        "body": msgspec.msgpack.encode(members),
        "settled": number,
        "lease_owner": "",
        "lease_until_ms": 0,
    }


async def check_older_webhooks(store: Store) -> None:
    """Check that the webhooks 1 and 2 are served as before, to the whole store."""
    subscribers = Subscribers(store, Clock(), "127.0.0.0/8")
    leases = await subscribers.deliveries.lease(OWNER, 60, 10)
    assert sorted((lease.webhook.url, lease.settled) for lease in leases) == [
        ("http://127.0.0.1:1/", 1),
        ("http://127.0.0.1:2/", 2),
    ]
    webhooks = [lease.webhook for lease in leases]
    assert {(webhook.created_by, webhook.classes) for webhook in webhooks} == {("system", None)}
    assert sorted(await listed(subscribers, ADMIN)) == sorted(webhook.id for webhook in webhooks)
    assert await listed(subscribers, ALICE) == []
    # Others may have the same URL and key now.
    hers = await registered(subscribers, ALICE, url="http://127.0.0.1:1/")
    assert await listed(subscribers, ALICE) == [hers.id]
    assert len(await listed(subscribers, ADMIN)) == 3


OLDER = """
    DROP TABLE webhooks;
    CREATE TABLE webhooks (
        id TEXT PRIMARY KEY, url TEXT NOT NULL, api_key_name TEXT NOT NULL, api_key_value TEXT NOT NULL,
        body BLOB NOT NULL, settled INTEGER NOT NULL, lease_owner TEXT NOT NULL DEFAULT '',
        lease_until_ms INTEGER NOT NULL DEFAULT 0, UNIQUE (url, api_key_name, api_key_value)
    ) STRICT, WITHOUT ROWID;
    PRAGMA user_version = 2;
"""


async def test_webhooks_of_an_older_database_file_are_those_of_the_store(tmp_path: Path) -> None:
    path = tmp_path / "tables.db"
    async with open_store(path, "NORMAL", 10):
        pass
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(OLDER)
        for number in (1, 2):
            row = older_webhook(number)
            marks = ", ".join("?" * len(row))
            connection.execute(f"INSERT INTO webhooks VALUES ({marks})", tuple(row.values()))
        connection.commit()
    async with open_store(path, "NORMAL", 10) as store:
        await check_older_webhooks(store)


def insert(table: str, rows: pa.RecordBatch, transaction: Transaction) -> None:
    transaction.insert(table, rows)
    transaction.commit()


async def test_webhooks_of_older_tables_on_vast_are_those_of_the_store() -> None:
    with vast_cluster() as cluster:
        spec = TABLES["webhooks"]
        older = pa.schema([column for column in spec.columns if column.name != "created_by"])
        cluster.catalog.ensure([TableSpec("webhooks", older, spec.sorted_by)])
        rows = pa.RecordBatch.from_pylist([older_webhook(1), older_webhook(2)], older)
        cluster.run(partial(insert, "webhooks", rows))
        async with open_vast_store(cluster, cache_entries=1, cache_seconds=0.0, max_waiting=10) as store:
            await check_older_webhooks(store)
