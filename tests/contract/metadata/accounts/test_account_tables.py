"""The tables of users and API keys."""

import hashlib
import sqlite3
from contextlib import closing
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest

from services.metadata.adapters.sqlite.store import open_store
from services.metadata.adapters.vast.schema import TABLES
from services.metadata.adapters.vast.store import open_vast_store
from services.metadata.application.ports import Store, Tables
from services.metadata.domain.accounts.api_key import ApiKey
from services.metadata.domain.accounts.user import User
from services.shared.access.principal import Scope
from services.vast_client.filters.filters import EVERYTHING
from services.vast_client.tables import TableSpec
from services.vast_client.transactions.transaction import Transaction
from tests.support.vast.clusters import change_rows, vast_cluster

READ_WRITE = frozenset({Scope.READ, Scope.WRITE})


def a_user(name: str = "alice", *, suspended: bool = False, scopes: frozenset[Scope] = READ_WRITE) -> User:
    return User(
        name=name,
        password_hash="$argon2id$v=19$stub",
        scopes=scopes,
        suspended=suspended,
        created_ms=1,
        changed_ms=2,
    )


def a_key(number: int = 1, name: str = "ingest", expires_ms: int | None = None) -> ApiKey:
    return ApiKey(
        id=f"{number:016x}",
        name=name,
        secret_hash=hashlib.sha256(b"%d" % number).digest(),
        scopes=READ_WRITE,
        created_ms=number,
        expires_ms=expires_ms,
    )


async def put_users(store: Store, *users: User) -> None:
    def change(tables: Tables, user: User) -> None:
        tables.users.put(user)

    for user in users:
        await store.write(partial(change, user=user))


async def put_keys(store: Store, *keys: ApiKey) -> None:
    def change(tables: Tables, key: ApiKey) -> None:
        tables.api_keys.put(key)

    for key in keys:
        await store.write(partial(change, key=key))


async def find_user(store: Store, name: str) -> User | None:
    return await store.read(lambda tables: tables.users.get(name))


async def find_key(store: Store, key: ApiKey) -> ApiKey | None:
    return await store.read(lambda tables: tables.api_keys.get(key.id))


async def note_use(store: Store, key: ApiKey, used_ms: int) -> None:
    await store.write(lambda tables: tables.api_keys.note_use(key.id, used_ms))


async def test_users_are_found_by_name_and_listed_in_order(store: Store) -> None:
    first, second = a_user("alice"), a_user("bob", suspended=True, scopes=frozenset({Scope.ADMIN}))
    assert await store.read(lambda tables: tables.users.all()) == []
    await put_users(store, second, first)
    assert await store.read(lambda tables: tables.users.all()) == [first, second]
    assert await find_user(store, "bob") == second
    assert await find_user(store, "carol") is None


async def test_a_user_is_replaced_and_removed(store: Store) -> None:
    await put_users(store, a_user(), a_user("bob"))
    changed = replace(a_user(), password_hash="other", suspended=True, changed_ms=5)
    await put_users(store, changed)
    assert await find_user(store, "alice") == changed
    await store.write(lambda tables: tables.users.remove("alice"))
    assert await store.read(lambda tables: tables.users.all()) == [a_user("bob")]


async def test_keys_are_found_by_id_and_listed_by_name(store: Store) -> None:
    first, second = a_key(2, "archive", expires_ms=5), a_key(1, "ingest")
    await put_keys(store, second, first)
    assert await store.read(lambda tables: tables.api_keys.all()) == [first, second]
    assert await find_key(store, second) == second
    assert await find_key(store, a_key(3)) is None


async def test_a_key_is_replaced_and_removed(store: Store) -> None:
    await put_keys(store, a_key(1), a_key(2, "other"))
    changed = replace(a_key(1), secret_hash=bytes(32), suspended=True, last_used_ms=9)
    await put_keys(store, changed)
    assert await find_key(store, changed) == changed
    await store.write(lambda tables: tables.api_keys.remove(changed.id))
    assert await store.read(lambda tables: tables.api_keys.all()) == [a_key(2, "other")]


async def test_the_latest_use_of_a_key_is_kept(store: Store) -> None:
    key = a_key()
    await put_keys(store, key)
    for used_ms, kept in ((5, 5), (9, 9), (7, 9)):
        await note_use(store, key, used_ms)
        assert await find_key(store, key) == replace(key, last_used_ms=kept)
    await note_use(store, a_key(2), 5)
    assert await find_key(store, a_key(2)) is None


@pytest.mark.parametrize("classes", [None, frozenset(), frozenset({"news", "sport/live"})])
async def test_classes_are_kept(store: Store, classes: frozenset[str] | None) -> None:
    user, key = replace(a_user(), classes=classes), replace(a_key(), classes=classes)
    await put_users(store, a_user(), user)
    await put_keys(store, a_key(), key)
    assert await find_user(store, "alice") == user
    assert await find_key(store, key) == key


async def test_keys_are_found_by_name(store: Store) -> None:
    await put_keys(store, a_key(1), a_key(2, "other"))
    assert await store.read(lambda tables: tables.api_keys.named("other")) == a_key(2, "other")
    assert await store.read(lambda tables: tables.api_keys.named("another")) is None


async def test_representations_have_no_hashes() -> None:
    assert "argon2" not in repr(a_user())
    assert "secret" not in repr(a_key())


async def test_an_older_database_file_gets_the_tables(tmp_path: Path) -> None:
    path = tmp_path / "tables.db"
    async with open_store(path, "NORMAL", 10):
        pass
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE users")
        connection.execute("DROP TABLE api_keys")
    async with open_store(path, "NORMAL", 10) as store:
        await put_users(store, a_user())
        await put_keys(store, a_key())
        assert await find_user(store, "alice") == a_user()


async def test_users_and_keys_of_an_older_database_file_have_all_classes(tmp_path: Path) -> None:
    path = tmp_path / "tables.db"
    async with open_store(path, "NORMAL", 10) as store:
        await put_users(store, a_user())
        await put_keys(store, a_key())
    with closing(sqlite3.connect(path)) as connection:
        for table in ("users", "api_keys"):
            connection.execute(f"ALTER TABLE {table} DROP COLUMN classes")
        connection.execute("PRAGMA user_version = 2")
    async with open_store(path, "NORMAL", 10) as store:
        assert (await find_user(store, "alice"), await find_key(store, a_key())) == (a_user(), a_key())
        changed = replace(a_user(), classes=frozenset({"news"}))
        await put_users(store, changed)
        assert await find_user(store, "alice") == changed


def insert(table: str, rows: pa.RecordBatch, transaction: Transaction) -> None:
    transaction.insert(table, rows)
    transaction.commit()


async def test_users_and_keys_of_older_tables_on_vast_have_all_classes() -> None:
    with vast_cluster() as cluster:
        for table, row in (("users", asdict(a_user())), ("api_keys", asdict(a_key()))):
            spec = TABLES[table]
            older = pa.schema([column for column in spec.columns if column.name != "classes"])
            cluster.catalog.ensure([TableSpec(table, older, spec.sorted_by)])
            rows = pa.RecordBatch.from_pylist([row | {"scopes": "read write"}], older)
            cluster.run(partial(insert, table, rows))
        async with open_vast_store(cluster, cache_entries=1, cache_seconds=0.0, max_waiting=10) as store:
            assert (await find_user(store, "alice"), await find_key(store, a_key())) == (a_user(), a_key())
            changed = replace(a_user(), classes=frozenset({"news"}))
            await put_users(store, changed)
            assert await find_user(store, "alice") == changed


async def test_rows_on_vast_that_have_lost_a_value_are_suspended() -> None:
    with vast_cluster(with_store=True) as cluster:
        async with open_vast_store(cluster, cache_entries=1, cache_seconds=0.0, max_waiting=10) as store:
            await put_users(store, a_user())
            await put_keys(store, a_key())
            for table in ("users", "api_keys"):
                change_rows(cluster, table, EVERYTHING, suspended=None, scopes=None)
            user, key = await find_user(store, "alice"), await find_key(store, a_key())
            assert user == replace(a_user(), suspended=True, scopes=frozenset())
            assert key == replace(a_key(), suspended=True, scopes=frozenset())
