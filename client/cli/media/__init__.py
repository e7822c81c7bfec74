"""Subcommands on media files."""
