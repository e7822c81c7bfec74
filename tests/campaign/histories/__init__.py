"""Random histories of sources, flows and objects."""
