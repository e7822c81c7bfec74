"""Bulk loads of sources, flows, objects and segments."""
