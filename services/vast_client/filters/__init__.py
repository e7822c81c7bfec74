"""Filters of rows, evaluated by the server where possible and by the client otherwise."""
