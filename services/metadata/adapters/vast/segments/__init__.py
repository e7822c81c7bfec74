"""The segments of flows by time, with their statistics."""
