"""Reads: the view that a transaction has of the tables, and the cache of rows."""
