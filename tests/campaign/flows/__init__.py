"""Flows that are long, fresh, or changed by several workers."""
