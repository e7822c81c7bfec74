"""A generated test clip."""
