"""Segments: the rules for new ones, and stored ones as documents and lines of text."""
