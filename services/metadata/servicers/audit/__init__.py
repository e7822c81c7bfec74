"""The audit log, and the report of refused calls to it."""
