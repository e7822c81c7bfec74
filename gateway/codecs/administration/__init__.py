"""JSON of administration and bulk loads."""
