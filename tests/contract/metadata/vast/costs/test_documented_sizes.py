"""The bytes of a row that docs/vast.md names, and its sums."""

import math
from typing import NamedTuple

import pytest

from services.metadata.adapters.vast.schema import COLUMNS, TABLES
from services.metadata.adapters.vast.store import open_vast_store
from services.vast_client.cluster import Cluster
from services.vast_client.filters.filters import EVERYTHING
from services.vast_client.plans import Kind
from services.vast_client.transactions.transaction import Transaction
from tests.support.metadata.flows import a_flow, uuid_of
from tests.support.metadata.rules import Metadata, a_segment
from tests.support.project.pages import table_rows
from tests.support.project.repository import ROOT
from tests.support.vast.clusters import KEYS, address_of, vast_server

PAGE = ROOT / "docs" / "vast.md"
SECOND = 10**9


class Size(NamedTuple):
    bytes_a_row: int
    rows: int
    gigabytes: float


def documented() -> dict[str, Size]:
    """The sizes by table, or by table and projection."""
    return {
        name.replace("`", ""): Size(int(each), number(rows), float(gigabytes))
        for name, each, rows, gigabytes in table_rows(PAGE, "table or projection")
        if name.startswith("`")
    }


def number(text: str) -> int:
    """The product in a text: 10^6, or two factors with a multiplication sign between them."""
    factors = text.replace(",", "").split(" \N{MULTIPLICATION SIGN} ")
    return math.prod(10 ** int(one[3:]) if one.startswith("10^") else int(one) for one in factors)


def columns_of(name: str) -> tuple[str, ...]:
    table, _, projection = name.partition(" ")
    if not projection:
        return COLUMNS[table]
    [spec] = [one for one in TABLES[table].projections if one.name == projection]
    return (*spec.sorted_by, *spec.also)


def bytes_a_row(cluster: Cluster, name: str) -> float:
    def read(transaction: Transaction) -> float:
        table = name.partition(" ")[0]
        rows = transaction.select(table, columns_of(name), EVERYTHING, kind=Kind.SCAN)
        return float(rows.nbytes / rows.num_rows)

    return cluster.run(read)


async def test_a_row_has_as_many_bytes_as_the_page_says() -> None:
    tags = {"camera": "12", "programme": "evening news"}
    with vast_server(with_store=True) as server:
        cluster = Cluster(address_of(server.urls), KEYS)
        async with open_vast_store(cluster, cache_entries=1, cache_seconds=0, max_waiting=99) as store:
            metadata = Metadata(store)
            for at in range(1, 31):
                await metadata.put(a_flow(at, label=f"Camera {at}", tags=tags))
            starts = range(0, 4000 * SECOND, 4 * SECOND)
            segments = [a_segment(at, at + 4 * SECOND, uuid_of("object", at // SECOND)) for at in starts]
            assert not await metadata.register(1, *segments)
            for name, size in documented().items():
                assert bytes_a_row(cluster, name) == pytest.approx(size.bytes_a_row, rel=0.05), name


def test_the_sums_are_right() -> None:
    sizes = documented()
    for name, size in sizes.items():
        assert size.bytes_a_row * size.rows / 1e9 == pytest.approx(size.gigabytes, abs=0.005), name
    [total] = [cells[3] for cells in table_rows(PAGE, "table or projection") if cells[0] == "sum"]
    assert float(total) == pytest.approx(sum(size.gigabytes for size in sizes.values()), abs=1)


def test_every_large_table_and_projection_is_there() -> None:
    # Few objects have copies.
    small = {"collections", "collections by_member", "object_copies by_state", "object_copies by_place"}
    projections = {f"{name} {spec.name}" for name, table in TABLES.items() for spec in table.projections}
    assert projections - small - documented().keys() == set()
    assert {name for name in documented() if " " not in name} == {
        "flows", "sources", "tags", "segments", "objects", "locks",
    }  # fmt: skip
