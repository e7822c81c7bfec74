"""Uploads of files and of large objects in parts."""
