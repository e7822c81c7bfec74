"""Checks of the tables of the service's own work."""
