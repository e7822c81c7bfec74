"""JSON of segments."""
