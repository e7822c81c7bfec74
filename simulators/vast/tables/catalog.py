"""All schemas and tables as one transaction sees them; copied before each change."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from simulators.vast.http.refusals import conflict, not_found
from simulators.vast.tables.table import Table


class SchemaName(NamedTuple):
    """A schema's place; the path nests with '/'."""

    bucket: str
    path: str

    @property
    def parent(self) -> "SchemaName | None":
        """The schema around it, None right below the bucket."""
        path = self.path.rpartition("/")[0]
        return SchemaName(self.bucket, path) if path else None

    def within(self, other: "SchemaName") -> bool:
        """Whether this is the other schema or lies below it."""
        return self.bucket == other.bucket and (
            self.path == other.path or self.path.startswith(f"{other.path}/")
        )


class TableName(NamedTuple):
    """A table's place."""

    schema: SchemaName
    name: str


@dataclass
class Catalog:
    """Names of schemas and tables, and the version of each table by its handle."""

    schemas: dict[SchemaName, str] = field(default_factory=dict)
    names: dict[TableName, int] = field(default_factory=dict)
    tables: dict[int, Table] = field(default_factory=dict)

    def copy(self) -> "Catalog":
        """Returns a catalog that can be changed without changing this one; tables are immutable."""
        return Catalog(dict(self.schemas), dict(self.names), dict(self.tables))

    def find(self, name: TableName) -> Table:
        """Returns a table; raises Refusal (404)."""
        handle = self.names.get(name)
        if handle is None:
            raise not_found("TabularNoSuchTable", f"There is no table {name.schema.path}/{name.name}")
        return self.tables[handle]

    def change(self, handle: int, how: Callable[[Table], Table]) -> None:
        """Puts a changed version in a table's place; raises Refusal (409) when the table was dropped."""
        if handle not in self.tables:
            raise conflict("The table was dropped")
        self.tables[handle] = how(self.tables[handle])

    def create_schema(self, name: SchemaName, properties: str) -> None:
        """Adds a schema; raises Refusal (404, 409)."""
        if name in self.schemas:
            raise conflict(f"Schema {name.path} exists")
        if name.parent is not None:
            self.must_have(name.parent)
        self.schemas[name] = properties

    def rename_schema(self, old: SchemaName, new: SchemaName) -> None:
        """Moves a schema with all below it; raises Refusal (404, 409)."""
        self.must_have(old)
        if new in self.schemas:
            raise conflict(f"Schema {new.path} exists")

        def moved(name: SchemaName) -> SchemaName:
            return SchemaName(new.bucket, new.path + name.path[len(old.path) :]) if name.within(old) else name

        self.schemas = {moved(name): properties for name, properties in self.schemas.items()}
        self.names = {TableName(moved(n.schema), n.name): handle for n, handle in self.names.items()}

    def drop_schema(self, name: SchemaName) -> None:
        """Removes an empty schema; raises Refusal (404, 409)."""
        self.must_have(name)
        tables = any(table.schema == name for table in self.names)
        if tables or any(other.within(name) for other in self.schemas if other != name):
            raise conflict(f"Schema {name.path} is not empty")
        del self.schemas[name]

    def create_table(self, name: TableName, table: Table) -> None:
        """Adds a table; raises Refusal (404, 409)."""
        self.must_have(name.schema)
        if name in self.names:
            raise conflict(f"Table {name.name} exists")
        self.names[name] = table.handle
        self.tables[table.handle] = table

    def rename_table(self, old: TableName, new: TableName) -> None:
        """Moves a table; raises Refusal (404, 409)."""
        self.must_have(new.schema)
        if new in self.names:
            raise conflict(f"Table {new.name} exists")
        handle = self.find(old).handle
        del self.names[old]
        self.names[new] = handle

    def drop_table(self, name: TableName) -> None:
        """Removes a table with its rows; raises Refusal (404)."""
        handle = self.find(name).handle
        del self.names[name], self.tables[handle]

    def must_have(self, name: SchemaName) -> None:
        """Raises Refusal (404) unless the schema exists."""
        if name not in self.schemas:
            raise not_found("TabularNoSuchSchema", f"There is no schema {name.path}")
