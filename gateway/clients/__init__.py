"""Calls to the services: channels, coalesced calls, health checks."""
