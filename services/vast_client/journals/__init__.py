"""Journals of open transactions, and what processes do about those of others."""
