"""Media objects, and URLs that this store does not control."""
