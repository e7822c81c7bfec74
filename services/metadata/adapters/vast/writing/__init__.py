"""Writes: commits the changes of a group of rules exactly once, even if replies are lost."""
