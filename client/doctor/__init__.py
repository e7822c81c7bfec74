"""Looks for problems of a store, from the position of its clients."""

from client.doctor.database import Scope
from client.doctor.examining import examine
from client.doctor.findings import Finding, Grade

__all__ = ["Finding", "Grade", "Scope", "examine"]
