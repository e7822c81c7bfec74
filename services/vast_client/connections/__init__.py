"""Addresses, credentials, sessions and their timeouts."""
