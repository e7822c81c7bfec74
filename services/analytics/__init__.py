"""Read-only questions over the whole store: filter in the table store, compute in DuckDB."""
