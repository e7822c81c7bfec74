"""Backups of the tables on VAST as Parquet files: made beside running services, checked, and restored."""
