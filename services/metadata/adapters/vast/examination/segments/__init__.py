"""Checks of segments and timelines."""
