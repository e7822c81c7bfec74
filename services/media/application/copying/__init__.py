"""Copies of objects on other storage backends."""
