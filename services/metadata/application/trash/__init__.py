"""Soft deletion: the trash, restoring from it, and purging it."""
