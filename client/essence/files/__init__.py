"""Media files that are written from packets."""
