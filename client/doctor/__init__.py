"""Looks for what is wrong with a store, from where its clients are."""

from client.doctor.examining import examine
from client.doctor.findings import Finding, Grade

__all__ = ["Finding", "Grade", "examine"]
