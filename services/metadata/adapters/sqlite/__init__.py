"""The one-machine engine: one SQLite file, one writer."""
