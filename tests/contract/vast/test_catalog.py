"""Tables are made and completed, never reduced, and what is known of them keeps up with others."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pytest

from services.metadata.adapters.vast.schema import TABLES
from services.shared.vast.cluster import Cluster
from services.shared.vast.failures import Unknown
from services.shared.vast.filters import EVERYTHING, Equal
from services.shared.vast.plans import Kind
from services.shared.vast.tables import ProjectionSpec, TableSpec
from services.shared.vast.transaction import Transaction
from tests.support.vast import KEYS, address_of
from tests.vast.faults import conflict_storm
from tests.vast.server import Server

PLAIN = TableSpec("plain", pa.schema({"id": pa.string(), "n": pa.int64()}))
SORTED = TableSpec("sorted", pa.schema({"id": pa.string(), "n": pa.int64()}), ("id",))


@pytest.fixture
def other(server: Server) -> Any:
    """Another process on the same tables."""
    opened = Cluster(address_of(server.urls), KEYS)
    yield opened
    opened.close()


def with_column(spec: TableSpec, name: str, of_type: pa.DataType) -> TableSpec:
    return TableSpec(
        spec.name, spec.columns.append(pa.field(name, of_type)), spec.sorted_by, spec.projections
    )


def alter(cluster: Cluster, change: Callable[[Any], None], table: str = "plain") -> None:
    """Change a table the way an operator would."""

    def work(transaction: Transaction) -> None:
        change(transaction.raw.bucket("vastdb").schema("tams").table(table))
        transaction.commit()

    cluster.run(work)


def insert(cluster: Cluster, rows: list[dict[str, Any]], columns: pa.Schema, table: str = "plain") -> None:
    def work(transaction: Transaction) -> None:
        transaction.insert(table, pa.RecordBatch.from_pylist(rows, columns))
        transaction.commit()

    cluster.run(work)


def read(cluster: Cluster, *columns: str, table: str = "plain") -> list[dict[str, Any]]:
    def work(transaction: Transaction) -> list[dict[str, Any]]:
        return transaction.select(table, columns, EVERYTHING, kind=Kind.PAGE).to_pylist()

    return cluster.run(work)


def columns(cluster: Cluster, table: str = "plain") -> list[str]:
    cluster.catalog.refresh()
    return cluster.catalog.metadata(table).arrow_schema.names


def test_missing_tables_are_made(cluster: Cluster) -> None:
    cluster.catalog.ensure([PLAIN, SORTED])
    assert columns(cluster, "plain") == columns(cluster, "sorted") == ["id", "n"]


def test_a_table_s_order_tells_the_type_of_its_row_ids(cluster: Cluster) -> None:
    cluster.catalog.ensure([PLAIN, SORTED])
    assert cluster.catalog.row_id_type("plain") == pa.uint64()
    assert cluster.catalog.row_id_type("sorted") == pa.decimal128(38, 0)


def test_all_tables_of_the_service_are_made_as_they_are_described(cluster: Cluster) -> None:
    cluster.catalog.ensure(list(TABLES.values()))
    for name, spec in TABLES.items():
        made = cluster.catalog.metadata(name).arrow_schema
        assert [(field.name, field.type) for field in made] == [(f.name, f.type) for f in spec.columns]


def test_a_projection_is_made_once(cluster: Cluster, server: Server) -> None:
    spec = TableSpec("plain", PLAIN.columns, (), (ProjectionSpec("by_n", ("n",), ("id",)),))
    with server.counting() as first:
        cluster.catalog.ensure([spec])
    with server.counting() as second:
        cluster.catalog.ensure([spec])
    assert first["create_projection"] == 1
    assert second["create_projection"] == 0


def test_a_second_start_changes_nothing(cluster: Cluster, server: Server) -> None:
    cluster.catalog.ensure([PLAIN, SORTED])
    with server.counting() as counted:
        cluster.catalog.ensure([PLAIN, SORTED])
    assert not {name for name in counted if name.startswith(("create", "add", "drop", "rename", "alter"))}


def test_a_column_that_a_new_release_brings_is_added_and_rows_stay(cluster: Cluster) -> None:
    cluster.catalog.ensure([PLAIN])
    insert(cluster, [{"id": "a", "n": 1}], PLAIN.columns)
    cluster.catalog.ensure([with_column(PLAIN, "flag", pa.bool_())])
    assert read(cluster, "id", "n", "flag") == [{"id": "a", "n": 1, "flag": None}]


def test_columns_and_tables_of_others_survive(cluster: Cluster) -> None:
    cluster.catalog.ensure([with_column(PLAIN, "custom", pa.string()), SORTED])
    insert(cluster, [{"id": "a", "custom": "mine"}], pa.schema({"id": pa.string(), "custom": pa.string()}))
    cluster.catalog.ensure([PLAIN])
    assert columns(cluster) == ["id", "n", "custom"]
    assert read(cluster, "id", "custom") == [{"id": "a", "custom": "mine"}]
    assert columns(cluster, "sorted") == ["id", "n"]


def test_an_older_release_writes_to_a_table_that_a_newer_one_completed(
    cluster: Cluster, other: Cluster
) -> None:
    cluster.catalog.ensure([PLAIN])
    other.catalog.ensure([with_column(PLAIN, "flag", pa.bool_())])
    insert(cluster, [{"id": "a", "n": 1}], PLAIN.columns)
    assert read(other, "id", "n", "flag") == [{"id": "a", "n": 1, "flag": None}]


def test_processes_that_start_at_once_make_each_table_once(server: Server) -> None:
    clusters = [Cluster(address_of(server.urls), KEYS) for _ in range(4)]
    specs = [TableSpec(f"t{number}", PLAIN.columns) for number in range(5)]
    with ThreadPoolExecutor(len(clusters)) as pool:
        list(pool.map(lambda one: one.catalog.ensure(specs), clusters))
    for one in clusters:
        assert {tuple(columns(one, spec.name)) for spec in specs} == {("id", "n")}
        one.close()


def test_processes_that_add_the_same_column_at_once_both_start(server: Server) -> None:
    clusters = [Cluster(address_of(server.urls), KEYS) for _ in range(4)]
    clusters[0].catalog.ensure([PLAIN])
    spec = with_column(PLAIN, "flag", pa.bool_())
    with ThreadPoolExecutor(len(clusters)) as pool:
        list(pool.map(lambda one: one.catalog.ensure([spec]), clusters))
    for one in clusters:
        assert columns(one) == ["id", "n", "flag"]
        one.close()


def test_an_endpoint_that_is_away_does_not_keep_tables_from_being_made(
    cluster: Cluster, server: Server
) -> None:
    server.stop(server.endpoints[0])
    cluster.catalog.ensure([PLAIN])
    assert columns(cluster) == ["id", "n"]


def test_refusals_for_conflicts_are_tried_again(cluster: Cluster, server: Server) -> None:
    cluster.catalog.ensure([PLAIN])
    server.add_fault(conflict_storm(2))
    insert(cluster, [{"id": "a", "n": 1}], PLAIN.columns)
    assert read(cluster, "id") == [{"id": "a"}]


def test_a_table_that_is_not_there_is_unknown(cluster: Cluster) -> None:
    cluster.catalog.ensure([PLAIN])
    with pytest.raises(Unknown, match="absent"):
        cluster.run(lambda _: cluster.catalog.metadata("absent"), attempts=1)


def test_a_column_that_others_added_is_found(cluster: Cluster, other: Cluster) -> None:
    cluster.catalog.ensure([PLAIN])
    insert(cluster, [{"id": "a", "n": 1}], PLAIN.columns)
    assert read(cluster, "id") == [{"id": "a"}]
    other.catalog.ensure([with_column(PLAIN, "flag", pa.bool_())])
    assert read(cluster, "id", "flag") == [{"id": "a", "flag": None}]


def test_a_column_that_others_added_can_be_asked_about(cluster: Cluster, other: Cluster) -> None:
    cluster.catalog.ensure([PLAIN])
    cluster.catalog.metadata("plain")
    alter(other, lambda table: table.add_column(pa.schema({"flag": pa.string()})))
    insert(other, [{"id": "a", "flag": "x"}], pa.schema({"id": pa.string(), "flag": pa.string()}))
    found = cluster.run(
        lambda transaction: transaction.select("plain", ("id",), Equal("flag", "x"), kind=Kind.POINT)
    )
    assert found.to_pylist() == [{"id": "a"}]


def test_a_column_that_others_added_can_be_written(cluster: Cluster, other: Cluster) -> None:
    cluster.catalog.ensure([PLAIN])
    cluster.catalog.metadata("plain")
    wider = with_column(PLAIN, "flag", pa.bool_())
    other.catalog.ensure([wider])
    insert(cluster, [{"id": "a", "n": 1, "flag": True}], wider.columns)
    assert read(other, "id", "n", "flag") == [{"id": "a", "n": 1, "flag": True}]


def test_a_column_that_others_renamed_is_told_and_found_by_its_new_name(
    cluster: Cluster, other: Cluster
) -> None:
    cluster.catalog.ensure([PLAIN])
    insert(cluster, [{"id": "a", "n": 1}], PLAIN.columns)
    assert read(cluster, "n") == [{"n": 1}]
    alter(other, lambda table: table.rename_column("n", "number"))
    assert read(cluster, "id", "number") == [{"id": "a", "number": 1}]
    with pytest.raises(Unknown, match="no column n"):
        cluster.run(
            lambda transaction: transaction.select("plain", ("n",), EVERYTHING, kind=Kind.PAGE), attempts=2
        )


def test_a_column_that_others_dropped_is_no_bug_of_ours(cluster: Cluster, other: Cluster) -> None:
    cluster.catalog.ensure([PLAIN])
    insert(cluster, [{"id": "a", "n": 1}], PLAIN.columns)
    assert read(cluster, "n") == [{"n": 1}]
    alter(other, lambda table: table.drop_column(pa.schema({"n": pa.int64()})))
    with pytest.raises(Unknown, match="no column n"):
        cluster.run(
            lambda transaction: transaction.select("plain", ("n",), EVERYTHING, kind=Kind.PAGE), attempts=2
        )


def test_rows_are_counted_by_the_server(cluster: Cluster) -> None:
    cluster.catalog.ensure([PLAIN])
    insert(cluster, [{"id": str(number), "n": number} for number in range(7)], PLAIN.columns)
    cluster.catalog.refresh()
    assert cluster.catalog.rows("plain") == 0
    assert cluster.catalog.statistics("plain").rows == 7
    assert cluster.catalog.rows("plain") == 7


def test_what_is_known_is_not_asked_again(cluster: Cluster, server: Server) -> None:
    cluster.catalog.ensure([PLAIN])
    cluster.catalog.statistics("plain")
    with server.counting() as counted:
        for _ in range(5):
            cluster.catalog.metadata("plain")
            cluster.catalog.statistics("plain")
    assert counted == {}
