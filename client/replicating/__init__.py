"""Copies or moves objects to a storage backend, those of flows and sources too."""

from client.replicating.replicating import Outcome, Replication

__all__ = ["Outcome", "Replication"]
