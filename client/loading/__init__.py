"""Bulk loads: rows of a file, or generated rows, go into the store in batches."""

from client.loading.loading import Failure, Loaded, Policy, load, roll_back
from client.loading.reading import BadInput, rows_of

__all__ = ["BadInput", "Failure", "Loaded", "Policy", "load", "roll_back", "rows_of"]
