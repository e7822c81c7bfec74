"""Lists the tables of a schema."""

from services.vast_client.connections.address import VastAddress
from services.vast_client.failures import translated_sdk_errors
from services.vast_client.transactions.transaction import Transaction


def table_names(transaction: Transaction, address: VastAddress) -> frozenset[str]:
    """The names of the tables in the schema; empty if there is no such schema or snapshot."""
    with translated_sdk_errors():
        bucket = transaction.raw.bucket(address.live_bucket)
        found = bucket.snapshot(address.snapshot, fail_if_missing=False) if address.snapshot else bucket
        schema = found.schema(address.schema, fail_if_missing=False) if found else None
        return frozenset(schema.tablenames()) if schema else frozenset()
