"""Segments: registration, listing, deletion."""
