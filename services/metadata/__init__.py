"""The metadata service: sources, flows, the segment index and the object registry."""
