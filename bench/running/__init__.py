"""The processes under measurement."""
