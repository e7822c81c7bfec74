"""Flows and their collections."""
