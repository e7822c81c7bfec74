"""Subcommands on the content of a store: sources, flows, segments, objects and their statistics."""
