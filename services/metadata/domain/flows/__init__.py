"""Flows: their documents and essence parameters."""
