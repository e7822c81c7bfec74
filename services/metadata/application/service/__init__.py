"""The store as a whole: its description, its status, and the background work."""
