"""Threads that run rules in groups. Each group shares a transaction."""
