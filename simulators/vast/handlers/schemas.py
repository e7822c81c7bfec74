"""Schemas: list, create, rename, drop."""

from vastdb.vast_flatbuf.tabular.CreateSchemaRequest import CreateSchemaRequest

from simulators.vast.database import Database
from simulators.vast.http.connection import Reply, Request
from simulators.vast.http.paging import page, wanted
from simulators.vast.http.refusals import bad_request
from simulators.vast.tables.catalog import SchemaName
from simulators.vast.tables.listings import Entry, list_schemas


def list_children(database: Database, request: Request) -> Reply:
    """Lists the schemas right below one, or below the bucket."""
    around = database.schema_name(request)
    with database.transactions.within(request.txid) as tx:
        children = {
            name.path.rpartition("/")[2]: properties
            for name, properties in tx.view.schemas.items()
            if name.bucket == around.bucket and name.path.rpartition("/")[0] == around.path
        }
    names, headers = page(wanted(sorted(children), request), request)
    return Reply(
        headers=headers, body=list_schemas(around.bucket, [Entry(name, children[name]) for name in names])
    )


def create(database: Database, request: Request) -> Reply:
    """Creates a schema."""
    name = _named(database, request)
    properties = CreateSchemaRequest.GetRootAs(request.body).Properties() or b""
    with database.transactions.within(request.txid) as tx:
        database.transactions.claim(tx, name)
        tx.apply(lambda catalog: catalog.create_schema(name, properties.decode()))
    return Reply()


def rename(database: Database, request: Request) -> Reply:
    """Renames a schema; the new name is a whole path."""
    old = _named(database, request)
    path = request.params.get("tabular-new-schema-name")
    if not path:
        raise bad_request("InvalidArgument", "Only the name of a schema can be altered")
    new = SchemaName(old.bucket, path)
    with database.transactions.within(request.txid) as tx:
        database.transactions.claim(tx, old, new)
        tx.apply(lambda catalog: catalog.rename_schema(old, new))
    return Reply()


def drop(database: Database, request: Request) -> Reply:
    """Drops an empty schema."""
    name = _named(database, request)
    with database.transactions.within(request.txid) as tx:
        database.transactions.claim(tx, name)
        tx.apply(lambda catalog: catalog.drop_schema(name))
    return Reply()


def _named(database: Database, request: Request) -> SchemaName:
    name = database.schema_name(request)
    if not name.path:
        raise bad_request("InvalidArgument", "The path names no schema")
    return name
