"""The private parts of the SDK that the client uses. Each assertion names the code that depends on them."""

import inspect
from dataclasses import fields
from importlib.metadata import version

import pyarrow as pa
import vastdb
from vastdb import _internal
from vastdb.table import SplitWorker, SplitWorkerConfig
from vastdb.table_metadata import TableMetadata, TableRef

from services.vast_client.cluster import Cluster
from simulators.vast.server import Server
from tests.support.vast.clusters import KEYS

READ = "services/vast_client/transactions/transaction.py builds reads on this"


def parameters(function: object) -> list[str]:
    return list(inspect.signature(function).parameters)  # type: ignore[arg-type]


def test_the_version_of_the_sdk_is_the_examined_one() -> None:
    assert version("vastdb").startswith("2.1."), f"{READ}: look through the tests here for the new version"


def test_a_split_worker_has_the_same_parameters() -> None:
    assert parameters(SplitWorker.__init__) == [
        "self",
        "api",
        "query_data_request",
        "bucket_name",
        "schema_name",
        "table_name",
        "txid",
        "query_imports_table",
        "split_id",
        "config",
    ], READ
    assert "__iter__" in vars(SplitWorker), READ


def test_a_split_worker_s_configuration_has_the_same_fields() -> None:
    assert [field.name for field in fields(SplitWorkerConfig)] == [
        "num_splits",
        "num_sub_splits",
        "num_row_groups_per_sub_split",
        "limit_rows_per_sub_split",
        "use_semi_sorted_projections",
        "queue_priority",
        "semi_sorted_projection_name",
    ], READ


def test_a_query_is_built_from_a_schema_a_predicate_and_names() -> None:
    assert parameters(_internal.build_query_data_request) == ["schema", "predicate", "field_names"], READ
    schema = pa.schema({"n": pa.int64(), "t": pa.string()})
    request = _internal.build_query_data_request(schema=schema, predicate=None, field_names=["t"])
    assert request.response_schema == pa.schema({"t": pa.string()}), READ
    assert request.serialized, READ


def test_table_metadata_has_the_members_that_the_catalog_uses() -> None:
    metadata = TableMetadata(TableRef("bucket", "schema", "table"))
    for name in ("load", "arrow_schema", "ibis_table", "stats", "non_updatable_column_names"):
        assert hasattr(type(metadata), name), f"services/vast_client/catalog.py uses TableMetadata.{name}"


def test_a_transaction_is_begun_and_ended_by_its_number(server: Server) -> None:
    session = vastdb.connect(endpoint=server.urls[0], access=KEYS.access_key, secret=KEYS.secret_key)
    transaction = session.transaction()
    assert transaction.txid is None, READ
    transaction.txid = int(session.api.begin_transaction().headers["tabular-txid"])
    assert transaction.active_txid == transaction.txid, READ
    assert "metadata" in parameters(transaction.table_from_metadata), READ
    session.api.rollback_transaction(transaction.txid)
    session.api.__exit__()


def test_connections_are_kept_from_proxies(cluster: Cluster) -> None:
    made_by = "services/vast_client/cluster.py switches proxies off where the SDK makes its connections"
    assert callable(getattr(_internal.VastdbApi, "_session_create", None)), made_by
    session = cluster.session(cluster.address.endpoints[0])
    connections = list(vars(session.api)["_sessions"].values())
    assert connections, made_by
    assert not any(connection.trust_env for connection in connections), made_by
