"""Queries: read, evaluated, and answered in Arrow."""
