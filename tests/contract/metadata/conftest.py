"""Both engines behave in the same way: each test here runs once on each engine."""

import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from services.metadata.adapters.sqlite.store import SqliteStore, open_store
from services.metadata.adapters.vast.store import VastStore
from services.metadata.application.ports import Store
from tests.support.metadata.rules import Metadata
from tests.support.vast.clusters import store_on_open_tables, vast_cluster, vast_rows

Row = dict[str, Any]


@dataclass
class Engine:
    """An open store, with access to its rows and its clock."""

    store: SqliteStore | VastStore
    # Reads the rows of a table directly.
    rows: Callable[[str], list[Row]]
    pass_time: Callable[[float], None]


@asynccontextmanager
async def sqlite_engine(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Engine]:
    path = folder / "tables.db"
    passed = 0.0

    def pass_time(seconds: float) -> None:
        nonlocal passed
        passed += seconds

    def rows(table: str) -> list[Row]:
        with closing(sqlite3.connect(path)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]

    started = time.time_ns() // 1_000_000
    now = "services.metadata.adapters.sqlite.objects._now_ms"
    monkeypatch.setattr(now, lambda: started + int(passed * 1000))
    async with open_store(path, "NORMAL", 1000) as store:
        yield Engine(store, rows, pass_time)


@asynccontextmanager
async def vast_engine(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Engine]:
    passed = 0.0

    def pass_time(seconds: float) -> None:
        nonlocal passed
        passed += seconds

    started = time.time_ns() // 1_000_000
    now = "services.metadata.adapters.vast.objects.objects._now_ms"
    monkeypatch.setattr(now, lambda: started + int(passed * 1000))
    with vast_cluster(with_store=True) as cluster:
        async with store_on_open_tables(cluster) as store:
            yield Engine(store, lambda table: vast_rows(cluster, table), pass_time)


ENGINES = {"sqlite": sqlite_engine, "vast": vast_engine}


@pytest.fixture(params=ENGINES)
async def engine(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Engine]:
    async with ENGINES[request.param](tmp_path, monkeypatch) as opened:
        yield opened


@pytest.fixture
def store(engine: Engine) -> Store:
    return engine.store


@pytest.fixture
def metadata(engine: Engine) -> Metadata:
    return Metadata(engine.store)
