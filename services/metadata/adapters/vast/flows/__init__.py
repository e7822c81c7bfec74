"""The tables of flows, collections and tags, and listings of flows and sources."""
