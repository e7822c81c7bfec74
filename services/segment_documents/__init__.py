"""Writes segments with their URLs as JSON, for the gateway and the events service."""
