"""Faults while others work."""
