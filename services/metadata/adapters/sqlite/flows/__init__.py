"""The tables of flows, collections and tags, and their filters."""
