"""Subcommands for operators: checks, tables, bulk loads."""
