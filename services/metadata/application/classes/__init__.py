"""Callers with a list of classes: what they see of the tables, and what they may change."""
