"""The catalog creates and completes tables, never reduces them, and notices changes by others."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pytest

from services.metadata.adapters.vast.schema import TABLES
from services.vast_client.cluster import Cluster
from services.vast_client.failures import Unknown
from services.vast_client.filters.filters import EVERYTHING, Equal
from services.vast_client.fitting import Unfit
from services.vast_client.plans import Kind
from services.vast_client.tables import ProjectionSpec, TableSpec
from services.vast_client.transactions.transaction import Transaction
from simulators.vast.endpoints.faults import conflict_storm
from simulators.vast.server import Server
from tests.support.vast.clusters import KEYS, address_of, vast_server

PLAIN = TableSpec("plain", pa.schema({"id": pa.string(), "n": pa.int64()}))
SORTED = TableSpec("sorted", pa.schema({"id": pa.string(), "n": pa.int64()}), ("id",))


@pytest.fixture
def other(server: Server) -> Any:
    """The client of another process on the same tables."""
    cluster = Cluster(address_of(server.urls), KEYS)
    yield cluster
    cluster.close()


def with_column(spec: TableSpec, name: str, of_type: pa.DataType) -> TableSpec:
    return TableSpec(
        spec.name, spec.columns.append(pa.field(name, of_type)), spec.sorted_by, spec.projections
    )


def alter(cluster: Cluster, change: Callable[[Any], None], table: str = "plain") -> None:
    """Change a table as an operator does."""

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
        rows: list[dict[str, Any]] = transaction.select(
            table, columns, EVERYTHING, kind=Kind.PAGE
        ).to_pylist()
        return rows

    return cluster.run(work)


def columns(cluster: Cluster, table: str = "plain") -> list[str]:
    cluster.catalog.refresh()
    names: list[str] = cluster.catalog.metadata(table).arrow_schema.names
    return names


def test_missing_tables_are_created(cluster: Cluster) -> None:
    cluster.catalog.ensure([PLAIN, SORTED])
    assert columns(cluster, "plain") == columns(cluster, "sorted") == ["id", "n"]


def test_the_type_of_row_ids_depends_on_the_order_of_the_table(cluster: Cluster) -> None:
    cluster.catalog.ensure([PLAIN, SORTED])
    assert cluster.catalog.row_id_type("plain") == pa.uint64()
    assert cluster.catalog.row_id_type("sorted") == pa.decimal128(38, 0)


def test_tables_of_the_service_are_created_as_specified(cluster: Cluster) -> None:
    cluster.catalog.ensure(list(TABLES.values()))
    for name, spec in TABLES.items():
        created = cluster.catalog.metadata(name).arrow_schema
        assert [(field.name, field.type) for field in created] == [(f.name, f.type) for f in spec.columns]


def test_a_projection_is_created_once(cluster: Cluster, server: Server) -> None:
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


def test_a_column_of_a_new_release_is_added_and_rows_are_kept(cluster: Cluster) -> None:
    cluster.catalog.ensure([PLAIN])
    insert(cluster, [{"id": "a", "n": 1}], PLAIN.columns)
    cluster.catalog.ensure([with_column(PLAIN, "flag", pa.bool_())])
    assert read(cluster, "id", "n", "flag") == [{"id": "a", "n": 1, "flag": None}]


@pytest.mark.parametrize(
    ("existing", "message"),
    [
        (
            TableSpec("sorted", pa.schema({"id": pa.string(), "n": pa.string()}), ("id",)),
            "table sorted, column n: the type is string, it must be int64",
        ),
        (TableSpec("sorted", SORTED.columns), "table sorted: not sorted, it must be sorted by id"),
        (TableSpec("sorted", SORTED.columns, ("n", "id")), "sorted by n, id, it must be sorted by id"),
        (TableSpec("sorted", pa.schema({"n": pa.int64()})), "table sorted: not sorted, it must be"),
    ],
)
@pytest.mark.parametrize("version", [(5, 5, 0, 0), (5, 4, 0, 0)])
def test_a_table_of_other_types_or_another_order_is_refused_unchanged(
    existing: TableSpec, message: str, version: tuple[int, int, int, int]
) -> None:
    with vast_server(version=version) as server:
        cluster = Cluster(address_of(server.urls), KEYS)
        cluster.catalog.ensure([existing])
        with pytest.raises(Unfit, match=message):
            cluster.catalog.ensure([PLAIN, SORTED])
        assert columns(cluster, "sorted") == existing.columns.names
        cluster.close()


@pytest.mark.parametrize(("version", "fits"), [((5, 3, 5, 0), True), ((5, 3, 4, 9), False)])
def test_a_cluster_without_sorted_tables_is_refused(version: tuple[int, int, int, int], fits: bool) -> None:
    with vast_server(version=version) as server:
        cluster = Cluster(address_of(server.urls), KEYS)
        if fits:
            cluster.catalog.ensure([SORTED])
            cluster.catalog.ensure([SORTED])
        else:
            with pytest.raises(Unfit, match=r"VAST 5\.3\.4\.9; sorted tables need 5\.3\.5 or later"):
                cluster.catalog.ensure([PLAIN])
        cluster.close()


def test_foreign_columns_are_kept(cluster: Cluster) -> None:
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


def test_processes_that_start_at_the_same_time_create_each_table_once(server: Server) -> None:
    clusters = [Cluster(address_of(server.urls), KEYS) for _ in range(4)]
    specs = [TableSpec(f"t{number}", PLAIN.columns) for number in range(5)]
    with ThreadPoolExecutor(len(clusters)) as pool:
        list(pool.map(lambda cluster: cluster.catalog.ensure(specs), clusters))
    for cluster in clusters:
        assert {tuple(columns(cluster, spec.name)) for spec in specs} == {("id", "n")}
        cluster.close()


def test_processes_that_add_the_same_column_at_the_same_time_all_start(server: Server) -> None:
    clusters = [Cluster(address_of(server.urls), KEYS) for _ in range(4)]
    clusters[0].catalog.ensure([PLAIN])
    spec = with_column(PLAIN, "flag", pa.bool_())
    with ThreadPoolExecutor(len(clusters)) as pool:
        list(pool.map(lambda cluster: cluster.catalog.ensure([spec]), clusters))
    for cluster in clusters:
        assert columns(cluster) == ["id", "n", "flag"]
        cluster.close()


def test_tables_are_created_while_an_endpoint_is_unreachable(cluster: Cluster, server: Server) -> None:
    server.stop(server.endpoints[0])
    cluster.catalog.ensure([PLAIN])
    assert columns(cluster) == ["id", "n"]


def test_requests_refused_for_conflicts_are_repeated(cluster: Cluster, server: Server) -> None:
    cluster.catalog.ensure([PLAIN])
    server.add_fault(conflict_storm(2))
    insert(cluster, [{"id": "a", "n": 1}], PLAIN.columns)
    assert read(cluster, "id") == [{"id": "a"}]


def test_a_missing_table_is_unknown(cluster: Cluster) -> None:
    cluster.catalog.ensure([PLAIN])
    with pytest.raises(Unknown, match="absent"):
        cluster.run(lambda _: cluster.catalog.metadata("absent"), attempts=1)


def test_a_column_that_others_added_is_found(cluster: Cluster, other: Cluster) -> None:
    cluster.catalog.ensure([PLAIN])
    insert(cluster, [{"id": "a", "n": 1}], PLAIN.columns)
    assert read(cluster, "id") == [{"id": "a"}]
    other.catalog.ensure([with_column(PLAIN, "flag", pa.bool_())])
    assert read(cluster, "id", "flag") == [{"id": "a", "flag": None}]


def test_a_column_that_others_added_can_be_filtered(cluster: Cluster, other: Cluster) -> None:
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


def test_a_column_that_others_renamed_is_found_by_its_new_name_only(cluster: Cluster, other: Cluster) -> None:
    cluster.catalog.ensure([PLAIN])
    insert(cluster, [{"id": "a", "n": 1}], PLAIN.columns)
    assert read(cluster, "n") == [{"n": 1}]
    alter(other, lambda table: table.rename_column("n", "number"))
    assert read(cluster, "id", "number") == [{"id": "a", "number": 1}]
    with pytest.raises(Unknown, match="no column n"):
        cluster.run(
            lambda transaction: transaction.select("plain", ("n",), EVERYTHING, kind=Kind.PAGE), attempts=2
        )


def test_a_column_that_others_dropped_is_unknown(cluster: Cluster, other: Cluster) -> None:
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


def test_known_tables_need_no_requests(cluster: Cluster, server: Server) -> None:
    cluster.catalog.ensure([PLAIN])
    cluster.catalog.statistics("plain")
    with server.counting() as counted:
        for _ in range(5):
            cluster.catalog.metadata("plain")
            cluster.catalog.statistics("plain")
    assert counted == {}
