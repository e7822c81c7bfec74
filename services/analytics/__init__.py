"""The analytics service: read-only queries over the whole store, computed in DuckDB."""
