"""Checks of flows and sources with their tags, collections and documents."""
