"""Backups of a database file: made beside a running service, checked, and restored."""
