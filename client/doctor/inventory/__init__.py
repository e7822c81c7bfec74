"""Compares the objects in the tables with those in object storage, both ways and completely."""

from client.doctor.inventory.comparing import Difference, Inventory, compare

__all__ = ["Difference", "Inventory", "compare"]
