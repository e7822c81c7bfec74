"""The table of segments, and its queries."""
