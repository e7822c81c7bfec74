"""The store as the clients of the campaign use it."""
