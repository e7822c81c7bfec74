"""The engine for one machine: a SQLite file with a single writer."""
