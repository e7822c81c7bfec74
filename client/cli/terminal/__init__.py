"""Writes to the terminal and asks for confirmations."""
